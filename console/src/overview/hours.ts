import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'
import { outcomes, type Outcome } from '../outcomes.ts'

export type Ledger = InferResponseType<BaywireClient['api']['v1']['ledger']['$get'], 200>
type Counts = Record<Outcome | 'received', number>

/** What outcomes have in common, from below to above. Each is told by its pattern as well as by its colour. */
export const bands = [
  { band: 'changed', label: 'Changed a space', outcomes: ['applied'] },
  { band: 'confirmed', label: 'Said what was known', outcomes: ['unchanged', 'debouncing'] },
  { band: 'again', label: 'Came again or late', outcomes: ['duplicate', 'late'] },
  { band: 'dead', label: 'Had no effect', outcomes: ['retained', 'unassigned', 'unknown_device', 'malformed'] },
] as const satisfies readonly { band: string; label: string; outcomes: readonly Outcome[] }[]
export type Band = (typeof bands)[number]['band']

export interface Hour extends Counts {
  at: Date
}

const hourMs = 3_600_000

/** Midnight of the day of `now`, and of the day after, where the browser is. */
export function dayOf(now: Date): { from: Date; to: Date } {
  const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()]
  return { from: new Date(year, month, day), to: new Date(year, month, day + 1) }
}

/** The steps of a ledger by hours of the day: 23 or 25 of them where clocks are put forward or back. */
export function hoursOf(series: Ledger['series'], { from, to }: { from: Date; to: Date }): Hour[] {
  const count = Math.ceil((to.getTime() - from.getTime()) / hourMs)
  const hours = Array.from({ length: count }, (_, index) => ({
    at: new Date(from.getTime() + index * hourMs),
    ...none(),
  }))
  for (const { at, ...counts } of series) {
    // Where midnight is no full hour of UTC, the first step begins before it.
    const hour = hours[Math.max(0, Math.floor((Date.parse(at) - from.getTime()) / hourMs))]
    if (hour === undefined) continue
    for (const name of ['received', ...outcomes] as const) hour[name] += counts[name]
  }
  return hours
}

function none(): Counts {
  return Object.fromEntries((['received', ...outcomes] as const).map((name) => [name, 0])) as Counts
}

export function sumOfBand(counts: Counts, band: Band): number {
  const { outcomes: own } = bands.find((each) => each.band === band) ?? { outcomes: [] }
  return own.reduce((sum, outcome) => sum + counts[outcome], 0)
}

/** The lowest of 1, 2 or 5 times a power of ten that is as high: what the axis ends with. */
export function topOf(highest: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, highest)))
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= highest) ?? highest
}

export interface Segment {
  band: Band
  /** Of the height of the chart, from below. */
  from: number
  height: number
}

/** However few there are, what had no effect is to be seen. */
const leastSeen = 0.02

export function segmentsOf(hour: Hour, top: number): Segment[] {
  let from = 0
  return bands.flatMap(({ band }) => {
    const sum = sumOfBand(hour, band)
    if (sum === 0) return []
    const height = Math.max(sum / top, band === 'dead' ? leastSeen : 0)
    const segment = { band, from, height }
    from += height
    return [segment]
  })
}
