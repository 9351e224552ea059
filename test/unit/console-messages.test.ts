import { describe, expect, it } from 'vitest'
import { quoted, readPolicy, replayCommand } from '../../console/src/messages/backtest.ts'
import { hexDump, indented } from '../../console/src/messages/hex-dump.ts'
import {
  apiQuery,
  chooseSpace,
  fieldOfPath,
  filterOf,
  localMoment,
  momentOf,
  queryOf,
  tabUrl,
} from '../../console/src/messages/message-filter.ts'
import { attempted, reportLines, standing } from '../../console/src/messages/redrive-words.ts'
import { Tail } from '../../console/src/messages/tail.ts'

const reading = (id: string, part = 0) => ({ id, part })
const keys = (tail: Tail<{ id: string; part: number }>) => tail.rows.map(({ key }) => key)

describe('the tail of the log', () => {
  it('keeps the newest so many, the newest first', () => {
    const tail = new Tail({ most: 3 })
    for (const id of ['a', 'b', 'c', 'd']) tail.push(reading(id))
    expect(keys(tail)).toEqual(['d.0', 'c.0', 'b.0'])
    expect(tail.arrived).toBe(4)
  })

  it('puts what was logged before behind what has come meanwhile, each once', () => {
    const tail = new Tail({ most: 4 })
    tail.push(reading('c'))
    tail.push(reading('d'))
    tail.begin([reading('c'), reading('b', 1), reading('b'), reading('a')])
    expect(keys(tail)).toEqual(['d.0', 'c.0', 'b.1', 'b.0'])
    expect(tail.arrived).toBe(2)
  })

  it('shows where readings were left out, and how many, once for each place', () => {
    const tail = new Tail()
    tail.push(reading('a'))
    tail.skip(10)
    tail.skip(5)
    tail.push(reading('b'))
    tail.skip(1)
    expect(tail.rows.map((row) => (row.kind === 'gap' ? row.count : row.key))).toEqual([1, 'b.0', 15, 'a.0'])
    expect(new Set(keys(tail)).size).toBe(4)
    expect([tail.arrived, tail.skipped]).toEqual([18, 16])
  })
})

describe('the filter of messages', () => {
  it('is the same in the URL and out of it, without what it does not know', () => {
    const query = new URLSearchParams(
      'tab=search&topic=a/%23&outcome=late,nonsense,applied&from=2026-11-20T10:00:00Z&x=1',
    )
    const filter = filterOf(query)
    expect(filter).toEqual({
      topic: 'a/#',
      device: '',
      space: '',
      outcomes: ['applied', 'late'],
      from: '2026-11-20T10:00:00Z',
      to: '',
    })
    expect(filterOf(new URLSearchParams(queryOf(filter)))).toEqual(filter)
    expect(apiQuery(filter, { spaceId: 'S' })).toEqual({
      topic: 'a/#',
      space_id: 'S',
      outcome: 'applied,late',
      from: '2026-11-20T10:00:00Z',
    })
    expect(apiQuery(filter, { within: false })).toEqual({ topic: 'a/#', outcome: 'applied,late' })
  })

  it('goes along from tab to tab, and what is opened there does not', () => {
    const query = new URLSearchParams('tab=search&device=A-1&open=x&redrive=y')
    expect(tabUrl('replay', query)).toBe('/messages?tab=replay&device=A-1')
    expect(tabUrl('', new URLSearchParams())).toBe('/messages')
  })

  it('finds the field that an error of the API is of', () => {
    expect(['topic', 'filter.topic', 'space_id', 'filter.outcome.0', 'limit'].map(fieldOfPath)).toEqual([
      'topic',
      'topic',
      'space',
      'outcomes',
      undefined,
    ])
  })

  it('leaves a moment as it was where nobody changed it', () => {
    const exact = '2026-11-20T10:00:00.123Z'
    expect(momentOf(localMoment(exact), exact)).toBe(exact)
    expect(momentOf('', exact)).toBe('')
    expect(new Date(momentOf('2026-11-20T11:22:33', exact)).getTime()).toBe(new Date('2026-11-20T11:22:33').getTime())
    expect(localMoment('nonsense')).toBe('')
  })

  it('knows which space is meant, or says why not', () => {
    const hits = [
      { kind: 'device', id: 'd', code: 'A-1' },
      { kind: 'space', id: '1', code: 'A-1', site: 'north' },
      { kind: 'space', id: '2', code: 'A-1', site: 'south' },
      { kind: 'space', id: '3', code: 'A-10', site: 'south' },
    ]
    expect(chooseSpace('south/A-1', hits)).toEqual({ id: '2', path: 'south/A-1' })
    expect(chooseSpace('A-10', hits)).toEqual({ id: '3', path: 'south/A-10' })
    expect(chooseSpace('A-1', hits)).toEqual({
      error: 'Several sites have it: north/A-1, south/A-1. Name the site, too.',
    })
    expect(chooseSpace('A', hits)).toHaveProperty('error')
  })
})

