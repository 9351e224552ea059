import { describe, expect, it } from 'vitest'
import {
  dayAfter,
  dayWindow,
  instantOfWall,
  wallClock,
  wallDay,
  wallTime,
  withWallTimes,
} from '../../console/src/zone-times.ts'

const berlin = 'Europe/Berlin'
const hours = (day: string, timezone: string) => {
  const window = dayWindow(day, timezone)
  return window === undefined ? undefined : (window.to.getTime() - window.from.getTime()) / 3_600_000
}

describe('clock times of a time zone', () => {
  it('are instants and back again, all year, also where the offset is no whole hour', () => {
    for (const timezone of [berlin, 'America/Los_Angeles', 'Asia/Kathmandu', 'Pacific/Kiritimati', 'UTC']) {
      for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1); at += 5 * 3_600_000 + 60_000) {
        const wall = wallTime(new Date(at), timezone)
        const back = instantOfWall(wall, timezone)
        // Of an hour that comes twice it is the first.
        expect(back === undefined ? '' : wallTime(back, timezone)).toBe(wall)
        expect(Math.abs((back?.getTime() ?? 0) - at)).toBeLessThanOrEqual(3_600_000)
      }
    }
  })

  it('are read behind an hour that is left out, and as the first of one that comes twice', () => {
    expect(instantOfWall('2026-03-29T02:30', berlin)?.toISOString()).toBe('2026-03-29T01:30:00.000Z')
    expect(instantOfWall('2026-10-25T02:30', berlin)?.toISOString()).toBe('2026-10-25T00:30:00.000Z')
  })

  it('make days of 23, 24 and 25 hours', () => {
    expect(['2026-03-29', '2026-06-01', '2026-10-25'].map((day) => hours(day, berlin))).toEqual([23, 24, 25])
    expect(dayWindow('2026-06-01', berlin)?.from.toISOString()).toBe('2026-05-31T22:00:00.000Z')
  })

  it('are none where an input is empty or wrong', () => {
    expect([instantOfWall(''), instantOfWall('2026-13-01T00:00'), dayWindow('tomorrow')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(dayAfter('2026-02-28', 1)).toBe('2026-03-01')
  })

  it('have seconds only where there are any', () => {
    expect(wallClock(new Date('2026-06-01T10:00:00Z'), berlin)).toBe('12:00')
    expect(wallClock(new Date('2026-06-01T10:00:07Z'), berlin)).toBe('12:00:07')
    expect(wallDay(new Date('2026-06-01T22:30:00Z'), berlin)).toBe('2026-06-02')
  })

  it('take the place of instants in what the API says', () => {
    const said = 'The space is taken from 2026-11-21T14:00:00.000Z to 2026-11-21T15:30:00.000Z: see there.'
    expect(withWallTimes(said, berlin)).toBe('The space is taken from 2026-11-21 15:00 to 2026-11-21 16:30: see there.')
  })
})
