import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayIn } from '../../src/days.ts'

const hour = 3_600_000
const day = (n: number) => new Date(n * 24 * hour).toISOString().slice(0, 10)

describe('a day of a place', () => {
  it.each([
    ['UTC', '2026-11-20', '2026-11-20T00:00:00.000Z', 24],
    ['Europe/Berlin', '2026-11-20', '2026-11-19T23:00:00.000Z', 24],
    ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00:00.000Z', 23],
    ['Europe/Berlin', '2026-10-25', '2026-10-24T22:00:00.000Z', 25],
    ['America/Los_Angeles', '2026-03-08', '2026-03-08T08:00:00.000Z', 23],
    ['Australia/Lord_Howe', '2026-04-05', '2026-04-04T13:00:00.000Z', 24.5],
    ['Asia/Kathmandu', '2026-11-20', '2026-11-19T18:15:00.000Z', 24],
    // Clocks go from 24:00 of the day before to 1:00, and from 24:00 back to 23:00.
    ['America/Santiago', '2024-09-08', '2024-09-08T04:00:00.000Z', 23],
    ['America/Santiago', '2024-04-06', '2024-04-06T03:00:00.000Z', 25],
    ['America/Santiago', '2024-04-07', '2024-04-07T04:00:00.000Z', 24],
    // Midnight twice: the day begins with the first.
    ['Atlantic/Azores', '2026-10-25', '2026-10-25T00:00:00.000Z', 25],
    ['Atlantic/Azores', '2026-03-29', '2026-03-29T01:00:00.000Z', 23],
    // Samoa left this one out.
    ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00:00.000Z', 0],
    ['Pacific/Apia', '2011-12-31', '2011-12-30T10:00:00.000Z', 24],
    ['Etc/GMT-14', '2026-11-20', '2026-11-19T10:00:00.000Z', 24],
  ])('%s %s', (timezone, date, from, hours) => {
    const span = dayIn(timezone, date)
    expect(new Date(span.from).toISOString()).toBe(from)
    expect((span.to - span.from) / hour).toBe(hours)
  })

  it('begins where the one before it ends, in any zone', () => {
    const zones = Intl.supportedValuesOf('timeZone')
    fc.assert(
      fc.property(fc.constantFrom(...zones), fc.integer({ min: 11_000, max: 30_000 }), (zone, number) => {
        const span = dayIn(zone, day(number))
        expect(dayIn(zone, day(number - 1)).to).toBe(span.from)
        if (span.to === span.from) return
        const local = (at: number) =>
          new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' }).format(at)
        expect([local(span.from), local(span.to - 1)]).toEqual([day(number), day(number)])
      }),
      { numRuns: 300 },
    )
  })
})
