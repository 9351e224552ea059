import type { EventKind } from '../occupancy/events.ts'
import { calendarWord, initialState, type SpaceState } from '../occupancy/state.ts'
import type { EventOfSpace } from '../store/explain-events.ts'

/**
 * What the calendar and operators had said by a time of their own. Evidence does not revise it; but a moment may have been
 * fed late, behind what came after it, so that each fact is taken from its own events and not from what was shown with them.
 *
 * @param events of reservations and overrides up to then, the newest first
 */
export function withCalendar(state: SpaceState, events: readonly EventOfSpace[]): SpaceState {
  let known: SpaceState = {
    ...state,
    reservation: initialState.reservation,
    override: initialState.override,
    calendarSince: initialState.calendarSince,
  }
  for (const event of events.toReversed()) {
    const next = { ...known, ...factOf(event, known) }
    const isSame = calendarWord(next) === calendarWord(known)
    known = { ...next, calendarSince: isSame ? known.calendarSince : event.eventTime }
  }
  return known
}

function factOf(
  { kind, cause }: EventOfSpace,
  { reservation }: SpaceState,
): Partial<Pick<SpaceState, 'reservation' | 'override'>> {
  const id = cause.type === 'reservation' ? cause.id : null
  const checkedIn = id === reservation.id && reservation.checkedIn
  const facts: Partial<Record<EventKind, Partial<Pick<SpaceState, 'reservation' | 'override'>>>> = {
    blocked: { override: 'blocked' },
    taken_out_of_service: { override: 'out_of_service' },
    returned_to_service: { override: 'none' },
    reserved_soon: { reservation: { fact: 'soon', id, checkedIn } },
    reserved: { reservation: { fact: 'active', id, checkedIn } },
    checked_in: { reservation: { ...reservation, checkedIn: true } },
    released: { reservation: initialState.reservation },
    no_show: { reservation: initialState.reservation },
  }
  return facts[kind] ?? {}
}
