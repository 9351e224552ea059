/** Dry runs over what an ingest really logged: equal to what was live, whatever happened on the way, and read only. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sweepDeadlines } from '../../src/jobs/deadlines.ts'
import type { PolicyFields } from '../../src/occupancy/policy.ts'
import { dryRun } from '../../src/replay/dry-run.ts'
import type { DryRunReport } from '../../src/replay/dry-run-report.ts'
import type { ReadingSelection } from '../../src/store/logged-readings.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

const secondMs = 1000
const devices = ['A1', 'A2', 'A3']

let baywire: TestIngest
let slug: string
let tenantId: string
let number = 0
let seq = 0

beforeAll(async () => {
  baywire = await startTestIngest()
})
beforeEach(async () => {
  slug = `replay-${++number}`
  tenantId = await baywire.tenant(slug, devices)
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

/** Readings [device, occupied, seconds], each arriving when it was measured. */
async function hear(...readings: readonly (readonly [device: string, occupied: boolean, atS: number, seq?: number])[]) {
  for (const [device, occupied, atS, own = ++seq] of readings) {
    const at = start + atS * secondMs
    baywire.clock.set(at)
    const reading = { occupied, at: new Date(at).toISOString(), seq: own, boot: 1 }
    // oxlint-disable-next-line no-await-in-loop -- in this order
    await baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, reading)
  }
}
const start = Math.floor(Date.now() / secondMs) * secondMs - 3_600_000

async function run(
  selection: Partial<ReadingSelection> = {},
  policy?: PolicyFields,
): Promise<DryRunReport | undefined> {
  return await baywire.system.withSnapshot((tx) => dryRun(tx, { selection: { tenantId, ...selection }, policy }))
}

const sweep = () =>
  sweepDeadlines({
    database: baywire.system,
    memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
    clock: baywire.clock,
  })

const debounced = { debounce: { readings: 2, hold_s: 10 } }

describe('a dry run', () => {
  test('of nothing is nothing', async () => {
    expect(await run()).toBeUndefined()
  })

  test('comes to what was live', async () => {
    await hear(
      ['A1', true, 0],
      ['A2', false, 1],
      ['A1', true, 2],
      ['A1', false, 1, 0],
      ['A1', false, 20],
      ['XX', true, 21],
    )
    await baywire.deliver(`parking/v1/${slug}/devices/A3/reading`, 'not JSON')
    const report = await run()
    expect(report).toMatchObject({ readings: 7, spaces: 2, inputs: 5, changed_outcomes: 0, missing_inputs: 0 })
    expect(report?.outcomes.recorded).toEqual({ applied: 3, unchanged: 1, late: 1, unknown_device: 1, malformed: 1 })
    expect(report?.outcomes.replayed).toEqual(report?.outcomes.recorded)
    expect(report?.transitions).toEqual({ recorded: 3, replayed: 3, remaining: 3, removed: 0, added: 0 })
    expect(report).toMatchObject({ disagreement_minutes: 0, by_space: [], changes: [] })
  })

  test('takes other inputs in their places, and those of a gateway with parts at many spaces', async () => {
    baywire.clock.set(start)
    const message = (offsetS: number, occupied: boolean) => ({
      readings: devices.map((device) => ({
        device,
        occupied,
        at: new Date(start + offsetS * secondMs).toISOString(),
        seq: ++seq,
        boot: 1,
      })),
    })
    const topic = `parking/v1/${slug}/gateways/gw-1/readings`
    await baywire.deliver(topic, message(0, true))
    baywire.clock.set(start + 26 * 3_600_000)
    await sweep()
    await baywire.deliver(topic, message(26 * 3600, false))
    baywire.clock.set(start + 80 * 3_600_000)
    await sweep()
    const report = await run()
    expect(report).toMatchObject({ readings: 6, spaces: 3, changed_outcomes: 0, missing_inputs: 0 })
    expect(report?.inputs).toBeGreaterThan(6)
    expect(report?.transitions).toMatchObject({ removed: 0, added: 0 })
    // One device alone: its payload stands on another's row.
    const one = await run({ device: 'A2' })
    expect(one).toMatchObject({ readings: 2, spaces: 1, changed_outcomes: 0, transitions: { removed: 0, added: 0 } })
  })

  test('of a part of the time folds what was before it, and compares that part alone', async () => {
    await hear(['A1', true, 0], ['A1', false, 10], ['A1', false, 20], ['A1', true, 30], ['A1', false, 40])
    const middle = await run({ since: start + 15 * secondMs, until: start + 35 * secondMs })
    expect(middle).toMatchObject({ readings: 2, inputs: 4, changed_outcomes: 0 })
    expect(middle?.transitions).toEqual({ recorded: 1, replayed: 1, remaining: 1, removed: 0, added: 0 })
  })

  test('finds what was recorded otherwise', async () => {
    await hear(['A1', true, 0], ['A1', false, 10])
    await baywire.sql`UPDATE readings SET outcome = 'unchanged' WHERE tenant_id = ${tenantId} AND input_seq = 2`
    const report = await run()
    await baywire.sql`UPDATE readings SET outcome = 'applied' WHERE tenant_id = ${tenantId} AND input_seq = 2`
    expect(report).toMatchObject({
      changed_outcomes: 1,
      outcomes: { recorded: { unchanged: 1 }, replayed: { applied: 2 } },
    })
  })
})

