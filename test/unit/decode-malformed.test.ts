import { existsSync, readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DecodedPart } from '../../src/decode/decoded.ts'
import { decodeReading, decodeReadings } from '../../src/decode/native.ts'
import { decodePresence } from '../../src/decode/presence.ts'

/**
 * Whatever bytes come: a decoder never throws, and gives a reading of the right types or a reason that names the field
 * and repeats nothing of what was sent. The corpora lie beside the checkout and are not part of it.
 */
const corpora = new URL('../../../shared/data/malformed/', import.meta.url)
const has = (name: string) => existsSync(new URL(name, corpora))
const read = (name: string) => readFileSync(new URL(name, corpora), 'utf8')

const fields = ['payload', 'readings', 'reading', 'device', 'occupied', 'at', 'seq', 'boot', 'kind', 'battery', 'rssi']
const reasonPattern = new RegExp(`^(${fields.join('|')}): [ -~]{1,120}$`)

function checkPart(part: DecodedPart): void {
  if (!part.ok) {
    expect(part.reason).toMatch(reasonPattern)
    return
  }
  const { occupied, at, session, counter } = part.reading
  expect(part.device).toMatch(/^[A-Za-z0-9._~-]{1,64}$/)
  expect(typeof occupied).toBe('boolean')
  expect(at === null || (Number.isSafeInteger(at) && at >= 0)).toBe(true)
  expect(counter === null || (Number.isSafeInteger(counter) && counter >= 0)).toBe(true)
  expect(session === null || /^[A-Za-z0-9._~-]{1,64}$/.test(session)).toBe(true)
  expect(part.content === null).toBe(counter !== null)
}

/** Decodes bytes in every way there is, and checks whatever comes of it. */
function decodeAll(payload: Buffer): { reading: DecodedPart; readings: DecodedPart[] } {
  const results = { reading: decodeReading('d', payload), readings: decodeReadings(payload) }
  checkPart(results.reading)
  expect(results.readings.length).toBeGreaterThan(0)
  for (const part of results.readings) checkPart(part)
  const presence = decodePresence(payload)
  expect(presence === undefined || presence === 'online' || presence === 'offline').toBe(true)
  return results
}

describe.skipIf(!has('json-test-suite.jsonl'))('the JSON test suite', () => {
  const entries = (has('json-test-suite.jsonl') ? read('json-test-suite.jsonl') : '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { name: string; expect: string; base64: string })

  it('is there as a whole', () => {
    expect(entries).toHaveLength(172)
  })

  it.each(entries.map((entry) => [entry.name, entry] as const))('%s', (_name, { expect: expected, base64 }) => {
    const bytes = Buffer.from(base64, 'base64')
    const { reading } = decodeAll(bytes)
    const reason = reading.ok ? '' : reading.reason
    const isNotJson = reason === 'payload: is not JSON' || reason === 'payload: is not UTF-8'
    if (expected === 'reject') expect(isNotJson).toBe(true)
    if (expected === 'accept') expect(isNotJson).toBe(false)

    // The same bytes where a value stands: beside a good field, in a field, as the readings, and as one of them.
    const around = (before: string, after: string) => Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)])
    const beside = decodeAll(around('{"occupied":true,"seq":1,"x":', '}'))
    if (expected === 'accept')
      expect(beside.reading).toMatchObject({ ok: true, reading: { occupied: true, counter: 1 } })
    for (const field of ['occupied', 'at', 'seq', 'boot', 'kind', 'battery', 'rssi']) {
      decodeAll(around(`{"${field === 'occupied' ? 'x' : 'occupied'}":true,"${field}":`, '}'))
    }
    decodeAll(around('{"readings":', '}'))
    const { readings } = decodeAll(
      around('{"readings":[{"device":"a","occupied":true,"x":', '},{"device":"b","occupied":false}]}'),
    )
    if (expected === 'accept')
      expect(readings.map(({ ok, device }) => [ok, device])).toEqual([
        [true, 'a'],
        [true, 'b'],
      ])
    const part = decodeAll(around('{"readings":[', ',{"device":"b","occupied":false}]}'))
    if (expected === 'accept') expect(part.readings.at(-1)).toMatchObject({ ok: true, device: 'b' })
  })
})

