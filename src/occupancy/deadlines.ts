import type { Draft } from './draft.ts'
import type { Cause } from './events.ts'
import type { EvidenceDeadline } from './input.ts'
import { nextDeadline, type Evidence } from './state.ts'

/** Fires, in order of time, each evidence deadline that is due, and keeps what was before it (rules O3, O8-O10). */
export function fireDeadlines(draft: Draft, isDue: (at: number) => boolean): Draft {
  for (let next = nextDeadline(draft.state); next !== null && isDue(next.at); next = nextDeadline(draft.state)) {
    const { deadline, at } = next
    draft.set({ fired: [...draft.state.fired, { deadline, at, before: draft.state.facts }] })
    effects[deadline](draft, at, { type: 'timer', timer: deadline, at })
  }
  return draft
}

const effects: Record<EvidenceDeadline, (draft: Draft, at: number, cause: Cause) => void> = {
  debounce_hold(draft, at, cause) {
    const { candidate } = draft.state.facts
    if (candidate !== null)
      draft.confirm(candidate.occupancy, { since: candidate.since, at, cause, rule: 'debounce_hold' })
  },
  sensor_timeout(draft, at, cause) {
    draft.setFacts({ stale: true }, at)
    draft.emit({ kind: 'sensor_lost', eventTime: at, cause, rule: 'sensor_timeout' })
  },
  unknown_after(draft, at, cause) {
    const known = draft.state.facts.occupancy !== 'unknown'
    draft.setFacts({ occupancy: 'unknown', stale: true, candidate: null }, at)
    if (known) draft.emit({ kind: 'sensor_lost', eventTime: at, cause, rule: 'unknown_after' })
  },
}

/** Gives back the facts from before the first deadline that fired at or after `newest`, with events that correct (rule O2). */
export function withdrawDeadlines(draft: Draft, newest: Evidence, cause: Cause): void {
  const { at } = newest
  if (draft.state.fired.length === 0) return
  const first = draft.state.fired.find((fired) => fired.at >= at)
  if (first === undefined) return
  const shown = draft.state.facts
  draft.set({ facts: first.before, newest })
  const restored = first.before
  const correction = { eventTime: at, cause, rule: 'withdrawn' } as const
  if (shown.stale && !restored.stale) draft.emit({ kind: 'sensor_recovered', ...correction })
  // The hold that is taken back had ended staleness; where nothing is known any more, the event below says so.
  if (!shown.stale && restored.stale && restored.occupancy !== 'unknown') {
    draft.emit({ kind: 'sensor_lost', ...correction })
  }
  // Held, fallen silent and forgotten again: the facts agree, but not since when nothing is known.
  const isSaid = shown.stale !== restored.stale || shown.since === restored.since
  if (shown.occupancy === restored.occupancy && isSaid) return
  // A confirmed first reading that is taken back leaves nothing known: there is no evidence to show any more.
  const kind = { occupied: 'occupied', vacant: 'vacated', unknown: 'sensor_lost' } as const
  draft.emit({ kind: kind[restored.occupancy], ...correction })
}