describe('a payload', () => {
  it('is shown byte by byte, with what of it is printable ASCII', () => {
    expect(hexDump('7b00ff7d', { perLine: 3 })).toBe('0000  7b 00 ff  {..\n0003  7d        }')
    expect(hexDump('')).toBe('')
  })

  it('has its JSON on several lines, every digit as it was', () => {
    expect(indented('{"a":[1.10,"x,:{\\"}"],"b":{},"c":12345678901234567890}')).toBe(
      '{\n  "a": [\n    1.10,\n    "x,:{\\"}"\n  ],\n  "b": {},\n  "c": 12345678901234567890\n}',
    )
    expect(indented('no JSON: {')).toBe('no JSON: {')
    const deep = '['.repeat(500) + ']'.repeat(500)
    expect(indented(deep)).toBe(deep)
  })
})

describe('a policy to try', () => {
  const form = { readings: '', holdS: '', other: '' }
  it('has the fields that were filled in', () => {
    expect(readPolicy(form)).toEqual({ policy: null })
    expect(readPolicy({ ...form, readings: '2', holdS: '10' })).toEqual({
      policy: { debounce: { readings: 2, hold_s: 10 } },
    })
    expect(readPolicy({ ...form, holdS: '10', other: '{"hold_s": 3}' })).toEqual({
      policy: { debounce: { readings: 1, hold_s: 10 }, hold_s: 3 },
    })
  })

  it('says at which field something is wrong', () => {
    expect(readPolicy({ ...form, readings: '1.5', holdS: 'x', other: '[]' })).toEqual({
      errors: {
        readings: 'A whole number from 1 to 100.',
        holdS: 'Seconds, from 0 to 86,400.',
        other: 'Write a JSON object, such as {"sensor_timeout_s": 7200}.',
      },
    })
    expect(readPolicy({ ...form, readings: '2', other: '{"debounce": null}' })).toHaveProperty('errors.other')
    expect(readPolicy({ ...form, other: '{' })).toHaveProperty('errors.other')
  })

  it('is a command too, each word of which a shell takes as one', () => {
    const filter = { ...filterOf(new URLSearchParams('topic=a/+/b%27c&outcome=late&from=2026-11-20T10:00:00Z')) }
    expect(
      replayCommand({ tenant: 'city', filter, spacePath: 'north/A-1', site: 'north', policy: { hold_s: 3 } }),
    ).toBe(
      `echo '{"hold_s":3}' > policy.json\nbaywire replay --tenant city --topic ${quoted("a/ /b'c")} --space north/A-1 ` +
        '--outcome late --since 2026-11-20T10:00:00Z --policy policy.json',
    )
    expect(quoted("it's $(here)")).toBe(String.raw`'it'\''s $(here)'`)
  })
})

describe('a redrive in words', () => {
  const report = { settled: 3, failed: 1, waiting: 0, exhausted: 2, taken: 0 }
  const redrive = {
    status: 'done' as const,
    execute: false,
    letters_total: 6,
    letters_done: 6,
    expected_letters: null,
    reason: null,
    report,
  }

  it('names each count that there is, and what was settled in any case', () => {
    const labels = (one: typeof report, execute: boolean) => reportLines(one, { execute }).map(({ label }) => label)
    expect(labels(report, false)).toEqual(['Would settle', 'Would stay dead', 'Exhausted'])
    expect(labels({ ...report, settled: 0, failed: 0, exhausted: 0 }, true)).toEqual(['Settled'])
    expect(attempted(report)).toBe(4)
  })

  it('says how it stands, and what to do where nothing was done', () => {
    expect(standing(redrive)).toBe('This dry run went through 6 letters. Nothing was changed.')
    expect(standing({ ...redrive, status: 'running', letters_done: 2 })).toBe('2 of 6 letters looked at.')
    const refused = {
      ...redrive,
      execute: true,
      status: 'failed' as const,
      reason: 'more_letters',
      expected_letters: 6,
    }
    expect(standing(refused)).toMatch(/more letters than the 6.*Begin with a new dry run/)
    expect(standing({ ...refused, reason: 'cancelled', letters_done: 2 })).toMatch(/behind 2 letters/)
  })
})
