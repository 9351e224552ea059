/** What a sensor's heartbeats teach is the same live, folded again, in a dry run, and behind a checkpoint. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { sweepDeadlines } from '../../src/jobs/deadlines.ts'
import { dropOldReadings } from '../../src/jobs/retention.ts'
import { createLog } from '../../src/log.ts'
import { dryRun } from '../../src/replay/dry-run.ts'
import { verify } from '../../src/replay/verify.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

const minuteMs = 60_000
const dayMs = 86_400_000
let baywire: TestIngest
beforeAll(async () => {
  baywire = await startTestIngest()
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

const sweep = () =>
  sweepDeadlines({
    database: baywire.system,
    memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
    clock: baywire.clock,
  })

async function heartbeats(slug: string, { from, to, kind = 'heartbeat' }: { from: number; to: number; kind?: string }) {
  for (let n = from; n < to; n++) {
    const at = baywire.clock.now()
    const reading = { occupied: false, at: new Date(at).toISOString(), seq: n + 1, boot: 1, kind }
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect(await baywire.deliver(`parking/v1/${slug}/devices/A1/reading`, reading)).toBe('acknowledged')
    baywire.clock.advance(10 * minuteMs)
  }
  baywire.clock.advance(-10 * minuteMs)
}

const stale = async (tenantId: string) => {
  const [row] = await baywire.sql<{ stale: boolean }[]>`SELECT stale FROM space_states WHERE tenant_id = ${tenantId}`
  return row?.stale
}

test.each([
  { kind: 'heartbeat', lost: true },
  { kind: 'change', lost: false },
])('after nine readings of kind $kind, silence of half again as long: stale is $lost', async ({ kind, lost }) => {
  const slug = `learned-${kind}`
  const tenantId = await baywire.tenant(slug, ['A1'])
  await heartbeats(slug, { from: 0, to: 9, kind })
  baywire.clock.advance(14 * minuteMs)
  await sweep()
  expect(await stale(tenantId)).toBe(false)
  baywire.clock.advance(minuteMs)
  await sweep()
  expect(await stale(tenantId)).toBe(lost)
  await baywire.expectSound()
  await heartbeats(slug, { from: 9, to: 10, kind })
  expect(await stale(tenantId)).toBe(false)
  const transitions = lost ? 3 : 1
  const report = await baywire.system.withSnapshot((tx) => dryRun(tx, { selection: { tenantId } }))
  expect(report).toMatchObject({
    readings: 10,
    missing_inputs: 0,
    changed_outcomes: 0,
    transitions: { recorded: transitions, replayed: transitions, removed: 0, added: 0 },
    disagreement_minutes: 0,
  })
})

test('a checkpoint knows what was learned', async () => {
  const tenantId = await baywire.tenant('learned-kept', ['A1'])
  const now = Date.now()
  const today = Math.floor(now / dayMs) * dayMs
  baywire.clock.set(today - 91 * dayMs - 50 * minuteMs)
  await heartbeats('learned-kept', { from: 0, to: 9 })
  await dropOldReadings(
    { database: baywire.system, log: createLog({ level: 'silent' }), signal: new AbortController().signal },
    { days: 91 },
  )
  baywire.clock.advance(15 * minuteMs)
  await sweep()
  expect(await stale(tenantId)).toBe(true)
  expect(await verify(baywire.system, { tenantId })).toMatchObject({ inputs: 5, first_difference: null })
  baywire.clock.set(now)
})
