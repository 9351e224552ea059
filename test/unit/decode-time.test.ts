import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseEpoch, parseRfc3339 } from '../../src/decode/time.ts'

/** Times as devices send them, and those that are none. */

const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())
const year10000 = Date.UTC(10_000, 0)
const two = (n: number) => String(Math.trunc(n)).padStart(2, '0')
const anyTime = fc.integer({ min: 0, max: year10000 - 1 })

describe('RFC 3339', () => {
  it.each([
    ['2026-11-20T08:15:04Z', '2026-11-20T08:15:04.000Z'],
    ['2026-11-20t08:15:04z', '2026-11-20T08:15:04.000Z'],
    ['2026-11-20 08:15:04Z', '2026-11-20T08:15:04.000Z'],
    ['2026-11-20T08:15:04.1Z', '2026-11-20T08:15:04.100Z'],
    ['2026-11-20T08:15:04.12Z', '2026-11-20T08:15:04.120Z'],
    ['2026-11-20T08:15:04.123456789Z', '2026-11-20T08:15:04.123Z'],
    ['2026-11-20T08:15:04.9999Z', '2026-11-20T08:15:04.999Z'],
    ['2026-11-20T08:15:04+00:00', '2026-11-20T08:15:04.000Z'],
    ['2026-11-20T08:15:04-00:00', '2026-11-20T08:15:04.000Z'],
    ['2026-11-20T08:15:04+05:45', '2026-11-20T02:30:04.000Z'],
    ['2026-11-20T08:15:04-09:30', '2026-11-20T17:45:04.000Z'],
    ['2026-12-31T23:30:00-01:00', '2027-01-01T00:30:00.000Z'],
    ['2026-11-20T08:15:04+23:59', '2026-11-19T08:16:04.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T23:59:59.999Z', '2000-02-29T23:59:59.999Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ['1969-12-31T23:00:00-01:00', '1970-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is %s', (text, expected) => {
    expect(iso(parseRfc3339(text))).toBe(expected)
  })

  it.each([
    '',
    ' ',
    'Z',
    '2026-11-20',
    '2026-11-20T08:15Z',
    '2026-11-20T08:15:04',
    '2026-11-20T08:15:04 Z',
    ' 2026-11-20T08:15:04Z',
    '2026-11-20T08:15:04Z ',
    '2026-11-20T08:15:04Z\n',
    '2026-11-20T08:15:04Z\0',
    '2026-11-20T08:15:04.Z',
    '2026-11-20T08:15:04,5Z',
    '2026-11-20T08:15:04.1234567890Z',
    '2026-11-20T08:15:04+0000',
    '2026-11-20T08:15:04+00',
    '2026-11-20T08:15:04+24:00',
    '2026-11-20T08:15:04+23:60',
    '2026-11-20T08:15:04+99:99',
    '2026-11-20T24:00:00Z',
    '2026-11-20T08:60:00Z',
    '2026-11-20T08:15:61Z',
    '2026-00-20T08:15:04Z',
    '2026-13-20T08:15:04Z',
    '2026-11-00T08:15:04Z',
    '2026-11-31T08:15:04Z',
    '2026-02-29T08:15:04Z',
    '2026-02-30T08:15:04Z',
    '1900-02-29T08:15:04Z',
    '2100-02-29T08:15:04Z',
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '0000-01-01T00:00:00Z',
    '+02026-11-20T08:15:04Z',
    '20261120T081504Z',
    '２０26-11-20T08:15:04Z',
    '2026-11-20T08:15:04−01:00',
    'Fri, 20 Nov 2026 08:15:04 GMT',
    '11/20/2026 8:15:04 AM',
    '1763626504',
  ])('%j is none', (text) => {
    expect(parseRfc3339(text)).toBeUndefined()
  })

  it('knows the length of every month', () => {
    for (const year of [1972, 1999, 2000, 2024, 2025, 2100, 2400, 9996]) {
      for (let month = 1; month <= 12; month++) {
        const days = [...Array(33).keys()].filter((day) => parseRfc3339(`${year}-${two(month)}-${two(day)}T12:00:00Z`))
        const last = new Date(Date.UTC(year, month, 0)).getUTCDate()
        expect(days, `${year}-${month}`).toEqual([...Array(last).keys()].map((day) => day + 1))
      }
    }
  })

  it('reads back what it was written as, in any zone', () => {
    fc.assert(
      fc.property(anyTime, fc.integer({ min: -1439, max: 1439 }), (ms, minutes) => {
        const local = ms + minutes * 60_000
        fc.pre(local >= 0 && local < year10000)
        const offset = `${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`
        expect(parseRfc3339(new Date(local).toISOString().replace('Z', offset))).toBe(ms)
        expect(parseRfc3339(new Date(ms).toISOString())).toBe(ms)
      }),
      { numRuns: 2000 },
    )
  })

  it('gives a time in range or none for any text like one', () => {
    const like = fc
      .array(fc.nat(99), { minLength: 9, maxLength: 9 })
      .map((pairs) => pairs.map(two))
      .map(([a, b, c, d, e, f, g, h, i]) => `${a}${b}-${c}-${d}T${e}:${f}:${g}+${h}:${i}`)
    fc.assert(
      fc.property(fc.oneof(like, fc.string()), (text) => {
        const ms = parseRfc3339(text)
        if (ms !== undefined) expect(ms >= 0 && ms < year10000 && Number.isSafeInteger(ms)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('epoch', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [0.5, '1970-01-01T00:00:00.500Z'],
    [1_763_626_504, '2025-11-20T08:15:04.000Z'],
    [1_763_626_504.1234, '2025-11-20T08:15:04.123Z'],
    [1_763_626_504_120, '2025-11-20T08:15:04.120Z'],
    [1_763_626_504_120.4, '2025-11-20T08:15:04.120Z'],
    [99_999_999_999, '5138-11-16T09:46:39.000Z'],
    [100_000_000_000, '1973-03-03T09:46:40.000Z'],
    [year10000 - 1, '9999-12-31T23:59:59.999Z'],
  ])('%d is %s', (value, expected) => {
    expect(iso(parseEpoch(value))).toBe(expected)
  })

  it.each([
    -1,
    -0.001,
    -1e308,
    year10000,
    year10000 - 0.4,
    1e15,
    1_763_626_504_120_000,
    1e308,
    5e-324 - 1,
    Infinity,
    -Infinity,
    NaN,
  ])('%d is none', (value) => {
    expect(parseEpoch(value)).toBeUndefined()
  })

  it('reads milliseconds as they are, and whole seconds as a thousand of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100_000_000_000, max: year10000 - 1 }), (ms) => {
        expect(parseEpoch(ms)).toBe(ms)
      }),
    )
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999_999_999 }), (s) => {
        expect(parseEpoch(s)).toBe(s * 1000)
      }),
    )
  })

  it('gives whole milliseconds in range or none for any number', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const ms = parseEpoch(value)
        if (ms !== undefined) expect(ms >= 0 && ms < year10000 && Number.isSafeInteger(ms)).toBe(true)
      }),
    )
  })
})
