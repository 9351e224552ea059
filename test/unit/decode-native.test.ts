import { describe, expect, it } from 'vitest'
import { decodeReading, decodeReadings, mostReadingsPerMessage } from '../../src/decode/native.ts'
import { decodePresence } from '../../src/decode/presence.ts'

/** Baywire's own payloads, field by field: DESIGN.md section 3. */

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const reading = (fields: object) => decodeReading('d', json(fields))
const full = {
  occupied: true,
  at: '2026-11-20T08:15:04.120Z',
  seq: 81,
  boot: 3,
  kind: 'change',
  battery: 93,
  rssi: -71,
}
const fullAt = Date.UTC(2026, 10, 20, 8, 15, 4, 120)

describe('a reading', () => {
  it('takes the example of the contract', () => {
    expect(reading(full)).toEqual({
      ok: true,
      device: 'd',
      reading: { occupied: true, at: fullAt, session: '3', counter: 81 },
      content: null,
    })
  })

  it('needs occupied only', () => {
    expect(reading({ occupied: false })).toEqual({
      ok: true,
      device: 'd',
      reading: { occupied: false, at: null, session: null, counter: null },
      content: expect.any(Number),
    })
  })

  it.each([
    ['no time', { at: null }, { at: null }],
    ['epoch seconds', { at: fullAt / 1000 }, { at: fullAt }],
    ['epoch milliseconds', { at: fullAt }, { at: fullAt }],
    ['epoch zero', { at: 0 }, { at: 0 }],
    ['a count of zero', { seq: 0, boot: 0 }, { counter: 0, session: '0' }],
    [
      'the greatest count',
      { seq: 2 ** 53 - 1, boot: 2 ** 53 - 1 },
      { counter: 2 ** 53 - 1, session: '9007199254740991' },
    ],
    ['a whole number with a point', { seq: 81.0 }, { counter: 81 }],
    ['no counter', { seq: null }, { counter: null }],
    ['no boot', { boot: null }, { session: null }],
    ['a boot that is a code', { boot: 'a9~._-' }, { session: 'a9~._-' }],
    ['a boot that is a number as text', { boot: '3' }, { session: '3' }],
    ['a heartbeat', { kind: 'heartbeat' }, { heartbeat: true }],
    ['a change', { kind: 'change' }, {}],
    ['no details', { kind: null, battery: null, rssi: null }, {}],
    ['an empty battery', { battery: 0 }, {}],
    ['half a percent', { battery: 99.5, rssi: -71.5 }, {}],
    // Volts, millivolts, or LoRaWAN's 255 for "cannot tell": no reason to lose the reading.
    ['a battery below 0', { battery: -0.1 }, {}],
    ['a battery above 100', { battery: 3600 }, {}],
    ['fields that we do not know', { firmware: '1.2', nested: { occupied: false } }, {}],
    ['a device that the topic overrules', { device: 'other' }, {}],
  ])('takes %s', (_name, fields, expected) => {
    expect(reading({ ...full, ...fields })).toMatchObject({ ok: true, device: 'd' })
    expect(reading({ ...full, ...fields })).toMatchObject({ reading: expected })
  })

  it.each([
    ['occupied', [undefined, null, 0, 1, 'true', 'OCCUPIED', '', [], [true], {}]],
    ['at', [true, '', 'now', '2026-11-20', '2026-11-20T08:15:04', '1763626504', -1, 1e15, 1e308, [], {}, [0]]],
    ['seq', [true, '81', -1, 1.5, 2 ** 53, 1e308, 1e21, [], {}, [1]]],
    ['boot', [true, -1, 1.5, 2 ** 53, '', 'a b', 'a/b', 'a\0', '+', '#', 'x'.repeat(65), [], {}]],
    ['kind', ['CHANGE', '', 1, true, [], {}, ['change']]],
    ['battery', ['93', true, [], {}]],
    ['rssi', ['-71', true, [], {}]],
  ])('refuses a wrong %s by its name', (field, values) => {
    for (const value of values) {
      const result = reading({ ...full, [field]: value })
      expect(result, JSON.stringify(value)).toMatchObject({ ok: false, device: 'd' })
      expect(result.ok ? '' : result.reason, JSON.stringify(value)).toMatch(new RegExp(`^${field}: must be `))
    }
  })

  it.each([
    ['nothing', ''],
    ['NUL', '\0'],
    ['NUL in an otherwise good payload', '{"occupied":true}\0'],
    ['a raw NUL in a string', '{"occupied":true,"x":"\0"}'],
    ['half of it', '{"occupied":tr'],
    ['two of them', '{"occupied":true}{"occupied":true}'],
    ['JavaScript, not JSON', '{occupied:true}'],
    ['NaN', '{"occupied":true,"at":NaN}'],
    ['100,000 open brackets', '['.repeat(100_000)],
  ])('refuses %s as no JSON', (_name, text) => {
    expect(decodeReading('d', Buffer.from(text))).toEqual({ ok: false, device: 'd', reason: 'payload: is not JSON' })
  })

  it.each([
    ['an overlong form', [0xc0, 0x80]],
    ['half a character', [0x22, 0xc3, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['Latin-1', [0x22, 0xe9, 0x22]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00]],
  ])('refuses %s as no UTF-8', (_name, bytes) => {
    const reason = 'payload: is not UTF-8'
    expect(decodeReading('d', Buffer.from(bytes))).toEqual({ ok: false, device: 'd', reason })
    expect(decodeReadings(Buffer.from(bytes))).toEqual([{ ok: false, device: null, reason }])
  })

  it.each([['null'], ['true'], ['0'], ['-0'], ['1e308'], ['"occupied"'], ['[]'], ['[{"occupied":true}]']])(
    'refuses %s as no object',
    (text) => {
      const reason = 'payload: must be a JSON object'
      expect(decodeReading('d', Buffer.from(text))).toEqual({ ok: false, device: 'd', reason })
      expect(decodeReadings(Buffer.from(text))).toEqual([{ ok: false, device: null, reason }])
    },
  )

  it('takes nothing from a prototype, and leaves none behind', () => {
    const polluting = '{"__proto__":{"occupied":true,"polluted":1},"constructor":{"prototype":{"polluted":1}}}'
    expect(decodeReading('d', Buffer.from(polluting))).toMatchObject({ ok: false })
    const both = '{"__proto__":{"occupied":true,"at":5},"occupied":false}'
    expect(decodeReading('d', Buffer.from(both))).toMatchObject({ reading: { occupied: false, at: null } })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it('takes depth that is beside the point', () => {
    const deep = `{"occupied":true,"x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`
    expect(decodeReading('d', Buffer.from(deep))).toMatchObject({ ok: true })
    const [part] = decodeReadings(Buffer.from(`{"readings":[{"device":"a",${deep.slice(1)}]}`))
    expect(part).toMatchObject({ ok: true, device: 'a', content: expect.any(Number) })
  })

  it('a number that the database would write in another way is made plain', () => {
    const result = decodeReading('d', Buffer.from('{"occupied":true,"at":-0,"seq":-0,"boot":-0}'))
    expect(result).toMatchObject({ ok: true, reading: { session: '0' } })
    if (result.ok) expect(JSON.parse(JSON.stringify(result.reading))).toEqual(result.reading)
  })
})

function contentOf(fields: object): number | null {
  const result = reading(fields)
  return result.ok ? result.content : null
}

describe('the content of a reading without a counter', () => {
  const one = { occupied: true, at: 5 }

  it('is the same for the same bytes, and another for other ones', () => {
    const contents = [one, { ...one, occupied: false }, { ...one, at: 6 }, { ...one, rssi: -1 }].map(contentOf)
    expect(new Set(contents).size).toBe(4)
    expect([one, { ...one }].map(contentOf)).toEqual([contents[0], contents[0]])
    for (const content of contents) expect(Number.isSafeInteger(content)).toBe(true)
  })

  it('belongs to the part, not to the message or its place in it', () => {
    const part = { device: 'a', ...one }
    const alone = decodeReadings(json({ readings: [part] }))
    const among = decodeReadings(json({ readings: [{ device: 'b', ...one }, part], more: 1 }))
    expect(among[1]).toEqual(alone[0])
    expect(among[0]).not.toMatchObject({ content: among[1]?.ok === true ? among[1].content : null })
  })
})

const messageOf = (n: number) => json({ readings: Array.from({ length: n }, () => ({ device: 'a', occupied: true })) })

describe("a gateway's readings", () => {
  it('are one part each, and a bad one holds up no good one', () => {
    const parts = decodeReadings(
      json({
        readings: [
          { device: 'a', ...full },
          null,
          { occupied: true },
          { device: 'b', occupied: 'x' },
          { device: 'c', occupied: false },
        ],
      }),
    )
    expect(parts.map(({ ok, device }) => [ok, device])).toEqual([
      [true, 'a'],
      [false, null],
      [false, null],
      [false, 'b'],
      [true, 'c'],
    ])
  })

  it('a part that is no object is refused with a name for what is wrong', () => {
    const parts = decodeReadings(json({ readings: [null, true, 0, 'x', [], [{ device: 'a', occupied: true }]] }))
    expect(parts).toHaveLength(6)
    for (const part of parts) expect(part).toEqual({ ok: false, device: null, reason: 'reading: must be an object' })
  })

  it.each([[undefined], [null], [1], [''], ['a b'], ['a/b'], ['a\0b'], ['ä'], ['+'], ['x'.repeat(65)], [['a']], [{}]])(
    'a device that is %j is refused by its field',
    (device) => {
      const [result] = decodeReadings(json({ readings: [{ device, occupied: true }] }))
      expect(result).toMatchObject({ ok: false, device: null, reason: expect.stringMatching(/^device: /) })
    },
  )

  it.each([[undefined], [null], [{}], ['[]'], [1], [[]]])('readings that are %j are one malformed part', (readings) => {
    expect(decodeReadings(json({ readings }))).toEqual([
      { ok: false, device: null, reason: expect.stringMatching(/^readings: must /) },
    ])
  })

  it('are 500 at most', () => {
    expect(mostReadingsPerMessage).toBe(500)
    expect(decodeReadings(messageOf(500)).filter(({ ok }) => ok)).toHaveLength(500)
    expect(decodeReadings(messageOf(501))).toMatchObject([{ ok: false, reason: expect.stringContaining('501') }])
  })
})

describe('presence', () => {
  it.each([
    ['online', 'online'],
    ['offline', 'offline'],
    ['online\n', 'online'],
    ['', undefined],
    ['ONLINE', undefined],
    ['"online"', undefined],
    ['online\0', undefined],
    ['on line', undefined],
    [`online${' '.repeat(11)}`, undefined],
    ['o'.repeat(100_000), undefined],
  ])('%j is %s', (text, expected) => {
    expect(decodePresence(Buffer.from(text))).toBe(expected)
  })

  it('is nothing where it is not UTF-8', () => {
    expect(decodePresence(Buffer.from([0x6f, 0x6e, 0xff]))).toBeUndefined()
  })
})
