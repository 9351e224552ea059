import type { Input } from '../../../src/occupancy/input.ts'
import type { Policy } from '../../../src/occupancy/policy.ts'
import { isLive, soonAt, type Reservation } from '../../../src/occupancy/reservation-calendar.ts'
import {
  dueSteps,
  saysWhoStands,
  type EvidenceEvent,
  type SettledReservation,
} from '../../../src/occupancy/reservation-steps.ts'
import { initialState, nextDeadline, type SpaceState } from '../../../src/occupancy/state.ts'
import { step } from '../../../src/occupancy/step.ts'

export type Act =
  | { kind: 'read'; occupied: boolean }
  | { kind: 'book'; ahead: number; length: number; hold: number | null }
  | { kind: 'cancel' | 'confirm' | 'check in'; which: number }

const minuteMs = 60_000

/** One space, its reservations and its events, kept as the store keeps them. */
export class ReservedWorld {
  readonly policy: Policy
  state: SpaceState = initialState
  rows: SettledReservation[] = []
  readonly #events: EvidenceEvent[] = []
  readonly #readings: { at: number; occupied: boolean }[] = []
  #inputSeq = 0

  constructor(policy: Policy) {
    this.policy = policy
  }

  /** As people and sensors do, at that minute. Verbs settle first what is due. */
  act(minute: number, act: Act): void {
    const now = minute * minuteMs
    if (act.kind === 'read') {
      this.#readings.push({ at: now, occupied: act.occupied })
      this.#step({
        kind: 'reading',
        occupied: act.occupied,
        at: now,
        session: '1',
        counter: this.#readings.length,
        id: String(now),
        part: 0,
        device: 'd',
        receivedAt: now,
      })
      return
    }
    this.settle(now)
    if (act.kind === 'book') this.#book(now, act)
    else this.#change(now, act)
    // Whoever changes a reservation settles what follows from it at once.
    this.settle(now)
  }

  turn(minute: number): void {
    this.settle(minute * minuteMs)
  }

  #fireDeadlines(now: number): void {
    for (let due = nextDeadline(this.state); due !== null && due.at <= now; due = nextDeadline(this.state)) {
      this.#step({ kind: 'deadline', ...due })
    }
  }

  /** By the times that it said itself, and the events that nobody looked at. Deadlines of evidence have a sweep of their own. */
  isDue(minute: number): boolean {
    const now = minute * minuteMs
    this.#fireDeadlines(now)
    return this.rows.some(({ nextDueAt, state, evidenceSeq }) => {
      const isWatched = evidenceSeq !== null && (state === 'confirmed' || state === 'active')
      const news = isWatched && this.#events.some(({ inputSeq }) => inputSeq > evidenceSeq)
      return (nextDueAt !== null && nextDueAt <= now) || news
    })
  }

  settle(now: number): void {
    this.#fireDeadlines(now)
    const near = this.rows.filter(
      (row) =>
        isLive(row) &&
        (row.startsAt <= now + this.policy.reserved_soon_s * 1000 || (row.nextDueAt !== null && row.nextDueAt <= now)),
    )
    const after = Math.min(...near.filter(({ state }) => state !== 'pending').map((row) => this.#after(row)))
    const { inputs, reservations } = dueSteps(
      {
        state: this.state,
        policy: this.policy,
        inputSeq: this.#inputSeq,
        reservations: near,
        before: this.#events.findLast(({ inputSeq }) => inputSeq <= after),
        events: this.#events.filter(({ inputSeq }) => inputSeq > after),
      },
      now,
    )
    for (const input of inputs) this.#step(input)
    const settled = new Map(reservations.map((row) => [row.id, row]))
    this.rows = this.rows.map((row) => settled.get(row.id) ?? row)
  }

  /** By the readings alone: the last one before, and all in between, said vacant, and none was too old. */
  wasKnownVacant(from: number, to: number): boolean {
    const before = this.#readings.findLast(({ at }) => at <= from)
    const within = this.#readings.filter(({ at }) => at > from && at < to)
    const fresh = (before?.at ?? -Infinity) + this.policy.sensor_timeout_s * 1000 > from
    return fresh && [before, ...within].every((reading) => reading?.occupied === false || this.policy.debounce !== null)
  }

  #after(row: Reservation): number {
    if (row.evidenceSeq !== null) return row.evidenceSeq
    const since = Math.max(soonAt(row, this.policy), row.createdAt)
    const known = this.#events.findLast(({ at }) => at < since)
    return known === undefined ? 0 : known.inputSeq - 1
  }

  #book(now: number, { ahead, length, hold }: Extract<Act, { kind: 'book' }>): void {
    const startsAt = now + ahead * minuteMs
    const endsAt = startsAt + length * minuteMs
    if (this.rows.some((row) => isLive(row) && row.startsAt < endsAt && startsAt < row.endsAt)) return
    this.rows = [
      ...this.rows,
      {
        id: `r${this.rows.length}`,
        state: hold === null ? 'confirmed' : 'pending',
        createdAt: now,
        startsAt,
        endsAt,
        holdExpiresAt: hold === null ? null : now + hold * minuteMs,
        checkedInAt: null,
        checkedOutAt: null,
        arrivedAt: null,
        contestedAt: null,
        overstayedAt: null,
        endedAt: null,
        evidenceSeq: null,
        nextDueAt: now,
      },
    ]
  }

  #change(now: number, { kind, which }: Extract<Act, { which: number }>): void {
    const found = this.rows[which]
    if (found === undefined || !isLive(found)) return
    const reservation = found.id
    const isInForce = this.state.reservation.id === reservation
    let changed = found
    if (kind === 'cancel') {
      if (isInForce) this.#step({ kind: 'reservation', phase: 'released', reservation, at: now })
      changed = { ...found, state: 'cancelled', endedAt: now, nextDueAt: null }
    } else if (kind === 'confirm' && found.state === 'pending') {
      changed = { ...found, state: 'confirmed', nextDueAt: now }
    } else if (kind === 'check in' && isInForce && found.checkedInAt === null) {
      this.#step({ kind: 'reservation', phase: 'checked_in', reservation, at: now })
      changed = { ...found, checkedInAt: now, nextDueAt: now }
    }
    this.rows = this.rows.map((row) => (row.id === reservation ? changed : row))
  }

  #step(input: Input): void {
    const inputSeq = ++this.#inputSeq
    const { state, events } = step(this.state, input, this.policy)
    this.state = state
    for (const { kind, eventTime: at, rule, state: seen } of events) {
      if (saysWhoStands({ kind, occupancy: seen.occupancy })) {
        this.#events.push({ inputSeq, at, kind, rule, occupancy: seen.occupancy, stale: seen.stale })
      }
    }
  }
}