describe('a backtest', () => {
  test('says which transitions disappear, and for how long people would have seen something else', async () => {
    await hear(['A1', false, 0], ['A1', true, 100], ['A1', false, 105], ['A1', true, 300], ['A2', true, 0])
    const report = await run({}, debounced)
    expect(report?.transitions).toEqual({ recorded: 5, replayed: 3, remaining: 3, removed: 2, added: 0 })
    expect(report?.changes.map(({ change, kind, event_time }) => [change, kind, event_time])).toEqual([
      ['removed', 'occupied', new Date(start + 100 * secondMs).toISOString()],
      ['removed', 'vacated', new Date(start + 105 * secondMs).toISOString()],
    ])
    expect(report?.by_space).toEqual([
      { space: `${slug}/main/A1`, recorded: 4, replayed: 2, removed: 2, added: 0, disagreement_minutes: 0.08 },
    ])
  })

  test('changes nothing', async () => {
    const tables = await baywire.sql<{ name: string }[]>`
      SELECT c.relname AS name FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace`
    const counts = async () => {
      const entries: [string, unknown][] = []
      for (const { name } of tables) {
        // oxlint-disable-next-line no-await-in-loop
        const [row] =
          await baywire.sql`SELECT count(*)::int AS n, md5(string_agg(t::text, ',' ORDER BY t::text)) AS all FROM ${baywire.sql(name)} t`
        entries.push([name, row])
      }
      return entries
    }
    await hear(['A1', false, 0], ['A1', true, 100], ['A1', false, 105])
    const before = await counts()
    await run({}, debounced)
    expect(await counts()).toEqual(before)
  })

  test('begins when its time begins', async () => {
    await hear(['A1', false, 0], ['A1', true, 5], ['A1', false, 100], ['A1', true, 105], ['A1', false, 110])
    const report = await run({ since: start + 90 * secondMs }, debounced)
    // What was occupied is contradicted and vacant again and again: of the three one is left.
    expect(report?.transitions).toMatchObject({ recorded: 3, removed: 2, remaining: 1 })
  })
})

// Last, because after each test all that is there is folded.
test('a dry run of more policies than are kept in memory, over readings that were decided by each of them', async () => {
  const [perMessage, versions] = [500, 1500]
  baywire.clock.set(start)
  for (let message = 0; message < versions / perMessage; message++) {
    const readings = Array.from({ length: perMessage }, (_, index) => {
      const at = new Date(start + (message * perMessage + index) * secondMs).toISOString()
      return { device: 'A1', occupied: index % 2 === 0, at, seq: ++seq, boot: 1 }
    })
    baywire.clock.advance(perMessage * secondMs)
    // oxlint-disable-next-line no-await-in-loop -- in this order
    expect(await baywire.deliver(`parking/v1/${slug}/gateways/gw-1/readings`, { readings })).toBe('acknowledged')
  }
  await hear(['A2', true, versions])
  await baywire.sql`
    INSERT INTO policies (tenant_id, version, scope, fields)
    SELECT ${tenantId}, version, 'tenant', '{}' FROM generate_series(1, ${versions}::integer) version`
  await baywire.sql`UPDATE tenants SET policy_version = ${versions} WHERE id = ${tenantId}`
  await baywire.sql`UPDATE readings SET policy_version = input_seq WHERE tenant_id = ${tenantId}`
  const report = await run()
  expect(report).toMatchObject({ readings: versions + 1, spaces: 2, changed_outcomes: 0, missing_inputs: 0 })
  expect(report?.transitions).toMatchObject({ recorded: versions + 1, removed: 0, added: 0 })
})
