import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { intervalsOf, type Interval } from '../../src/reservations/intervals.ts'
import type { Occupied } from '../../src/store/reservations.ts'

const at = (ms: number) => new Date(ms)
const window = { from: at(100), to: at(200) }
const one = (from: number, to: number | null, state: Occupied['state'], reservationId: string | null = null) => ({
  from: at(from),
  state,
  reservationId,
  to: to === null ? null : at(to),
})
const cut = (occupied: Occupied[]) =>
  intervalsOf(window, occupied).map(({ from, to, state }) => `${from.getTime()}-${to.getTime()} ${state}`)

it('is free where nothing is', () => {
  expect(cut([])).toEqual(['100-200 free'])
  expect(cut([one(0, 100, 'taken'), one(200, 300, 'taken')])).toEqual(['100-200 free'])
})

it('cuts at the edges, and an override without an end goes on', () => {
  expect(cut([one(0, 110, 'taken'), one(150, null, 'blocked')])).toEqual([
    '100-110 taken',
    '110-150 free',
    '150-200 blocked',
  ])
})

it('says the strongest: blocked, taken, held', () => {
  expect(cut([one(100, 200, 'held'), one(120, 140, 'taken'), one(130, 160, 'blocked')])).toEqual([
    '100-120 held',
    '120-130 taken',
    '130-160 blocked',
    '160-200 held',
  ])
})

it('joins neighbours that say the same, unless whose they are is told', () => {
  expect(cut([one(100, 120, 'taken'), one(120, 140, 'taken')])).toEqual(['100-140 taken', '140-200 free'])
  expect(cut([one(100, 120, 'taken', 'a'), one(120, 140, 'taken', 'b')])).toEqual([
    '100-120 taken',
    '120-140 taken',
    '140-200 free',
  ])
})

const anyOccupied = fc.record({
  from: fc.integer({ min: 0, max: 300 }).map(at),
  to: fc.option(fc.integer({ min: 0, max: 300 }).map(at)),
  state: fc.constantFrom('taken' as const, 'held' as const, 'blocked' as const),
  reservationId: fc.constantFrom(null, 'a', 'b'),
})

it('covers all of the time without overlap, whatever lies in it', () => {
  fc.assert(
    fc.property(fc.array(anyOccupied), (all) => {
      const intervals = intervalsOf(window, all)
      expect(intervals[0]?.from).toEqual(window.from)
      expect(intervals.at(-1)?.to).toEqual(window.to)
      for (const [index, { from, to }] of intervals.entries()) {
        expect(from.getTime()).toBeLessThan(to.getTime())
        expect(to).toEqual(intervals[index + 1]?.from ?? window.to)
      }
    }),
  )
})

/** What the word says: of each millisecond the first of the strongest that hold then. */
function plainly(occupied: readonly Occupied[]): string[] {
  const told: string[] = []
  for (let ms = window.from.getTime(); ms < window.to.getTime(); ms++) {
    const there = occupied.filter(({ from, to }) => from <= at(ms) && (to === null || to > at(ms)))
    const order = ['blocked', 'taken', 'held']
    const [strongest] = there.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
    told.push(`${strongest?.state ?? 'free'} ${strongest?.reservationId ?? null}`)
  }
  return told
}

const perMillisecond = (intervals: readonly Interval[]) =>
  intervals.flatMap(({ from, to, state, reservationId }) =>
    Array.from({ length: to.getTime() - from.getTime() }, () => `${state} ${reservationId}`),
  )

it('says of each moment the first of the strongest that hold then', () => {
  fc.assert(
    fc.property(fc.array(anyOccupied, { maxLength: 12 }), (all) => {
      const intervals = intervalsOf(window, all)
      expect(perMillisecond(intervals)).toEqual(plainly(all))
      for (const [index, { state, reservationId }] of intervals.entries())
        expect(intervals[index + 1]).not.toMatchObject({ state, reservationId })
    }),
  )
})

/** Several times as many as are ever read: to look at each for each other one would take minutes. */
describe('many are cut in one go', () => {
  const count = 40_000
  const wide = { from: at(0), to: at(2 * count) }
  const ofWide = (occupied: Occupied[]) => intervalsOf(wide, occupied).map(({ reservationId }) => reservationId)
  const ids = Array.from({ length: count }, (_, n) => String(n))

  it('one after the other', () => {
    expect(ofWide(ids.map((id, n) => one(2 * n, 2 * n + 1, 'taken', id)))).toEqual(ids.flatMap((id) => [id, null]))
  })

  it('one within the other, the outermost first or last', () => {
    const nested = ids.map((id, n) => one(n, 2 * count - n, 'taken', id))
    expect(ofWide(nested)).toEqual(['0'])
    const fromOutside = [...ids.slice(0, -1), String(count - 1), ...ids.slice(0, -1).toReversed()]
    expect(ofWide(nested.toReversed())).toEqual(fromOutside)
  })
})
