import { assert, double, property, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { distanceM, isInBox, mayBeWithin } from '../../src/live/geo.ts'

const point = record({
  lat: double({ min: -90, max: 90, noNaN: true }),
  lon: double({ min: -180, max: 180, noNaN: true }),
})

describe('distances', () => {
  it('are those of known places', () => {
    const hamburg = { lat: 53.5511, lon: 9.9937 }
    const berlin = { lat: 52.52, lon: 13.405 }
    expect(distanceM(hamburg, berlin) / 1000).toBeCloseTo(255.3, 0)
    expect(distanceM({ lat: 0, lon: 179.999 }, { lat: 0, lon: -179.999 })).toBeCloseTo(222.4, 0)
    expect(distanceM({ lat: 90, lon: 12 }, { lat: 90, lon: -100 })).toBeCloseTo(0, 3)
  })

  it('are the same both ways, never more than half way round, and never ruled out where they are near', () => {
    assert(
      property(point, point, (a, b) => {
        const metres = distanceM(a, b)
        expect(metres).toBeCloseTo(distanceM(b, a), 3)
        expect(metres).toBeLessThanOrEqual(20_015_200)
        expect(mayBeWithin(a, b, metres + 0.001)).toBe(true)
      }),
    )
  })
})

describe('a box', () => {
  it('has its edges in it, and may go over the antimeridian', () => {
    const box = { south: -1, west: 179, north: 1, east: -179 }
    expect([179, 180, -180, -179].map((lon) => isInBox({ lat: 1, lon }, box))).toEqual([true, true, true, true])
    expect([0, 178.9, -178.9].map((lon) => isInBox({ lat: 0, lon }, box))).toEqual([false, false, false])
    expect(isInBox({ lat: 1.1, lon: 180 }, box)).toBe(false)
  })
})
