import { expect, it } from 'vitest'
import { age, dayOf, localDay, localTime } from '../../console/src/times.ts'

function day(name: string, timezone: string): string[] {
  const { fromMs, toMs } = dayOf(name, timezone)
  return [fromMs, toMs].map((ms) => new Date(ms).toISOString())
}

it('tells where a day begins and ends in a time zone, also where the clocks are changed', () => {
  expect(day('2026-11-21', 'UTC')).toEqual(['2026-11-21T00:00:00.000Z', '2026-11-22T00:00:00.000Z'])
  expect(day('2026-11-21', 'Europe/Copenhagen')).toEqual(['2026-11-20T23:00:00.000Z', '2026-11-21T23:00:00.000Z'])
  expect(day('2026-03-29', 'Europe/Copenhagen')).toEqual(['2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'])
  expect(day('2026-10-25', 'Europe/Copenhagen')).toEqual(['2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'])
  expect(day('2026-12-31', 'America/Los_Angeles')).toEqual(['2026-12-31T08:00:00.000Z', '2027-01-01T08:00:00.000Z'])
})

it('names the day where it is not today', () => {
  const now = new Date('2026-11-21T12:00:00Z')
  const at = new Date('2026-11-20T23:30:05Z')
  expect(localTime(at, { timezone: 'Europe/Copenhagen', now })).toBe('00:30:05')
  expect(localTime(at, { timezone: 'UTC', now })).toBe('2026-11-20 23:30:05')
  expect(localDay(at, 'Europe/Copenhagen')).toBe('2026-11-21')
})

it('tells ages', () => {
  const now = new Date('2026-11-21T12:00:00Z')
  const ages = [5, 65, 3700, 90_000].map((seconds) => age(new Date(now.getTime() - seconds * 1000), now))
  expect(ages).toEqual(['5 s', '1 min', '1 h 1 min', '1 d 1 h'])
})
