import type { EventKind, Rule } from './events.ts'
import type { ReservationInput, ReservationPhase } from './input.ts'
import type { Policy } from './policy.ts'
import { holdEndsAt, isLive, soonAt, type Reservation } from './reservation-calendar.ts'
import { evidenceWord, type Occupancy, type SpaceState } from './state.ts'
import { step } from './step.ts'

/**
 * What happens to the reservations of one space by itself, by the clock and by evidence, in the order in which it happened: each moment
 * with its own time, and what was read before it taken in before it. Looking often or rarely ends the same.
 *
 *   R1  A hold ends when it expires, or with its window (`expired`). It shows nothing on the space.
 *   R2  `reserved_soon` before it starts a confirmed one is `soon`; where another is in force, when that one ends.
 *   R3  At its start it becomes active. A car that came since it was soon, and stands there, is its holder's: checked in.
 *       Somebody who stands there since before is not: `contested`, and again `check_in_grace` later while they stay.
 *   R4  A car that comes while it is active is its holder's (`checked_in`), unless somebody else is still there.
 *   R5  When the car that came for it leaves before its end, it is completed and the rest is free.
 *   R6  When somebody else leaves, it is contested no more.
 *   R7  It is a `no_show` when nobody checked in or came and a healthy sensor has said vacant for `no_show_after`, counted from its
 *       start, or from when vacant was first said again. Silence, a stale sensor and an unconfirmed car are never a no-show.
 *   R8  At its end it is completed, whoever came or did not. Where its holder's car still stands there it was overstayed
 *       (`overstayed`): whoever reserved the space next finds it contested (R3).
 *   R9  Of what comes at one time: evidence, the end of one, the start of the next.
 */
export interface EvidenceEvent {
  readonly inputSeq: number
  readonly at: number
  readonly kind: EventKind
  readonly rule: Rule
  readonly occupancy: Occupancy
  readonly stale: boolean
}

/** The kinds of events by which evidence speaks. */
export const evidenceKinds = [
  'occupied',
  'vacated',
  'sensor_lost',
  'sensor_recovered',
] as const satisfies readonly EventKind[]

/** Whether an event says anything about who stands there, or since when nobody does: what is occupied stays so when its sensor is lost. */
export function saysWhoStands({ kind, occupancy }: Pick<EvidenceEvent, 'kind' | 'occupancy'>): boolean {
  if (kind === 'occupied' || kind === 'vacated') return true
  return (kind === 'sensor_lost' || kind === 'sensor_recovered') && occupancy !== 'occupied'
}

export interface ReservedSpace {
  readonly state: SpaceState
  readonly policy: Policy
  readonly inputSeq: number
  /** Those whose moments may have come: all that are live and begin until `now` + `reserved_soon`, or are due. */
  readonly reservations: readonly Reservation[]
  /** All that say who stands there behind the least `evidenceSeq` of them, in order, and the last one before, if there is one. */
  readonly events: readonly EvidenceEvent[]
  readonly before: EvidenceEvent | undefined
}

export interface SettledReservation extends Reservation {
  readonly nextDueAt: number | null
}

