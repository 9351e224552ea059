import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'
import { dayWindow, wallDay, type Window } from '../zone-times.ts'

/** Reservations as the page shows them. Pure: the time is an input. */
export type Reservation = InferResponseType<BaywireClient['api']['v1']['reservations']['$get'], 200>['items'][number]
export type ReservationState = Reservation['state']

/** A mark of its own for each, so that nothing is told by colour alone. */
export const reservationFaces: Readonly<Record<ReservationState, { label: string; mark: string; about: string }>> = {
  pending: { label: 'Held', mark: 'H', about: 'until somebody confirms it, or it expires' },
  confirmed: { label: 'Booked', mark: 'B', about: 'its time has not come' },
  active: { label: 'Active', mark: 'A', about: 'its time has come' },
  completed: { label: 'Completed', mark: 'C', about: 'over' },
  cancelled: { label: 'Cancelled', mark: 'X', about: 'given up before its end' },
  expired: { label: 'Expired', mark: 'E', about: 'a hold that nobody confirmed' },
  no_show: { label: 'No-show', mark: 'N', about: 'nobody came' },
}

export const reservationStates = [
  'pending',
  'confirmed',
  'active',
  'completed',
  'cancelled',
  'expired',
  'no_show',
] as const satisfies readonly ReservationState[]

/** What the page shows, as its URL says. */
export interface Filters {
  siteId: string | undefined
  /** `now`, `today`, or a day. */
  when: string
  show: string
}

/** `needs`: where somebody stands who should not, or nobody came. */
export const shows = ['open', 'needs', ...reservationStates] as const

export function filtersOf(query: URLSearchParams): Filters {
  const when = query.get('when') ?? ''
  const show = query.get('show') ?? ''
  const siteId = query.get('site') ?? ''
  return {
    siteId: siteId === '' ? undefined : siteId,
    when: when === 'now' || isDay(when) ? when : 'today',
    show: shows.some((known) => known === show) ? show : '',
  }
}

export function isDay(text: string): boolean {
  const at = Date.parse(`${text}T00:00Z`)
  return /^20\d\d-\d\d-\d\d$/.test(text) && !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}

const hourMs = 3_600_000

/** The time that is looked at: a whole day there, or an hour around now. */
export function windowOf(when: string, { now, timezone }: { now: Date; timezone: string | undefined }): Window {
  const around = { from: new Date(now.getTime() - hourMs), to: new Date(now.getTime() + hourMs) }
  if (when === 'now') return around
  return dayWindow(when === 'today' ? wallDay(now, timezone) : when, timezone) ?? around
}

export const isOpen = ({ ended_at: ended }: Reservation): boolean => ended === null

/** Somebody else stands there: it can be moved, or its holder told. */
export const isContested = ({ contested_at: at, ended_at: ended }: Reservation): boolean =>
  at !== null && ended === null

export function isShown(reservation: Reservation, { show, when }: Filters): boolean {
  const { state, overstayed_at: overstayed } = reservation
  const needs = isContested(reservation) || overstayed !== null || state === 'no_show'
  if (show === 'needs') return needs
  if (show === 'open') return isOpen(reservation)
  if (show !== '') return state === show
  return when === 'now' ? isOpen(reservation) || needs : true
}

/** Where somebody is needed, then what is there, what comes, and at last what is over, the latest first. */
export function inOrder(reservations: readonly Reservation[]): Reservation[] {
  const rank = (one: Reservation) => (isContested(one) ? 0 : one.state === 'active' ? 1 : isOpen(one) ? 2 : 3)
  const start = (one: Reservation) => Date.parse(one.start)
  return reservations.toSorted((one, other) => {
    const ranks = rank(one) - rank(other)
    if (ranks !== 0) return ranks
    const times = rank(one) === 3 ? start(other) - start(one) : start(one) - start(other)
    return times || one.space.localeCompare(other.space) || one.id.localeCompare(other.id)
  })
}

export type Action = 'confirm' | 'check-in' | 'check-out' | 'extend' | 'move' | 'cancel'

/** What may be done with it now, the likeliest first. Whether it is too early to check in, the server knows. */
export function actionsOf(reservation: Reservation, now: Date): Action[] {
  const { state, checked_in_at: checkedIn } = reservation
  if (!isOpen(reservation)) return []
  const movable = checkedIn === null && (Date.parse(reservation.start) > now.getTime() || isContested(reservation))
  const ways: [Action, boolean][] = [
    ['move', isContested(reservation) && movable],
    ['confirm', state === 'pending'],
    ['check-in', state !== 'pending' && checkedIn === null],
    ['check-out', state === 'active' || checkedIn !== null],
    ['extend', true],
    ['move', movable && !isContested(reservation)],
    ['cancel', checkedIn === null],
  ]
  return ways.filter(([, possible]) => possible).map(([action]) => action)
}

/** Until when it took the space, or is to take it. */
export function endOf({ end, ended_at: ended }: Reservation): Date {
  const planned = new Date(end)
  return ended === null || Date.parse(ended) > planned.getTime() ? planned : new Date(ended)
}

/** `45 min`, `1 h 30 min`, `2 d 3 h` */
export function lengthWords(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000))
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60]
  const words = [days > 0 ? `${days} d` : '', hours > 0 ? `${hours} h` : '', rest > 0 ? `${rest} min` : '']
  return words.filter((word) => word !== '').join(' ') || '0 min'
}
