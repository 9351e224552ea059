import type { Draft } from './draft.ts'
import type { EventKind } from './events.ts'
import type { Override, OverrideInput, ReservationInput, ReservationPhase } from './input.ts'
import { calendarWord, type ReservationFact, type SpaceState } from './state.ts'

/** Reservation and override inputs (rules C1-C3 of step.ts). */

const overrideEvents: Record<Override, EventKind> = {
  none: 'returned_to_service',
  blocked: 'blocked',
  out_of_service: 'taken_out_of_service',
}

export function stepOverride(draft: Draft, { override, at, user }: OverrideInput): Draft {
  if (draft.state.override === override) return draft
  setCalendar(draft, { override }, at)
  draft.emit({
    kind: overrideEvents[override],
    eventTime: at,
    cause: user === null ? { type: 'timer', timer: 'override_end', at } : { type: 'user', id: user },
    rule: 'override',
  })
  return draft
}

type Cell = (draft: Draft, input: ReservationInput) => void

const begin =
  (fact: 'soon' | 'active'): Cell =>
  (draft, input) => {
    const { id, checkedIn } = draft.state.reservation
    setCalendar(
      draft,
      { reservation: { fact, id: input.reservation, checkedIn: id === input.reservation && checkedIn } },
      input.at,
    )
    emit(draft, input, fact === 'soon' ? 'reserved_soon' : 'reserved')
    if (fact === 'active') contest(draft, input)
  }

const checkIn: Cell = (draft, input) => {
  if (draft.state.reservation.checkedIn) return
  draft.set({ reservation: { ...draft.state.reservation, checkedIn: true } })
  emit(draft, input, 'checked_in')
}

const contest: Cell = (draft, input) => {
  if (isTaken(draft, input) && !draft.state.reservation.checkedIn) emit(draft, input, 'contested')
}

const noShow: Cell = (draft, input) => {
  // Who checked in, or whose space somebody stands in, has not stayed away.
  if (draft.state.reservation.checkedIn || isTaken(draft, input)) return
  release(draft, input, 'no_show')
}

const overstay: Cell = (draft, input) => {
  if (isTaken(draft, input)) emit(draft, input, 'overstayed')
}

/** A moment may be fed late: who came after it does not count. */
function isTaken({ state: { facts } }: Draft, { at }: ReservationInput): boolean {
  return facts.occupancy === 'occupied' && (facts.since === null || facts.since <= at)
}

function release(draft: Draft, input: ReservationInput, kind: EventKind = 'released'): void {
  setCalendar(draft, { reservation: { fact: 'none', id: null, checkedIn: false } }, input.at)
  emit(draft, input, kind)
}

/** Another reservation takes over: the earlier one ends. */
const succeed: Cell = (draft, input) => {
  const earlier = draft.state.reservation.id
  if (earlier !== null) release(draft, { ...input, reservation: earlier })
  begin('active')(draft, input)
}

const nothing: Cell = () => {}

/** Every phase × what is in force: nothing, the same reservation, another one. A missing cell does not compile. */
const cells: Record<ReservationPhase, Record<'none' | `same_${Exclude<ReservationFact, 'none'>}` | 'other', Cell>> = {
  soon: { none: begin('soon'), same_soon: nothing, same_active: nothing, other: nothing },
  started: {
    none: begin('active'),
    same_soon: begin('active'),
    same_active: nothing,
    other: succeed,
  },
  checked_in: { none: nothing, same_soon: checkIn, same_active: checkIn, other: nothing },
  check_in_overdue: { none: nothing, same_soon: nothing, same_active: contest, other: nothing },
  no_show: { none: nothing, same_soon: nothing, same_active: noShow, other: nothing },
  overstayed: { none: nothing, same_soon: nothing, same_active: overstay, other: nothing },
  released: {
    none: nothing,
    same_soon: (draft, input) => release(draft, input),
    same_active: (draft, input) => release(draft, input),
    other: nothing,
  },
}

export function stepReservation(draft: Draft, input: ReservationInput): Draft {
  const { fact, id } = draft.state.reservation
  const column = fact === 'none' ? 'none' : id === input.reservation ? (`same_${fact}` as const) : 'other'
  cells[input.phase][column](draft, input)
  return draft
}

function emit(draft: Draft, input: ReservationInput, kind: EventKind): void {
  draft.emit({
    kind,
    eventTime: input.at,
    cause: { type: 'reservation', id: input.reservation },
    rule: 'reservation',
  })
}

/** Changes a fact of the calendar; the word that override and reservation make holds since `at` where it changed. */
function setCalendar(
  draft: Draft,
  part: Pick<SpaceState, 'override'> | Pick<SpaceState, 'reservation'>,
  at: number,
): void {
  const before = calendarWord(draft.state)
  draft.set(part)
  if (calendarWord(draft.state) !== before) draft.set({ calendarSince: at })
}
