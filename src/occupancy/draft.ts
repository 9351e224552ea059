import type { SpaceEvent } from './events.ts'
import { evidenceWord, visibleState, type EvidenceFacts, type SpaceState } from './state.ts'

/** One step being worked out: the state so far and the events it has emitted. The state it began with stays as it was. */
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

  /** Sets facts of evidence; where the word that they make changes, it holds since `at`. */
  setFacts(part: Partial<EvidenceFacts>, at: number): void {
    const earlier = this.#state.facts
    const facts = { ...earlier, ...part }
    this.set({ facts: evidenceWord(facts) === evidenceWord(earlier) ? facts : { ...facts, since: at } })
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

  emit(event: Omit<SpaceEvent, 'state'>): void {
    this.set({ version: this.#state.version + 1 })
    this.events.push({ ...event, state: visibleState(this.#state) })
  }
}
