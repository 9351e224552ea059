import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { sweepDeadlines } from '../../src/jobs/deadlines.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

const hourMs = 3_600_000
let baywire: TestIngest
let number = 0

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

async function newTenant() {
  const slug = `deadlines-${++number}`
  const id = await baywire.tenant(slug, ['A1'])
  return {
    id,
    deliver: (reading: object) => baywire.deliver(`parking/v1/${slug}/devices/A1/reading`, reading),
    state: async () => {
      const [row] = await baywire.sql`
        SELECT status, occupancy, stale, since FROM space_states WHERE tenant_id = ${id}`
      return row
    },
    events: async () =>
      (
        await baywire.sql`SELECT kind, rule, event_time FROM space_events WHERE tenant_id = ${id} ORDER BY position`
      ).map((row) => `${row['kind']} ${row['rule']} ${(row['event_time'].getTime() - start) / hourMs}`),
  }
}
let start = 0
const at = (hours: number) => new Date(start + hours * hourMs).toISOString()

test('silence is stale, then unknown, never free; what was due while nothing ran fires at its own time', async () => {
  const tenant = await newTenant()
  start = baywire.clock.now()
  await tenant.deliver({ occupied: false, at: at(0), seq: 1, boot: 1 })
  baywire.clock.advance(24 * hourMs)
  expect(await sweep()).toBe(0)
  baywire.clock.advance(76 * hourMs)
  expect(await sweep()).toBe(2)
  expect(await sweep()).toBe(0)
  expect(await tenant.state()).toMatchObject({
    status: 'unknown',
    occupancy: 'unknown',
    stale: true,
    since: new Date(at(25)),
  })
  expect(await tenant.events()).toEqual([
    'vacated reading 0',
    'sensor_lost sensor_timeout 25',
    'sensor_lost unknown_after 72',
  ])
  await tenant.deliver({ occupied: true, at: at(99), seq: 2, boot: 1 })
  expect(await tenant.state()).toMatchObject({ status: 'occupied', stale: false })
})

test('a reading from before a deadline that fired takes it back, with events that say so', async () => {
  const tenant = await newTenant()
  start = baywire.clock.now()
  await tenant.deliver({ occupied: false, at: at(0), seq: 1, boot: 1 })
  baywire.clock.advance(26 * hourMs)
  await sweep()
  expect(await tenant.state()).toMatchObject({ status: 'unknown', stale: true })
  await tenant.deliver({ occupied: false, at: at(24), seq: 2, boot: 1 })
  expect(await tenant.state()).toMatchObject({ status: 'free', stale: false, since: new Date(at(0)) })
  expect(await tenant.events()).toEqual([
    'vacated reading 0',
    'sensor_lost sensor_timeout 25',
    'sensor_recovered withdrawn 24',
  ])
})

test('a swept log ends in the state of one that was never swept', async () => {
  const [swept, unswept] = [await newTenant(), await newTenant()]
  start = baywire.clock.now()
  for (const hours of [0, 10, 40, 41, 130, 150]) {
    baywire.clock.set(start + hours * hourMs)
    await sweep()
    await swept.deliver({ occupied: hours % 20 === 0, at: at(hours), seq: hours, boot: 1 })
  }
  const end = start + 160 * hourMs
  baywire.clock.set(end)
  for (const hours of [0, 10, 40, 41, 130, 150]) {
    await unswept.deliver({ occupied: hours % 20 === 0, at: at(hours), seq: hours, boot: 1 })
  }
  await sweep()
  expect(await unswept.state()).toEqual(await swept.state())
  expect(await unswept.events()).toEqual(await swept.events())
})

test('two sweeps at once fire each deadline once', async () => {
  const tenant = await newTenant()
  start = baywire.clock.now()
  await tenant.deliver({ occupied: true, at: at(0), seq: 1, boot: 1 })
  baywire.clock.advance(100 * hourMs)
  await Promise.all([sweep(), sweep(), sweep()])
  expect(await tenant.events()).toEqual([
    'occupied reading 0',
    'sensor_lost sensor_timeout 25',
    'sensor_lost unknown_after 72',
  ])
})

test('a policy with what only a newer program knows: readings are applied, and timers fire, by the rest of it', async () => {
  const [tenant, other] = [await newTenant(), await newTenant()]
  const fields = { sensor_timeout_s: 3600, quiet_hours: ['22:00', '06:00'] }
  await baywire.sql`
    INSERT INTO policies (tenant_id, version, scope, fields)
    VALUES (${tenant.id}, 1, 'tenant', ${baywire.sql.json(fields)})`
  await baywire.sql`UPDATE tenants SET policy_version = 1 WHERE id = ${tenant.id}`
  start = baywire.clock.now()
  await tenant.deliver({ occupied: false, at: at(0), seq: 1, boot: 1 })
  await other.deliver({ occupied: false, at: at(0), seq: 1, boot: 1 })
  baywire.clock.advance(26 * hourMs)
  expect(await sweep()).toBe(2)
  expect(await tenant.events()).toEqual(['vacated reading 0', 'sensor_lost sensor_timeout 1'])
  expect(await other.events()).toEqual(['vacated reading 0', 'sensor_lost sensor_timeout 25'])
})
