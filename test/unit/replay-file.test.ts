import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileDryRun } from '../../src/replay/file-dry-run.ts'
import { InputOrder } from '../../src/replay/input-order.ts'
import { countMessages } from '../../src/replay/publish.ts'
import { fileLine, readReplayFile, type FiledReading } from '../../src/replay/replay-file.ts'

const start = Date.UTC(2026, 10, 20, 8)
const idOf = (n: number) => `019a0000-0000-7000-8000-${String(n).padStart(12, '0')}`

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baywire-unit-'))
})
afterAll(() => rm(directory, { recursive: true }))

/** A reading of space A1, the n-th of its inputs, a minute after the one before. */
function reading(n: number, part: Partial<FiledReading> = {}): FiledReading {
  const at = start + n * 60_000
  return {
    n,
    of: 4,
    id: idOf(n),
    part: 0,
    receivedAt: at,
    observedAt: at,
    topic: 'parking/v1/acme/devices/A1/reading',
    payload: Buffer.from(JSON.stringify({ occupied: n % 2 === 1, at: new Date(at).toISOString(), seq: n })),
    delivery: null,
    redriveOf: null,
    tenant: 'acme',
    device: 'A1',
    space: 'main/A1',
    outcome: 'applied',
    reason: null,
    clock: 'device',
    inputSeq: n,
    policy: {},
    ...part,
  }
}

const text = (readings: readonly FiledReading[]) =>
  readings.map((one, index) => fileLine(one, { startsMessage: readings[index - 1]?.id !== one.id })).join('')

let files = 0
async function fileOf(content: string | Buffer): Promise<string> {
  const path = join(directory, `${++files}.ndjson`)
  await writeFile(path, content)
  return path
}

async function readAll(path: string): Promise<FiledReading[]> {
  const all: FiledReading[] = []
  for await (const some of readReplayFile(path)) all.push(...some)
  return all
}

const four = [1, 2, 3, 4].map((n) => reading(n))

describe('a replay file', () => {
  test('is read as it was written, the payload of a message once', async () => {
    const parts = [
      reading(1, { policy: { debounce: { readings: 2, hold_s: 10 } } }),
      reading(2, { id: idOf(1), part: 1, payload: four[0]?.payload as Buffer }),
      reading(3, { device: null, space: null, inputSeq: null, outcome: 'malformed', reason: 'no', observedAt: null }),
      reading(4, { payload: Buffer.from([0, 255, 10, 13]), clock: null }),
    ]
    expect(text(parts).match(/"payload"/g)).toHaveLength(3)
    expect(await readAll(await fileOf(text(parts)))).toEqual(parts)
  })

  test('of many lines is read whole, wherever its chunks end', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => reading(index + 1, { of: 5000 }))
    expect(await readAll(await fileOf(text(many)))).toEqual(many)
    // Without the last line feed it is whole as well.
    expect(await readAll(await fileOf(text(many).trimEnd()))).toHaveLength(5000)
  })

  test.each([
    ['empty', '', 'is empty'],
    ['cut off between two lines', text(four.slice(0, 2)), 'ends behind line 2 of 4: it was cut off'],
    ['cut off within a line', text(four).slice(0, -40), 'line 4: is no JSON, or was cut off'],
    ['without a line', text([1, 3, 4].map((n) => reading(n))), 'line 2: is number 3 of 4: a line before it is missing'],
    ['two files in one', text(four) + text(four), 'line 5: is number 1 of 4'],
    ['of another kind', '{"a": 1}\n', 'line 1: n: '],
    ['an array', '[1]\n', 'line 1: '],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d, 0x0a]), 'line 1: is no JSON'],
    ['with a time that is none', text(four).replace('2026-11-20T08:02', '2026-13-20T08:02'), 'line 2: received_at'],
    ['with an outcome that is none', text(four).replace('"applied"', '"lost"'), 'line 1: outcome'],
    ['with bytes that are none', text(four).replace('"payload":"', '"payload":"*'), 'line 1: payload'],
    ['without a payload', text(four).replace(/"payload":"[^"]*",/, ''), 'line 1: has no payload'],
  ])('that is %s is refused where it is wrong', async (_what, content, said) => {
    const path = await fileOf(content)
    await expect(readAll(path)).rejects.toThrow(said)
    await expect(fileDryRun({ path, filter: {} })).rejects.toThrow(said)
    await expect(countMessages({ path, filter: {} })).rejects.toThrow(said)
  })

  test('that has no lines at all is not read to its end', async () => {
    const path = await fileOf(Buffer.alloc(30 * 1024 * 1024, 'x'))
    await expect(readAll(path)).rejects.toThrow('has no lines')
  })
})

describe('a dry run of a file', () => {
  test('asks nothing but the file, and counts what is chosen', async () => {
    const path = await fileOf(text(four))
    const report = await fileDryRun({ path, filter: {} })
    expect(report).toMatchObject({ readings: 4, inputs: 4, changed_outcomes: 0, transitions: { remaining: 4 } })
    expect(await fileDryRun({ path, filter: { device: 'A1', topic: '^parking/v1/acme/.*$' } })).toEqual(report)
    expect(await fileDryRun({ path, filter: { device: 'A2' } })).toBeUndefined()
    expect(await fileDryRun({ path, filter: { tenant: 'other' } })).toBeUndefined()
    expect(await fileDryRun({ path, filter: { site: 'main', space: 'A2' } })).toBeUndefined()
    const late = await fileDryRun({ path, filter: { since: start + 3 * 60_000 } })
    expect(late).toMatchObject({ readings: 2, inputs: 4, transitions: { recorded: 2, remaining: 2 } })
  })

  test('with another policy says what would not have happened', async () => {
    const path = await fileOf(text(four))
    const report = await fileDryRun({ path, filter: {}, policy: { debounce: { readings: 2, hold_s: 3600 } } })
    // Each change is contradicted before its hold ends, but the last, whose hold elapses.
    expect(report?.transitions).toMatchObject({ recorded: 4, replayed: 1, remaining: 1, removed: 3, added: 0 })
  })
})

describe('messages to publish again', () => {
  test('are whole messages, and a redrive is none where its original is one', async () => {
    const redriven = [
      reading(1, { outcome: 'unknown_device', space: null, inputSeq: null }),
      reading(2, { receivedAt: start + 60_000, delivery: 'redrive', redriveOf: idOf(1) }),
      reading(3),
      reading(4, { id: idOf(3), part: 1, receivedAt: start + 3 * 60_000 }),
    ]
    const path = await fileOf(text(redriven))
    expect(await countMessages({ path, filter: {} })).toEqual({ messages: 2, readings: 4 })
    expect(await countMessages({ path, filter: { outcomes: ['applied'] } })).toEqual({ messages: 2, readings: 3 })
  })
})

describe('the order of inputs', () => {
  test('is found again where they arrived in another one', () => {
    const arrived = [1, 2, 5, 3, 4, 9, 8, 6, 7, 10]
    const order = new InputOrder<number>()
    for (const inputSeq of arrived) order.note('a', inputSeq)
    expect(arrived.flatMap((inputSeq) => order.take('a', inputSeq, inputSeq))).toEqual(
      arrived.toSorted((a, b) => a - b),
    )
  })

  test('has gaps, and waits for none of them', () => {
    const order = new InputOrder<number>()
    for (const inputSeq of [2, 7, 9]) order.note('a', inputSeq)
    expect([2, 7, 9].map((inputSeq) => order.take('a', inputSeq, inputSeq))).toEqual([[2], [7], [9]])
  })
})
