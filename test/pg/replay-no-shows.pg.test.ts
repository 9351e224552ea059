/** Reservations under another policy than the one in force: which would have become no-shows, and which would not have. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { PolicyFields } from '../../src/occupancy/policy.ts'
import { dryRun } from '../../src/replay/dry-run.ts'
import type { NoShows } from '../../src/replay/dry-run-report.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { ReservedTenant } from './support/reserved.ts'

let baywire: TestIngest
let number = 0
beforeAll(async () => {
  baywire = await startTestIngest()
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

const newTenant = () => ReservedTenant.create(baywire, `no-shows-${++number}`)

interface Backtested {
  policy: PolicyFields
  /** Minutes. */
  since?: number
  until?: number
}

async function backtest(tenant: ReservedTenant, { policy, since, until }: Backtested): Promise<NoShows | null> {
  const time = (minute: number | undefined) => (minute === undefined ? undefined : tenant.at(minute).getTime())
  const selection = { tenantId: tenant.id, since: time(since), until: time(until) }
  const report = await baywire.system.withSnapshot((tx) => dryRun(tx, { selection, policy, now: baywire.clock.now() }))
  return report?.no_shows ?? null
}

const none = { added: [], removed: [], untold: 0 }
const row = (tenant: ReservedTenant, { id, start, at }: { id: string; start: number; at: number }) => ({
  reservation: id,
  space: `${tenant.slug}/main/A1`,
  start: tenant.at(start).toISOString(),
  at: tenant.at(at).toISOString(),
})

/** Nobody comes for a reservation from 60 to 120; vacant is said all the while. */
async function nobodyComes(tenant: ReservedTenant): Promise<string> {
  await tenant.read(0, false)
  const id = await tenant.book({ from: 60, to: 120 })
  for (const minute of [45, 60]) await tenant.turn(minute)
  await tenant.read(65, false)
  await tenant.turn(130)
  return id
}

test('who would have been waited for longer is no no-show', async () => {
  const tenant = await newTenant()
  const id = await nobodyComes(tenant)
  expect(await tenant.reservation(id)).toMatchObject({ state: 'no_show', ended_at: 75 })
  const removed = [row(tenant, { id, start: 60, at: 75 })]
  expect(await backtest(tenant, { policy: { no_show_after_s: 7200 } })).toEqual({ ...none, removed })
  expect(await backtest(tenant, { policy: { no_show_after_s: 900 } })).toEqual(none)
  expect(await backtest(tenant, { policy: { debounce: { readings: 2, hold_s: 10 } } })).toEqual(none)
})

test('who came late would have been one, had they been waited for less', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const id = await tenant.book({ from: 60, to: 120 })
  for (const minute of [45, 60]) await tenant.turn(minute)
  await tenant.read(70, true)
  for (const minute of [70, 130]) await tenant.turn(minute)
  expect(await tenant.reservation(id)).toMatchObject({ state: 'completed', checked_in_at: 70 })
  const added = [row(tenant, { id, start: 60, at: 65 })]
  expect(await backtest(tenant, { policy: { no_show_after_s: 300 } })).toEqual({ ...none, added })
  expect(await backtest(tenant, { policy: { no_show_after_s: 1200 } })).toEqual(none)
})

test('a car that was there for seconds is none where changes are debounced', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const id = await tenant.book({ from: 60, to: 120 })
  for (const minute of [45, 60]) await tenant.turn(minute)
  await tenant.read(62, true)
  await tenant.turn(62)
  await tenant.read(62.1, false)
  for (const minute of [63, 130]) await tenant.turn(minute)
  expect(await tenant.reservation(id)).toMatchObject({ state: 'completed', checked_out_at: 62.1 })
  const added = [row(tenant, { id, start: 60, at: 75 })]
  expect(await backtest(tenant, { policy: { debounce: { readings: 2, hold_s: 30 } } })).toEqual({ ...none, added })
})

test('silence is no no-show, under any policy: a shorter patience with the sensor takes one away', async () => {
  const tenant = await newTenant()
  const id = await nobodyComes(tenant)
  const removed = [row(tenant, { id, start: 60, at: 75 })]
  expect(await backtest(tenant, { policy: { sensor_timeout_s: 120, unknown_after_s: 600 } })).toEqual({
    ...none,
    removed,
  })
})

test('who cancelled before it would have come to that is none', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const id = await tenant.book({ from: 60, to: 120 })
  for (const minute of [45, 60]) await tenant.turn(minute)
  await tenant.change(70, async ({ tx, writer, space, now }) => {
    writer.step(space, { kind: 'reservation', phase: 'released', reservation: id, at: now })
    await tx`UPDATE reservations SET state = 'cancelled', ended_at = ${new Date(now)}, next_due_at = NULL WHERE id = ${id}`
  })
  await tenant.read(100, false)
  await tenant.turn(130)
  expect(await backtest(tenant, { policy: { no_show_after_s: 720 } })).toEqual(none)
  const added = [row(tenant, { id, start: 60, at: 65 })]
  expect(await backtest(tenant, { policy: { no_show_after_s: 300 } })).toEqual({ ...none, added })
})

test('those of another time are left out, and without another policy nothing is said', async () => {
  const tenant = await newTenant()
  await nobodyComes(tenant)
  await tenant.read(200, true)
  const policy = { no_show_after_s: 7200 }
  expect(await backtest(tenant, { policy, since: 150 })).toEqual(none)
  expect(await backtest(tenant, { policy, until: 50 })).toEqual(none)
  const plain = await baywire.system.withSnapshot((tx) => dryRun(tx, { selection: { tenantId: tenant.id } }))
  expect(plain?.no_shows).toBeNull()
})

test('timers that are due by the end of the time fire, and not later', async () => {
  const tenant = await newTenant()
  await tenant.read(0, true)
  await tenant.read(10, true)
  const policy = { sensor_timeout_s: 600, unknown_after_s: 1200 }
  const kinds = async (until: number) => {
    baywire.clock.set(tenant.at(60).getTime())
    const selection = { tenantId: tenant.id, until: tenant.at(until).getTime() }
    const now = baywire.clock.now()
    const report = await baywire.system.withSnapshot((tx) => dryRun(tx, { selection, policy, now }))
    return report?.changes.map(({ change, kind, event_time }) => [change, kind, event_time])
  }
  const lost = (minute: number) => ['added', 'sensor_lost', tenant.at(minute).toISOString()]
  expect(await kinds(15)).toEqual([])
  expect(await kinds(25)).toEqual([lost(20)])
  expect(await kinds(50)).toEqual([lost(20), lost(30)])
})
