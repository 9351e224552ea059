import { isLive } from '../occupancy/reservation-calendar.ts'
import type { Policy } from '../occupancy/policy.ts'
import { dueSteps, type EvidenceEvent } from '../occupancy/reservation-steps.ts'
import { evidenceWord, initialState, type EvidenceFacts, type SpaceState } from '../occupancy/state.ts'
import type { RecordedReservation } from '../store/replayed-reservations.ts'

/**
 * What would have become of the reservations of one space under some policy and some evidence, by the rules of the calendar
 * itself (`dueSteps`): each begins anew as it was booked, and what its holder did is done again at its time, if it was
 * possible then. A reservation is taken as it was last booked: what it was before it was moved or extended is not kept.
 */
export interface ReservedPast {
  readonly reservations: readonly RecordedReservation[]
  readonly policy: Policy
  /** All that say who stands there, in order, and the last before them. */
  readonly events: readonly EvidenceEvent[]
  readonly before: EvidenceEvent | undefined
  /** The space at the end, where it is known. */
  readonly state?: SpaceState | undefined
  readonly endAt: number
}

/** When each of them became a no-show, by its id. */
export function noShowsOf(past: ReservedPast): Map<string, number> {
  const { endAt } = past
  const events = past.events.map((event, index) => ({ ...event, inputSeq: index + 1 }))
  let rows = past.reservations.map(asBooked)
  for (const { at, id, happen } of [...actionsOf(past), { at: endAt, id: undefined, happen: unchanged }]) {
    rows = settle(rows, { ...past, events, now: at })
    rows = rows.map((row) => (row.id === id && isLive(row) ? happen(row) : row))
  }
  const ended = rows.filter(({ state }) => state === 'no_show')
  return new Map(ended.map(({ id, endedAt }) => [id, endedAt ?? endAt]))
}

function asBooked(row: RecordedReservation): RecordedReservation {
  const nothing = { checkedInAt: null, checkedOutAt: null, arrivedAt: null, contestedAt: null, overstayedAt: null }
  return { ...row, ...nothing, state: 'confirmed', endedAt: null, evidenceSeq: null }
}

interface Action {
  readonly at: number
  readonly id: string | undefined
  readonly happen: (row: RecordedReservation) => RecordedReservation
}

const unchanged: Action['happen'] = (row) => row

/** What people did, and no sensor: the rest follows from the evidence. */
function actionsOf({ reservations, endAt }: ReservedPast): Action[] {
  const actions = reservations.flatMap((row): Action[] => {
    const { id, state, startsAt, checkedInAt, checkedOutAt, arrivedAt, endedAt } = row
    const cameBySensor = arrivedAt !== null && checkedInAt === Math.max(arrivedAt, startsAt)
    const did: Action[] = []
    if (checkedInAt !== null && !cameBySensor) {
      did.push({ id, at: checkedInAt, happen: (one) => ({ ...one, checkedInAt: one.checkedInAt ?? checkedInAt }) })
      if (checkedOutAt !== null) did.push({ id, at: checkedOutAt, happen: endedAs('completed', checkedOutAt) })
    }
    if (state === 'cancelled' && endedAt !== null) did.push({ id, at: endedAt, happen: endedAs('cancelled', endedAt) })
    return did
  })
  return actions.filter(({ at }) => at < endAt).toSorted((a, b) => a.at - b.at)
}

function endedAs(state: 'completed' | 'cancelled', endedAt: number): Action['happen'] {
  return (row) => ({ ...row, state, endedAt })
}

/** All moments that have come by then, of those that were booked by then. */
function settle(
  rows: readonly RecordedReservation[],
  { policy, events, before, state, now, endAt }: ReservedPast & { now: number },
): RecordedReservation[] {
  const later = events.findIndex(({ at }) => at > now)
  const known = later === -1 ? events : events.slice(0, later)
  const due = rows.filter((row) => isLive(row) && row.createdAt <= now)
  const at = now === endAt && state !== undefined ? quiet(state) : stateAfter(before, known)
  const settled = dueSteps({ state: at, policy, inputSeq: known.length, reservations: due, events: known, before }, now)
  const after = new Map(settled.reservations.map((row) => [row.id, row]))
  return rows.map((row) => {
    const one = after.get(row.id)
    if (one === undefined) return row
    // Counted by these events alone: nothing that is fed here is an input of the space.
    return { ...row, ...one, evidenceSeq: one.evidenceSeq === null ? null : known.length }
  })
}

/** A space without a calendar: what was on it is decided here. */
function quiet(state: SpaceState): SpaceState {
  const { reservation, override, calendarSince } = initialState
  return { ...state, reservation, override, calendarSince }
}

function stateAfter(before: EvidenceEvent | undefined, events: readonly EvidenceEvent[]): SpaceState {
  let facts: EvidenceFacts = initialState.facts
  for (const { occupancy, stale, at } of before === undefined ? events : [before, ...events]) {
    const next = { ...facts, occupancy, stale }
    facts = evidenceWord(next) === evidenceWord(facts) ? next : { ...next, since: at }
  }
  return { ...initialState, facts }
}
