import { expect } from 'vitest'
import type { Answer } from '../places-fixture.ts'

/**
 * What reservations should be, from the rules as docs/reservations.md says them, without a database. Nothing is ever heard of
 * the spaces: nobody is contested, and nobody is known to have stayed away.
 */
export const minute = 60_000
const soonMs = 15 * minute
const holdMs = 5 * minute
const mostOpen = 5
const longestMs = 24 * 60 * minute

export interface Booking {
  id: string
  who: string
  space: number
  state: string
  from: number
  to: number
  holdUntil: number | null
  checkedIn: boolean
}

interface Wanted {
  who: string
  space: number | undefined
  from: number
  to: number
  hold: boolean
}

const live = ['pending', 'confirmed', 'active']

export class BookingModel {
  readonly spaces: readonly string[]
  readonly #bookings: Booking[] = []
  #now = 0

  constructor(spaces: readonly string[]) {
    this.spaces = spaces
  }

  /** One of those that were made, or none while there are none. */
  at(index: number): Booking | undefined {
    return this.#bookings[this.#bookings.length - 1 - (index % Math.max(this.#bookings.length, 1))]
  }

  pass(now: number): void {
    this.#now = now
    for (const one of this.#bookings) {
      if (one.state === 'pending' && Math.min(one.holdUntil ?? one.to, one.to) <= now) one.state = 'expired'
      if (one.state === 'confirmed' && one.from <= now) one.state = 'active'
      if (one.state === 'active' && one.to <= now) one.state = 'completed'
    }
  }

  reserved({ who, space, from, to, hold }: Wanted, answer: Answer): void {
    const open = this.#bookings.filter((one) => one.who === who && live.includes(one.state))
    const may = who === 'operator' || open.length < mostOpen
    const free = this.#freeSpaces(from, to)
    const fits = space === undefined ? free.length > 0 : free.includes(space)
    expect(answer.status).toBe(may && fits ? 201 : 409)
    if (answer.status !== 201) return
    const got = this.spaces.indexOf(answer.body.space_id)
    expect(free).toContain(got)
    if (space !== undefined) expect(got).toBe(space)
    const { id } = answer.body
    const holdUntil = hold ? this.#now + holdMs : null
    const state = hold ? 'pending' : 'confirmed'
    this.#bookings.push({ id, who, space: got, state, from, to, holdUntil, checkedIn: false })
    this.pass(this.#now)
    expect(answer.body.state).toBe(this.#bookings.at(-1)?.state)
  }

  acted(booking: Booking, { action, end, answer }: { action: string; end: number | undefined; answer: Answer }): void {
    const { state, checkedIn } = booking
    switch (action) {
      case 'confirm':
        return this.#expect(answer, live.includes(state), () => {
          if (state === 'pending') booking.state = 'confirmed'
        })
      case 'cancel':
        return this.#expect(answer, state === 'cancelled' || (live.includes(state) && !checkedIn), () => {
          booking.state = 'cancelled'
        })
      case 'check-out':
        return this.#expect(
          answer,
          ['active', 'completed'].includes(state) || (state === 'confirmed' && checkedIn),
          () => {
            booking.state = 'completed'
          },
        )
      case 'check-in':
        return this.#checkIn(booking, answer)
      case 'extend':
        return this.#extend(booking, end ?? 0, answer)
      case 'move':
        return this.#move(booking, answer)
      default:
        throw new Error(`no such action: ${action}`)
    }
  }

  #expect({ status }: Answer, allowed: boolean, change: () => void): void {
    expect(status).toBe(allowed ? 200 : 409)
    if (!allowed) return
    change()
    this.pass(this.#now)
  }

  /** Early only where the space shows it: not while another one is on, and perhaps not while another one is soon too. */
  #checkIn(booking: Booking, answer: Answer): void {
    const { state, checkedIn, from, space } = booking
    const early = state === 'confirmed' && !checkedIn
    if (!early) {
      this.#expect(answer, state === 'active' || state === 'confirmed', () => (booking.checkedIn = true))
      return
    }
    const others = this.#bookings.filter((one) => one !== booking && one.space === space)
    const other = (states: string[]) =>
      others.some((one) => states.includes(one.state) && one.from - soonMs <= this.#now)
    if (from - soonMs > this.#now || other(['active'])) expect(answer.status).toBe(409)
    else if (other(['confirmed'])) expect([200, 409]).toContain(answer.status)
    else expect(answer.status).toBe(200)
    if (answer.status === 200) booking.checkedIn = true
  }

  #extend(booking: Booking, end: number, answer: Answer): void {
    const { state, from, to, space } = booking
    if (!live.includes(state)) expect(answer.status).toBe(409)
    else if (end === to) expect(answer.status).toBe(200)
    else if (end - from > longestMs) expect(answer.status).toBe(422)
    else {
      const fits = this.#freeSpaces(to, end).includes(space)
      this.#expect(answer, fits, () => (booking.to = end))
    }
  }

  #move(booking: Booking, answer: Answer): void {
    const { state, checkedIn, from, to, space } = booking
    const free = this.#freeSpaces(from, to).filter((one) => one !== space)
    const movable = live.includes(state) && !checkedIn && from > this.#now
    this.#expect(answer, movable && free.length > 0, () => {
      const got = this.spaces.indexOf(answer.body.space_id)
      expect(free).toContain(got)
      booking.space = got
    })
  }

  #freeSpaces(from: number, to: number): number[] {
    const taken = this.#bookings.filter((one) => live.includes(one.state) && one.from < to && one.to > from)
    return this.spaces.map((_, index) => index).filter((index) => taken.every((one) => one.space !== index))
  }

  stateOf(space: number, at: number): string {
    const here = this.#bookings.filter((one) => one.space === space && live.includes(one.state))
    const one = here.find(({ from, to }) => from <= at && at < to)
    if (one === undefined) return 'free'
    return one.state === 'pending' ? 'held' : 'taken'
  }

  shortly(): string[] {
    return this.#bookings
      .map(({ id, space, state, from, to, checkedIn }) =>
        [id, this.spaces[space], state, from, to, checkedIn].join(' '),
      )
      .toSorted()
  }
}