describe.skipIf(!has('naughty-strings.json'))('naughty strings', () => {
  const strings = (has('naughty-strings.json') ? JSON.parse(read('naughty-strings.json')) : []) as string[]

  it.each(['occupied', 'at', 'seq', 'boot', 'kind', 'battery', 'rssi', 'device', 'x'])('in %s', (field) => {
    expect(strings).toHaveLength(258)
    for (const text of strings) {
      const part = { device: 'a', occupied: true, [field]: text }
      const one = decodeAll(Buffer.from(JSON.stringify(part)))
      const many = decodeAll(Buffer.from(JSON.stringify({ readings: [part, { device: 'b', occupied: false }] })))
      expect(many.readings[1]).toMatchObject({ ok: true, device: 'b' })
      const refused = ['occupied', 'at', 'seq', 'kind', 'battery', 'rssi'].includes(field)
      const reason = { ok: false, reason: expect.stringMatching(`^${field}: `) }
      if (refused) expect([one.reading, many.readings[0]], text).toMatchObject([reason, reason])
      // No reason repeats what was sent: it goes into logs and lists.
      if (text.length > 6 && !one.reading.ok) expect(one.reading.reason).not.toContain(text)
    }
  })

  it('as names of fields, and as the whole payload', () => {
    for (const text of strings) {
      const { reading } = decodeAll(Buffer.from(JSON.stringify({ [text]: true, occupied: true })))
      expect(reading).toMatchObject({ ok: true })
      decodeAll(Buffer.from(JSON.stringify({ [text]: true })))
      decodeAll(Buffer.from(text))
      decodeAll(Buffer.from(JSON.stringify(text)))
    }
  })
})

describe('bytes of our own', () => {
  const good =
    '{"readings":[{"device":"a","occupied":true,"at":1763626504,"seq":81,"boot":3}],"occupied":true,"at":0,"seq":1}'

  it.each([
    ['100,000 open brackets', '['.repeat(100_000)],
    ['100,000 open braces', '{"a":'.repeat(100_000)],
    ['100,000 pairs of brackets', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['100,000 pairs of brackets in a reading', `{"occupied":true,"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    [
      '100,000 pairs of brackets in a part',
      `{"readings":[{"device":"a","occupied":true,"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}]}`,
    ],
    ['100,000 pairs of brackets as readings', `{"readings":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['a long number', `{"occupied":true,"seq":${'9'.repeat(60_000)}}`],
    ['a long string', `{"occupied":true,"boot":"${'x'.repeat(60_000)}"}`],
    ['many fields', `{${Array.from({ length: 5000 }, (_, i) => `"f${i}":${i}`).join(',')},"occupied":true}`],
    ['a byte order mark', `\uFEFF${good}`],
    ['lone surrogates, escaped', '{"occupied":true,"boot":"\\ud800","\\udfff":1}'],
    ['toJSON and toString', '{"readings":[{"device":"a","occupied":true,"toJSON":1,"toString":2,"valueOf":3}]}'],
  ])('%s', (_name, text) => {
    decodeAll(Buffer.from(text))
  })

  it('good ones with any byte changed, lost, or cut off', () => {
    const bytes = Buffer.from(good)
    for (let i = 0; i < bytes.length; i++) {
      for (const byte of [0x00, 0x22, 0x2d, 0x5b, 0x7d, 0x80, 0xff]) {
        const changed = Buffer.from(bytes)
        changed[i] = byte
        decodeAll(changed)
      }
      decodeAll(Buffer.concat([bytes.subarray(0, i), bytes.subarray(i + 1)]))
      decodeAll(bytes.subarray(0, i))
    }
  })

  it('any bytes, any JSON, and any JSON in any field', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeAll(Buffer.from(bytes))))
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(...fields), (json, field) => {
        decodeAll(Buffer.from(json))
        decodeAll(Buffer.from(`{"occupied":true,"${field}":${json}}`))
        decodeAll(Buffer.from(`{"readings":[{"device":"a","occupied":true,"${field}":${json}},${json}]}`))
      }),
      { numRuns: 500 },
    )
  })
})
