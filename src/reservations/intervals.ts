import type { Occupied } from '../store/reservations.ts'
import type { Window } from './rules.ts'

/** When a space is free, and what it is otherwise. Pure. */
export type IntervalState = 'free' | Occupied['state']

export interface Interval extends Window {
  readonly state: IntervalState
  readonly reservationId: string | null
}

const rank: Record<IntervalState, number> = { free: 0, held: 1, taken: 2, blocked: 3 }

/**
 * Cuts the time into intervals that touch and do not overlap, each with the strongest of what holds there: blocked, taken,
 * held, free. Neighbours that say the same are one. Of equally strong ones the first given counts.
 */
export function intervalsOf(window: Window, occupied: readonly Occupied[]): Interval[] {
  const from = window.from.getTime()
  const to = window.to.getTime()
  const inside = (at: Date) => Math.min(Math.max(at.getTime(), from), to)
  const pieces = occupied.map((one) => ({ ...one, from: inside(one.from), to: one.to === null ? to : inside(one.to) }))
  const edges = pieces.flatMap((piece) => [piece.from, piece.to])
  const cuts = [...new Set([from, to, ...edges])].toSorted((a, b) => a - b)
  const strongest = strongestBetween(cuts, pieces)
  const intervals: Interval[] = []
  for (const [index, ends] of cuts.slice(1).entries()) {
    const { state = 'free', reservationId = null } = strongest[index] ?? {}
    add(intervals, { from: new Date(cuts[index] ?? from), to: new Date(ends), state, reservationId })
  }
  return intervals
}

interface Piece extends Pick<Occupied, 'state' | 'reservationId'> {
  from: number
  to: number
}

/**
 * For each two neighbouring cuts what holds between them. The strongest choose first, and what is chosen is stepped over, so
 * that many pieces take hardly longer than it takes to sort them.
 */
function strongestBetween(cuts: readonly number[], pieces: readonly Piece[]): (Piece | undefined)[] {
  const places = new Map(cuts.map((at, place) => [at, place]))
  const placeOf = (at: number) => places.get(at) ?? cuts.length
  const chosen = Array.from<Piece | undefined>({ length: cuts.length })
  const next = cuts.map((_, place) => place)
  for (const piece of pieces.toSorted((a, b) => rank[b.state] - rank[a.state])) {
    const end = placeOf(piece.to)
    for (let place = firstOpen(next, placeOf(piece.from)); place < end; place = firstOpen(next, place)) {
      chosen[place] = piece
      next[place] = place + 1
    }
  }
  return chosen
}

/**
 * The first place from there on that nobody has chosen.
 * @param next a place itself where it is open, else a later one with none open in between; shortened on the way
 */
function firstOpen(next: number[], from: number): number {
  let place = from
  for (;;) {
    const later = next[place] ?? place
    if (later === place) return place
    next[place] = next[later] ?? later
    place = later
  }
}

function add(intervals: Interval[], interval: Interval): void {
  const last = intervals.at(-1)
  const same = last?.state === interval.state && last.reservationId === interval.reservationId
  if (last !== undefined && same) intervals[intervals.length - 1] = { ...last, to: interval.to }
  else intervals.push(interval)
}
