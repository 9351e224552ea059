import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { intervalsOf } from '../../src/reservations/intervals.ts'
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

it('covers all of the time without overlap, whatever lies in it', () => {
  const occupied = fc.record({
    from: fc.integer({ min: 0, max: 300 }).map(at),
    to: fc.option(fc.integer({ min: 0, max: 300 }).map(at)),
    state: fc.constantFrom('taken' as const, 'held' as const, 'blocked' as const),
    reservationId: fc.constantFrom(null, 'a', 'b'),
  })
  fc.assert(
    fc.property(fc.array(occupied), (all) => {
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
