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
 * held, free. Neighbours that say the same are one.
 */
export function intervalsOf(window: Window, occupied: readonly Occupied[]): Interval[] {
  const { from, to } = window
  const inside = (at: Date) => Math.min(Math.max(at.getTime(), from.getTime()), to.getTime())
  const pieces = occupied.map((one) => ({ ...one, from: inside(one.from), to: inside(one.to ?? to) }))
  const edges = pieces.flatMap((piece) => [piece.from, piece.to])
  const cuts = [...new Set([inside(from), inside(to), ...edges])].toSorted((a, b) => a - b)
  const intervals: Interval[] = []
  for (const [index, begins] of cuts.toSorted((a, b) => a - b).entries()) {
    const ends = cuts.toSorted((a, b) => a - b)[index + 1]
    if (ends === undefined) break
    const strongest = pieces
      .filter((piece) => piece.from <= begins && piece.to >= ends)
      .toSorted((a, b) => rank[b.state] - rank[a.state])[0]
    add(intervals, {
      from: new Date(begins),
      to: new Date(ends),
      state: strongest?.state ?? 'free',
      reservationId: strongest?.reservationId ?? null,
    })
  }
  return intervals
}

function add(intervals: Interval[], interval: Interval): void {
  const last = intervals.at(-1)
  const same = last?.state === interval.state && last.reservationId === interval.reservationId
  if (last !== undefined && same) intervals[intervals.length - 1] = { ...last, to: interval.to }
  else intervals.push(interval)
}
