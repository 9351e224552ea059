import { describe, expect, test } from 'vitest'
import { instantOf, parseMoment } from '../../src/cli/moment.ts'
import { UsageError } from '../../src/errors.ts'

const now = Date.parse('2026-11-21T13:30:00Z')
const meant = (text: string, timezone = 'Europe/Berlin', at = now) =>
  instantOf(parseMoment(text), { timezone, now: at })
const iso = (text: string, timezone?: string, at?: number) => new Date(meant(text, timezone, at).at).toISOString()

describe('a time with its offset', () => {
  test.each([
    ['2026-11-20T14:05:00Z', '2026-11-20T14:05:00.000Z'],
    ['2026-11-20 14:05:00+01:00', '2026-11-20T13:05:00.000Z'],
  ])('%s is the same everywhere', (text, expected) => {
    expect(iso(text)).toBe(expected)
    expect(iso(text, 'America/Los_Angeles')).toBe(expected)
    expect(meant(text).meaning).toBeUndefined()
  })
})

describe('a time of the place', () => {
  test.each([
    // It is 14:30 in Berlin.
    ['14:05', 'Europe/Berlin', '2026-11-21T13:05:00.000Z'],
    ['14:30', 'Europe/Berlin', '2026-11-21T13:30:00.000Z'],
    ['14:30:01', 'Europe/Berlin', '2026-11-20T13:30:01.000Z'],
    ['23:59', 'Europe/Berlin', '2026-11-20T22:59:00.000Z'],
    ['9:05', 'Europe/Berlin', '2026-11-21T08:05:00.000Z'],
    ['today 14:05:09.25', 'Europe/Berlin', '2026-11-21T13:05:09.250Z'],
    ['yesterday 14:05', 'Europe/Berlin', '2026-11-20T13:05:00.000Z'],
    ['Yesterday  0:00', 'Europe/Berlin', '2026-11-19T23:00:00.000Z'],
    ['2026-06-01 14:05', 'Europe/Berlin', '2026-06-01T12:05:00.000Z'],
    ['2026-06-01T14:05:30', 'Europe/Berlin', '2026-06-01T12:05:30.000Z'],
    // It is 03:30 of the 22nd, and 05:30 of the 21st.
    ['yesterday 14:05', 'Pacific/Kiritimati', '2026-11-21T00:05:00.000Z'],
    ['yesterday 14:05', 'America/Los_Angeles', '2026-11-20T22:05:00.000Z'],
    ['14:05', 'America/Los_Angeles', '2026-11-20T22:05:00.000Z'],
    ['14:05', 'UTC', '2026-11-20T14:05:00.000Z'],
    ['13:30', 'UTC', '2026-11-21T13:30:00.000Z'],
  ])('%s in %s', (text, timezone, expected) => {
    expect(iso(text, timezone)).toBe(expected)
  })

  test('says which instant was meant', () => {
    expect(meant('yesterday 14:05').meaning).toBe(
      '"yesterday 14:05" is 2026-11-20 14:05:00 in Europe/Berlin, 2026-11-20T13:05:00.000Z',
    )
  })

  test('over a new year', () => {
    expect(iso('yesterday 23:00', 'UTC', Date.parse('2026-01-01T00:30:00Z'))).toBe('2025-12-31T23:00:00.000Z')
  })

  test('that came twice is the first, and says so; that never came is refused', () => {
    expect(meant('2026-10-25 02:30').meaning).toMatch(/2026-10-25T00:30:00.000Z, the first of the two/)
    expect(meant('2026-04-05 01:45', 'Australia/Lord_Howe').meaning).toContain('the first of the two')
    for (const once of ['2026-10-25 01:59', '2026-10-25 03:00', '2026-11-20 02:30']) {
      expect(meant(once).meaning).not.toContain('the first of the two')
    }
    for (const never of ['2026-03-29 02:30', '2026-02-30 12:00', '2026-13-01 12:00']) {
      expect(() => meant(never)).toThrow(UsageError)
    }
  })
})

test.each([
  '',
  'noon',
  'yesterday',
  '24:00',
  '14:60',
  '14',
  '2026-11-20',
  '20.11.2026 14:05',
  '14:05 Z',
  'tomorrow 14:05',
])('%s is no time', (text) => {
  expect(() => parseMoment(text)).toThrow('write it as')
})
