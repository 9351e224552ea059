import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layOut, type PlacedSpace } from '../../console/src/site/floor-layout.ts'

const nowhere = { plan_x: null, plan_y: null, lat: null, lon: null }
const space = (id: string, place: Partial<PlacedSpace> = {}): PlacedSpace => ({ id, code: id, ...nowhere, ...place })

function overlaps({ bays, width, height }: ReturnType<typeof layOut>): string[] {
  return bays.flatMap((one, index) =>
    bays
      .slice(index + 1)
      .filter((other) => Math.abs(one.x - other.x) < width - 1e-6 && Math.abs(one.y - other.y) < height - 1e-6)
      .map((other) => `${one.id} over ${other.id}`),
  )
}

describe('the layout of a floor', () => {
  it('takes the places of the plan, north up, as bays of 2.5 by 5 m', () => {
    const { bays, width, height, inRows } = layOut([
      space('south', { plan_x: 0, plan_y: 0 }),
      space('north', { plan_x: 0, plan_y: 20 }),
      space('east', { plan_x: 30, plan_y: 0 }),
    ])
    const [south, north, east] = bays
    expect([width, height]).toEqual([2.5 * 0.92, 5 * 0.92])
    expect((south?.y ?? 0) - (north?.y ?? 0)).toBeCloseTo(20)
    expect((east?.x ?? 0) - (south?.x ?? 0)).toBeCloseTo(30)
    expect(inRows).toBe(0)
  })

  it('shrinks the bays where neighbours stand closer', () => {
    const { width, height } = layOut([
      space('a', { plan_x: 0, plan_y: 0 }),
      space('b', { plan_x: 2, plan_y: 0 }),
      space('c', { plan_x: 0, plan_y: 4 }),
    ])
    expect([width, height]).toEqual([2 * 0.92, 4 * 0.92])
  })

  it('takes coordinates where there is no plan, in metres', () => {
    const { bays } = layOut([
      space('a', { lat: 56.15, lon: 10.2 }),
      space('b', { lat: 56.15, lon: 10.2 + 10 / (111_320 * Math.cos((56.15 * Math.PI) / 180)) }),
      space('c', { lat: 56.15 - 10 / 111_320, lon: 10.2 }),
    ])
    const [a, b, c] = bays
    expect((b?.x ?? 0) - (a?.x ?? 0)).toBeCloseTo(10, 3)
    expect((c?.y ?? 0) - (a?.y ?? 0)).toBeCloseTo(10, 3)
  })

  it('puts what has no place in rows by code, beside nothing else', () => {
    const layout = layOut([
      space('A-1', { plan_x: 0, plan_y: 0 }),
      ...Array.from({ length: 20 }, (_, index) => space(`B-${20 - index}`)),
    ])
    expect(layout.inRows).toBe(20)
    expect(overlaps(layout)).toEqual([])
    const rows = layout.bays.slice(1).map(({ id }) => id)
    expect(rows.slice(0, 3)).toEqual(['B-1', 'B-2', 'B-3'])
  })

  it('never lets two overlap, and never leaves the floor, wherever they stand', () => {
    const metres = fc.integer({ min: -40, max: 40 })
    const places = fc.uniqueArray(fc.record({ plan_x: metres, plan_y: metres }), {
      selector: ({ plan_x, plan_y }) => `${plan_x} ${plan_y}`,
      maxLength: 40,
    })
    fc.assert(
      fc.property(places, fc.integer({ min: 0, max: 5 }), (placed, without) => {
        const spaces = [
          ...placed.map((place, index) => space(`p${index}`, place)),
          ...Array.from({ length: without }, (_, index) => space(`n${index}`)),
        ]
        const layout = layOut(spaces)
        expect(layout.bays).toHaveLength(spaces.length)
        expect(overlaps(layout)).toEqual([])
        for (const { x, y } of layout.bays) {
          expect(x - layout.width / 2).toBeGreaterThanOrEqual(0)
          expect(y - layout.height / 2).toBeGreaterThanOrEqual(0)
          expect(x + layout.width / 2).toBeLessThanOrEqual(layout.extent.width)
          expect(y + layout.height / 2).toBeLessThanOrEqual(layout.extent.height)
        }
      }),
    )
  })

  it('shows each of several at one place', () => {
    const { bays } = layOut(['a', 'b', 'c'].map((id) => space(id, { plan_x: 1, plan_y: 1 })))
    expect(new Set(bays.map(({ x, y }) => `${x} ${y}`)).size).toBe(3)
  })

  it('is quick with 5,000', () => {
    const spaces = Array.from({ length: 5000 }, (_, index) =>
      space(`s${index}`, { plan_x: (index % 100) * 2.5, plan_y: Math.floor(index / 100) * 5 }),
    )
    expect(layOut(spaces).bays).toHaveLength(5000)
  })
})
