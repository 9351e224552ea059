/** The log read back, however it came to be: redriven, out of order, under several policies, with days dropped. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { redriveDeadLetters } from '../../src/ingest/redrive-run.ts'
import { sweepDeadlines } from '../../src/jobs/deadlines.ts'
import { dropOldReadings } from '../../src/jobs/retention.ts'
import { createLog } from '../../src/log.ts'
import { topicPattern } from '../../src/mqtt/topic-filter.ts'
import { dryRun } from '../../src/replay/dry-run.ts'
import { exportReadings } from '../../src/replay/export.ts'
import { fileDryRun } from '../../src/replay/file-dry-run.ts'
import { readReplayFile, type FiledReading } from '../../src/replay/replay-file.ts'
import { DeviceDirectory } from '../../src/store/device-directory.ts'
import { findSpaceIds, type ReadingSelection } from '../../src/store/logged-readings.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

let baywire: TestIngest
let directory: string
let slug: string
let tenantId: string
let number = 0
let seq = 0

beforeAll(async () => {
  baywire = await startTestIngest()
  directory = await mkdtemp(join(tmpdir(), 'baywire-test-'))
})
beforeEach(async () => {
  slug = `source-${++number}`
  tenantId = await baywire.tenant(slug, ['A1', 'A2', 'A3'])
  baywire.clock.set(start)
})
afterEach(() => baywire.expectSound())
afterAll(async () => {
  await baywire.close()
  await rm(directory, { recursive: true })
})
const start = Math.floor(Date.now() / hourMs) * hourMs - 6 * hourMs

const memory = () => ({ policies: new PolicyCache(), spaces: new SpaceMemory() })
const sweep = () => sweepDeadlines({ database: baywire.system, memory: memory(), clock: baywire.clock })
const run = (selection: Partial<ReadingSelection> = {}) =>
  baywire.system.withSnapshot((tx) => dryRun(tx, { selection: { tenantId, ...selection } }))
const count = async (selection: Partial<ReadingSelection>) => (await run(selection))?.readings
const same = { changed_outcomes: 0, missing_inputs: 0, transitions: { removed: 0, added: 0 } }

function reading(occupied: boolean, at = baywire.clock.now()) {
  return { occupied, at: new Date(at).toISOString(), seq: ++seq, boot: 1 }
}

const hear = (device: string, occupied: boolean, at?: number) =>
  baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, reading(occupied, at))

const hearMany = (devices: readonly string[], occupied: boolean) =>
  baywire.deliver(`parking/v1/${slug}/gateways/gw-1/readings`, {
    readings: devices.map((device) => ({ device, ...reading(occupied) })),
  })

async function redrive(): Promise<number> {
  const { settled } = await redriveDeadLetters(
    { database: baywire.system, memory: memory(), directory: new DeviceDirectory(), clock: baywire.clock, by: 'test' },
    {
      filter: { tenantId },
      execute: true,
      force: false,
      mostAttempts: 5,
      mostReadingsAtATime: 100,
      onProgress: () => {},
    },
  )
  return settled
}

async function setPolicy(fields: unknown): Promise<void> {
  await baywire.sql`UPDATE tenants SET policy_version = policy_version + 1 WHERE id = ${tenantId}`
  await baywire.sql`
    INSERT INTO policies (tenant_id, version, scope, fields)
    SELECT id, policy_version, 'tenant', ${JSON.stringify(fields)}::text::jsonb FROM tenants WHERE id = ${tenantId}`
}

let files = 0
async function exported(selection: Partial<ReadingSelection> = {}): Promise<{ path: string; lines: FiledReading[] }> {
  const path = join(directory, `${++files}.ndjson`)
  let text = ''
  await baywire.system.withSnapshot((tx) =>
    exportReadings(tx, { selection: { tenantId, ...selection }, write: async (lines) => void (text += lines) }),
  )
  await writeFile(path, text)
  const lines: FiledReading[] = []
  for await (const some of readReplayFile(path)) lines.push(...some)
  return { path, lines }
}

test('readings that were redriven are folded in their place, and keep the bytes of their originals', async () => {
  await hear('A1', true)
  await hear('NEW', false)
  baywire.clock.advance(minuteMs)
  await hearMany(['A2', 'NEW', 'A3'], true)
  baywire.clock.advance(minuteMs)
  await hear('A1', false)
  await baywire.tenant(slug, ['NEW'])
  expect(await redrive()).toBe(2)
  baywire.clock.advance(minuteMs)
  await hear('NEW', false)

  const report = await run()
  expect(report).toMatchObject({ ...same, readings: 9, spaces: 4, inputs: 7 })
  const { path, lines } = await exported()
  expect(lines).toHaveLength(9)
  const redriven = lines.filter(({ delivery }) => delivery === 'redrive')
  expect(redriven).toHaveLength(2)
  for (const { redriveOf, payload, part } of redriven) {
    const original = lines.find((line) => line.id === redriveOf && line.part === part)
    expect(original).toMatchObject({ outcome: 'unknown_device' })
    expect(payload.equals(original?.payload ?? Buffer.alloc(0))).toBe(true)
  }
  const { by_space: _a, ...fromFile } = (await fileDryRun({ path, filter: {} })) ?? { by_space: [] }
  const { by_space: _b, ...fromLog } = report ?? { by_space: [] }
  expect(fromFile).toEqual(fromLog)
})

test('a part of a message is read with the payload of the whole, wherever that stands', async () => {
  for (let n = 0; n < 5; n++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await hearMany(['A1', 'A2', 'A3'], n % 2 === 0)
    baywire.clock.advance(minuteMs)
  }
  const spaceIds = await baywire.system.withSystem((tx) => findSpaceIds(tx, { tenantId, site: 'main', space: 'A3' }))
  const { path, lines } = await exported({ spaceIds })
  expect(lines.map(({ part, device }) => [part, device])).toEqual(Array.from({ length: 5 }, () => [2, 'A3']))
  expect(lines.every(({ payload }) => payload.toString().includes('"A1"'))).toBe(true)
  expect((await readFile(path, 'utf8')).match(/"payload"/g)).toHaveLength(5)
  expect(await fileDryRun({ path, filter: {} })).toMatchObject({ ...same, readings: 5, inputs: 5 })
  expect(await run({ spaceIds })).toMatchObject({ ...same, readings: 5, spaces: 1, inputs: 5 })
})

test('filters choose by topic, device, outcome and time, of one tenant alone', async () => {
  const other = await baywire.tenant(`${slug}-other`, ['A1'])
  await baywire.deliver(`parking/v1/${slug}-other/devices/A1/reading`, reading(true))
  await hear('A1', true)
  await hearMany(['A2'], true)
  baywire.clock.advance(minuteMs)
  await hear('A1', true)
  expect(await count({})).toBe(3)
  expect(await count({ tenantId: other })).toBe(1)
  expect(await count({ topic: topicPattern('parking/v1/+/devices/#') })).toBe(2)
  expect(await count({ topic: topicPattern('parking/v1/+/+/+/readings') })).toBe(1)
  expect(await count({ device: 'A2' })).toBe(1)
  expect(await count({ outcomes: ['unchanged'] })).toBe(1)
  expect(await count({ since: start + minuteMs })).toBe(1)
  expect(await count({ until: start })).toBeUndefined()
})

test('what is left after days were dropped is folded behind their checkpoints', async () => {
  const today = Math.floor(Date.now() / dayMs) * dayMs
  const first = today - 92 * dayMs
  for (const [index, day] of [0, 1, 2, 3, 4].entries()) {
    baywire.clock.set(first + day * dayMs + hourMs)
    // oxlint-disable no-await-in-loop -- day by day
    await hear('A1', index % 2 === 0)
    await hear('A2', index % 3 === 0)
    baywire.clock.advance(22 * hourMs)
    await sweep()
    // oxlint-enable no-await-in-loop
  }
  const whole = await run()
  expect(whole).toMatchObject({ ...same, readings: 10 })
  const log = createLog({ level: 'silent' })
  await dropOldReadings({ database: baywire.system, log, signal: new AbortController().signal }, { days: 90 })
  const rest = await run()
  expect(rest).toMatchObject({ ...same, not_folded: 0 })
  expect(rest?.readings).toBeLessThan(10)
  expect(rest?.readings).toBeGreaterThan(0)
})

/** Numbers from 0 to 1 that are the same each time. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test.each([1, 2, 3, 4, 5, 6])('whatever arrives, in whatever order, comes to the same again (%i)', async (seed) => {
  const random = numbers(seed)
  const devices = ['A1', 'A2', 'A3', 'NEW']
  const pick = () => devices[Math.floor(random() * devices.length)] as string
  for (let n = 0; n < 60; n++) {
    // oxlint-disable no-await-in-loop -- one after the other
    baywire.clock.advance(Math.floor(random() * 20 * minuteMs))
    const what = random()
    if (what < 0.5) await hear(pick(), random() < 0.5)
    else if (what < 0.65) await hear(pick(), random() < 0.5, baywire.clock.now() - Math.floor(random() * hourMs))
    else if (what < 0.8) await hearMany([pick(), pick()], random() < 0.5)
    else if (what < 0.85) await baywire.deliver(`parking/v1/${slug}/devices/${pick()}/reading`, { occupied: 1 })
    else if (what < 0.92) await sweep()
    else if (what < 0.96) await setPolicy({ debounce: { readings: 2, hold_s: 1200 }, sensor_timeout_s: 3600 })
    else {
      await baywire.tenant(slug, ['NEW'])
      await redrive()
    }
    // oxlint-enable no-await-in-loop
  }
  expect(await run()).toMatchObject(same)
  // In a part of the time as well, and at one space alone.
  expect(await run({ since: start + 2 * hourMs, until: start + 8 * hourMs })).toMatchObject({ changed_outcomes: 0 })
  expect(await run({ device: 'A2' })).toMatchObject(same)
  const { path, lines } = await exported()
  const report = await fileDryRun({ path, filter: {} })
  // Timers are not in a file; but all that is read has its line.
  expect(report?.readings).toBe(lines.length)
})
