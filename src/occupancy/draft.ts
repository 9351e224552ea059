import type { SpaceEvent } from './events.ts'
import { evidenceWord, visibleState, type EvidenceFacts, type SpaceState } from './state.ts'

/**
 * One step being worked out: the state so far and the events it has emitted. The state it began with stays as it was.
 * What each reading makes anew is written out field by field: a spread with fields added gives each object a hidden class of
 * its own, and then whatever reads it is slow.
 */
export class Draft {
  readonly events: SpaceEvent[] = []
  #state: SpaceState

  constructor(state: SpaceState) {
    this.#state = state
  }

  get state(): SpaceState {
    return this.#state
  }

  set(part: Partial<SpaceState>): void {
    this.#state = { ...this.#state, ...part }
  }

  /** What newer evidence brings with it; deadlines that fired are behind it. */
  takeEvidence({
    newest,
    sources,
    staleAt,
    unknownAt,
  }: Pick<SpaceState, 'newest' | 'sources' | 'staleAt' | 'unknownAt'>): void {
    const { facts, reservation, override, calendarSince, version } = this.#state
    this.#state = {
      facts,
      newest,
      sources,
      staleAt,
      unknownAt,
      fired: [],
      reservation,
      override,
      calendarSince,
      version,
    }
  }

  /** Sets facts of evidence; where the word that they make changes, it holds since `at`. */
  setFacts(part: Partial<Omit<EvidenceFacts, 'since'>>, at: number): void {
    const earlier = this.#state.facts
    const { occupancy = earlier.occupancy, stale = earlier.stale, candidate = earlier.candidate } = part
    const isSame = evidenceWord({ occupancy, stale }) === evidenceWord(earlier)
    this.set({ facts: { occupancy, stale, candidate, since: isSame ? earlier.since : at } })
  }

  /**
   * A change of occupancy and its event, that was first read at `since` and confirmed at `at`. Where the space was
   * stale its sensor is back; what people see goes straight to the new occupancy, over no word in between.
   */
  confirm(
    occupancy: 'vacant' | 'occupied',
    { since, at, cause, rule }: Pick<SpaceEvent, 'cause' | 'rule'> & { since: number; at: number },
  ): void {
    const { facts, staleAt } = this.#state
    // A hold may end when its own evidence has become old already.
    const stale = facts.stale && staleAt !== null && at > staleAt
    this.setFacts({ occupancy, candidate: null, stale }, since)
    if (facts.stale && !stale)
      this.emit({ kind: 'sensor_recovered', eventTime: since, cause, rule: 'evidence_returned' })
    this.emit({ kind: occupancy === 'occupied' ? 'occupied' : 'vacated', eventTime: since, cause, rule })
  }

  emit({ kind, eventTime, cause, rule }: Omit<SpaceEvent, 'state'>): void {
    this.set({ version: this.#state.version + 1 })
    this.events.push({ kind, eventTime, cause, rule, state: visibleState(this.#state) })
  }
}