/** @returns what is to be fed to the space, in order, and the reservations as they are then */
export function dueSteps(
  space: ReservedSpace,
  now: number,
): { inputs: ReservationInput[]; reservations: SettledReservation[] } {
  const run = new Run(space)
  run.settle(now)
  return { inputs: run.inputs, reservations: run.settled(now) }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Row = Mutable<Reservation>

interface Evidence {
  word: 'free' | 'occupied' | 'unknown'
  since: number | null
}

interface Moment {
  at: number
  /** Of equal times the least first (R9). */
  rank: number
  happen: () => void
  row: Row
  /** Something must be known first that a deadline of the evidence decides. */
  waits?: boolean
}

class Run {
  readonly inputs: ReservationInput[] = []
  readonly #policy: Policy
  readonly #rows: Row[]
  readonly #events: readonly EvidenceEvent[]
  readonly #inputSeq: number
  #state: SpaceState
  /** What was known when the events up to `#next` had happened. */
  #seen: Evidence
  #next = 0

  constructor({ state, policy, reservations, events, before, inputSeq }: ReservedSpace) {
    this.#state = state
    this.#policy = policy
    this.#inputSeq = inputSeq
    this.#rows = reservations.map((row) => ({ ...row })).toSorted((a, b) => a.startsAt - b.startsAt)
    this.#events = events
    this.#seen = before === undefined ? { word: 'unknown', since: null } : taken(undefined, before)
  }

  settle(now: number): void {
    for (;;) {
      const moment = this.#firstMoment(now)
      const event = this.#events[this.#next]
      if (event !== undefined && this.#isBefore(event, moment)) this.#take(event)
      else if (moment !== undefined) moment.happen()
      else return
    }
  }

  /** What is read again for another reservation lies before all moments of those that have seen it. */
  #isBefore(event: EvidenceEvent, moment: Moment | undefined): boolean {
    return moment === undefined || event.at <= moment.at || !this.#hasCaughtUp(moment.row)
  }

  settled(now: number): SettledReservation[] {
    // All that has been told, and all that will be by what is fed now.
    const seen = this.#inputSeq + this.inputs.length
    return this.#rows.map((row) => {
      const evidenceSeq = this.#isWatched(row, now) ? seen : row.evidenceSeq
      return { ...row, evidenceSeq, nextDueAt: this.#nextDue(row, now) }
    })
  }

  #isWatched(row: Row, now: number): boolean {
    return row.state !== 'pending' && soonAt(row, this.#policy) <= now
  }

  /** The true next moment, and when its space is to be watched for it, even where another is in force then. */
  #nextDue(row: Row, now: number): number | null {
    if (!isLive(row)) return null
    const soon = soonAt(row, this.#policy)
    const coming = this.#momentsOf(row).map(({ at }) => at)
    return Math.min(...coming, row.state === 'confirmed' && soon > now ? soon : Infinity)
  }

  #firstMoment(now: number): Moment | undefined {
    const due = this.#rows.flatMap((row) => this.#momentsOf(row)).filter(({ at, waits }) => at <= now && waits !== true)
    return due.toSorted((a, b) => a.at - b.at || a.rank - b.rank)[0]
  }

  #momentsOf(row: Row): Moment[] {
    switch (row.state) {
      case 'pending':
        return [{ row, at: holdEndsAt(row), rank: 0, happen: () => end(row, 'expired', holdEndsAt(row)) }]
      case 'confirmed':
        return [...this.#soon(row), { row, at: row.startsAt, rank: 5, happen: () => this.#start(row) }]
      case 'active':
        return [
          ...this.#noShow(row),
          ...this.#overdue(row),
          { row, at: row.endsAt, rank: 2, happen: () => this.#finish(row) },
        ]
      default:
        return []
    }
  }

  #soon(row: Row): Moment[] {
    const { reservation, override, calendarSince } = this.#state
    const isNext = this.#rows.find(({ state }) => state === 'confirmed') === row
    if (reservation.fact !== 'none' || !isNext) return []
    const freeSince = override === 'none' ? calendarSince : null
    const at = Math.max(soonAt(row, this.#policy), row.createdAt, freeSince ?? -Infinity)
    return at < row.startsAt ? [{ row, at, rank: 4, happen: () => this.#feed(row, 'soon', at) }] : []
  }

  #start(row: Row): void {
    const at = row.startsAt
    if (row.arrivedAt !== null && row.checkedInAt === null) {
      if (this.#state.reservation.id !== row.id) this.#feed(row, 'soon', at)
      this.#feed(row, 'checked_in', at)
      row.checkedInAt = at
    }
    this.#feed(row, 'started', at)
    row.state = 'active'
    if (this.#evidence().word === 'occupied' && row.checkedInAt === null) row.contestedAt = at
  }

  #noShow(row: Row): Moment[] {
    const { word, since } = this.#evidence()
    if (row.checkedInAt !== null || row.arrivedAt !== null || word !== 'free' || !this.#hasCaughtUp(row)) return []
    const at = Math.max(row.startsAt, since ?? row.startsAt) + this.#policy.no_show_after_s * 1000
    if (at > row.endsAt) return []
    const happen = () => {
      this.#feed(row, 'no_show', at)
      end(row, 'no_show', at)
    }
    if (!this.#isUpToDate()) return [{ row, at, rank: 1, happen }]
    const { staleAt, facts } = this.#state
    if (staleAt !== null && staleAt <= at) return []
    if (facts.candidate === null || facts.candidate.since > at) return [{ row, at, rank: 1, happen }]
    return [{ row, at: Math.max(at, facts.candidate.confirmAt), rank: 1, happen, waits: true }]
  }

  #overdue(row: Row): Moment[] {
    const { word, since } = this.#evidence()
    if (row.checkedInAt !== null || word !== 'occupied' || !this.#hasCaughtUp(row)) return []
    const takenAt = Math.max(row.startsAt, since ?? row.startsAt)
    const at = takenAt + this.#policy.check_in_grace_s * 1000
    if (at >= row.endsAt || (row.contestedAt !== null && row.contestedAt >= at)) return []
    const happen = () => {
      this.#feed(row, 'check_in_overdue', at)
      row.contestedAt = at
    }
    return [{ row, at, rank: 3, happen }]
  }

  #finish(row: Row): void {
    const at = row.endsAt
    const isLeaving = this.#isUpToDate() && this.#state.facts.candidate?.occupancy === 'vacant'
    const stays = this.#evidence().word === 'occupied' && row.checkedInAt !== null && row.contestedAt === null
    if (stays && !isLeaving) {
      this.#feed(row, 'overstayed', at)
      row.overstayedAt = at
    }
    this.#feed(row, 'released', at)
    end(row, 'completed', at)
  }

  #take(event: EvidenceEvent): void {
    this.#next += 1
    this.#seen = taken(this.#seen, event)
    const row = this.#rowAt(event.at)
    if (row === undefined || !this.#concerns(row, event)) return
    if (event.kind === 'occupied' && event.rule !== 'withdrawn') this.#arrive(row, event.at)
    if (event.kind === 'vacated') this.#leave(row, event)
  }

  /** Whose space it was: that of the one that is active, else of the next that is soon. */
  #rowAt(at: number): Row | undefined {
    const active = this.#rows.find(({ state, endsAt }) => state === 'active' && at < endsAt)
    if (active !== undefined) return active
    return this.#rows.find((row) => row.state === 'confirmed' && at < row.endsAt && soonAt(row, this.#policy) <= at)
  }

  /** Not applied before, and not from before the space was watched for it. */
  #concerns({ evidenceSeq, ...row }: Row, { inputSeq, at }: EvidenceEvent): boolean {
    if (evidenceSeq === null) return at >= this.#watchedFrom(row)
    return inputSeq > evidenceSeq
  }

  #watchedFrom(row: Pick<Row, 'startsAt' | 'createdAt'>): number {
    return Math.max(soonAt(row, this.#policy), row.createdAt)
  }

  #arrive(row: Row, at: number): void {
    if (at < this.#watchedFrom(row) || row.arrivedAt !== null || row.contestedAt !== null) return
    row.arrivedAt = at
    if (row.state !== 'active' || row.checkedInAt !== null) return
    row.checkedInAt = Math.max(at, row.startsAt)
    this.#feed(row, 'checked_in', row.checkedInAt)
  }

  #leave(row: Row, { at, rule }: EvidenceEvent): void {
    row.contestedAt = null
    if (row.arrivedAt === null) return
    if (row.state !== 'active' || at < row.startsAt || rule === 'withdrawn') {
      // It passed by before the window, or was never there: who reserved may yet come.
      row.arrivedAt = null
      return
    }
    this.#feed(row, 'released', at)
    row.checkedOutAt = at
    end(row, 'completed', at)
  }

  #hasCaughtUp({ evidenceSeq }: Row): boolean {
    const event = this.#events[this.#next]
    return event === undefined || evidenceSeq === null || event.inputSeq > evidenceSeq
  }

  #isUpToDate(): boolean {
    return this.#next >= this.#events.length
  }

  #evidence(): Evidence {
    const { facts } = this.#state
    return this.#isUpToDate() ? { word: evidenceWord(facts), since: facts.since } : this.#seen
  }

  #feed(row: Row, phase: ReservationPhase, at: number): void {
    const input: ReservationInput = { kind: 'reservation', phase, reservation: row.id, at }
    this.inputs.push(input)
    this.#state = step(this.#state, input, this.#policy).state
  }
}

function taken(seen: Evidence | undefined, event: EvidenceEvent): Evidence {
  const word = evidenceWord(event)
  return word === seen?.word ? seen : { word, since: event.at }
}

function end(row: Row, state: 'completed' | 'expired' | 'no_show', at: number): void {
  row.state = state
  row.endedAt = at
}
