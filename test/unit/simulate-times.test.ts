import { describe, expect, test } from 'vitest'
import { UsageError } from '../../src/errors.ts'
import { timeParser } from '../../src/cli/simulate/times.ts'

const iso = (time: number | undefined) => (time === undefined ? undefined : new Date(time).toISOString())

describe('a time that needs no zone', () => {
  test.each([
    ['2026-05-12T15:33:16Z', '2026-05-12T15:33:16.000Z'],
    ['2024-12-05T02:44:37+03:00', '2024-12-04T23:44:37.000Z'],
    ['2025-11-10T13:46:44.188893+00:00', '2025-11-10T13:46:44.188Z'],
    ['Tue, 01 Dec 2020 21:14:07 GMT', '2020-12-01T21:14:07.000Z'],
    ['Tue, 1 Dec 2020 21:14:07 +0100', '2020-12-01T20:14:07.000Z'],
    ['1606857247', '2020-12-01T21:14:07.000Z'],
    ['1606857247.5', '2020-12-01T21:14:07.500Z'],
    ['1606857247000', '2020-12-01T21:14:07.000Z'],
    ['0', '1970-01-01T00:00:00.000Z'],
  ])('%s', (text, expected) => {
    expect(iso(timeParser({ timezone: 'America/Los_Angeles' })(text))).toBe(expected)
  })
})

describe('a local time', () => {
  test.each([
    ['UTC', '5/12/2026 3:33:16 PM', '2026-05-12T15:33:16.000Z'],
    ['America/Los_Angeles', '5/12/2026 8:33:16 AM', '2026-05-12T15:33:16.000Z'],
    ['America/Los_Angeles', '1/12/2026 8:33:16 AM', '2026-01-12T16:33:16.000Z'],
    ['UTC', '12/31/2025 12:00:00 AM', '2025-12-31T00:00:00.000Z'],
    ['UTC', '12/31/2025 12:00:00 PM', '2025-12-31T12:00:00.000Z'],
    ['Asia/Kathmandu', '1/1/2026 12:00:00 AM', '2025-12-31T18:15:00.000Z'],
    ['Pacific/Kiritimati', '1/1/2026 12:00:00 AM', '2025-12-31T10:00:00.000Z'],
    // Clocks go forward at 2:00 and back at 3:00 (Berlin), 2:00 (Los Angeles), half an hour at 2:00 (Lord Howe).
    ['Europe/Berlin', '3/29/2026 1:59:59 AM', '2026-03-29T00:59:59.000Z'],
    ['Europe/Berlin', '3/29/2026 2:00:00 AM', undefined],
    ['Europe/Berlin', '3/29/2026 2:59:59 AM', undefined],
    ['Europe/Berlin', '3/29/2026 3:00:00 AM', '2026-03-29T01:00:00.000Z'],
    ['Europe/Berlin', '10/25/2026 1:59:59 AM', '2026-10-24T23:59:59.000Z'],
    ['Europe/Berlin', '10/25/2026 2:30:00 AM', '2026-10-25T00:30:00.000Z'],
    ['Europe/Berlin', '10/25/2026 3:00:00 AM', '2026-10-25T02:00:00.000Z'],
    ['America/Los_Angeles', '3/8/2026 2:30:00 AM', undefined],
    ['America/Los_Angeles', '11/1/2026 1:30:00 AM', '2026-11-01T08:30:00.000Z'],
    ['Australia/Lord_Howe', '4/5/2026 1:45:00 AM', '2026-04-04T14:45:00.000Z'],
    ['Australia/Lord_Howe', '10/4/2026 2:15:00 AM', undefined],
  ])('in %s: %s', (timezone, text, expected) => {
    expect(iso(timeParser({ timezone })(text))).toBe(expected)
  })
})

describe('what is no time', () => {
  test.each([
    '',
    'yesterday',
    '2026-02-30T00:00:00Z',
    '2/30/2026 1:00:00 AM',
    '13/1/2026 1:00:00 AM',
    '5/12/2026 13:00:00 PM',
    '5/12/2026 0:00:00 AM',
    '5/12/2026 3:33 PM',
    '2026-05-12 15:33:16',
    '2026-05-12',
    'Mon, 01 Dec 2020 21:14:07 GMT',
    'Tue, 01 Dec 2020 24:14:07 GMT',
    '-1',
    '1e9',
    '99999999999999999',
    '12/31/1969 11:59:59 PM',
    ' 1606857247',
  ])('%j', (text) => {
    expect(timeParser({})(text)).toBeUndefined()
  })
})

describe('a format of its own', () => {
  test.each([
    ['DD.MM.YYYY HH:mm', '12.05.2026 15:33', '2026-05-12T15:33:00.000Z'],
    ['D/M/YYYY h:mm:ss A', '5/12/2026 3:33:16 pm', '2026-12-05T15:33:16.000Z'],
    ['YYYY-MM-DD HH:mm:ss.SSS', '2026-05-12 15:33:16.25', '2026-05-12T15:33:16.250Z'],
    ['YYYY-MM-DDTHH:mm:ssZ', '2026-05-12T15:33:16+0230', '2026-05-12T13:03:16.000Z'],
    ['[on] D MMM YYYY [at] H[h]', 'on 7 mar 2026 at 5h', '2026-03-07T05:00:00.000Z'],
    ['YYYYMMDD', '20260512', '2026-05-12T00:00:00.000Z'],
    ['DD.MM.YYYY HH:mm', '12x05.2026 15:33', undefined],
    ['DD.MM.YYYY HH:mm', '2026-05-12T15:33:16Z', undefined],
    ['D MMM YYYY', '7 abc 2026', undefined],
    ['YYYY-MM-DD HH:mm', '2026-05-12 24:00', undefined],
  ])('%s reads %s', (format, text, expected) => {
    expect(iso(timeParser({ format })(text))).toBe(expected)
  })

  test('is local time too', () => {
    const parse = timeParser({ format: 'DD.MM.YYYY HH:mm', timezone: 'Europe/Berlin' })
    expect(iso(parse('12.05.2026 15:33'))).toBe('2026-05-12T13:33:00.000Z')
  })

  test.each([
    '',
    'HH:mm',
    'YYYY-MM HH:mm',
    'MM-DD',
    'YYYY-MM-DD hh:mm',
    'YYYY-MM-DD HH:mm A',
    'YYYY-MM-DD x',
    'YYYY YYYY MM DD',
  ])('%j is refused', (format) => {
    expect(() => timeParser({ format })).toThrow(UsageError)
  })
})

test.each(['Mars/Olympus', '', 'Berlin', '<script>'])('time zone %j is refused', (timezone) => {
  expect(() => timeParser({ timezone })).toThrow(UsageError)
})
