import { afterAll, beforeAll, expect, test } from 'vitest'
import { inTenant, provision } from '../../src/store/provision.ts'
import { startOperators, type Operators } from './operator.ts'

let operators: Operators

beforeAll(async () => {
  operators = await startOperators()
})
afterAll(() => operators.close())

test('the dashboard of a tenant without anything', async () => {
  const city = await operators.tenant()
  await operators.baywire.sql`delete from gateways where tenant_id = ${city.id}`
  const { status, body } = await city.ask('GET', '/dashboard')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    sites: [{ code: 'main', total: 0, status: { free: 0, unknown: 0 }, stale: 0, sensors: 0, silent_sensors: 0 }],
    devices: { total: 0, unassigned: 0 },
    gateways: { total: 0, offline: 0 },
    orphans: 0,
    readings_per_minute: 0,
    ledger: { received: 0, applied: 0 },
    events: [],
  })
})

test('the dashboard counts what is the own tenant’s', async () => {
  const { baywire } = operators
  const now = Date.now()
  // A minute that is over.
  baywire.clock.set(Math.floor(now / 60_000) * 60_000 - 90_000)
  const city = await operators.tenant(['A1', 'A2', 'A3'])
  const other = await operators.tenant(['A1'])
  await inTenant(operators.tenants, { slug: city.slug }, (tx) =>
    provision(tx, {
      sites: [{ code: 'north' }],
      spaces: [{ site: 'north', code: 'N1' }],
      devices: [{ code: 'spare' }],
    }),
  )
  await baywire.deliver(city.topic('A1'), { occupied: true, seq: 1, boot: 1 })
  await baywire.deliver(city.topic('A1'), { occupied: true, seq: 2, boot: 1 })
  await baywire.deliver(city.topic('A2'), { occupied: false, seq: 1, boot: 1 })
  await baywire.deliver(city.topic('ghost'), { occupied: false })
  await baywire.deliver(city.topic('A1'), 'nonsense')
  await baywire.deliver(other.topic('A1'), { occupied: false, seq: 1, boot: 1 })
  await baywire.deliver(`parking/v1/${city.slug}/gateways/gw-1/status`, 'offline')
  await baywire.sql`update space_states set stale = true where tenant_id = ${city.id} and status = 'occupied'`
  const { body } = await city.ask('GET', '/dashboard', { role: 'viewer' })
  const status = { free: 1, occupied: 1, reserved: 0, blocked: 0, out_of_service: 0, unknown: 1 }
  expect(body).toMatchObject({
    sites: [
      { code: 'main', total: 3, status, stale: 1, sensors: 3, silent_sensors: 2 },
      { code: 'north', total: 1, status: { free: 0, unknown: 1 }, stale: 0, sensors: 0, silent_sensors: 0 },
    ],
    devices: { total: 4, unassigned: 1 },
    gateways: { total: 1, offline: 1 },
    orphans: 1,
    readings_per_minute: 1,
    ledger: { received: 5, applied: 2, unchanged: 1, unknown_device: 1, malformed: 1, late: 0 },
  })
  expect(body.events).toMatchObject([
    { kind: 'vacated', space: 'main/A2', status: 'free' },
    { kind: 'occupied', space: 'main/A1', status: 'occupied' },
  ])
  expect((await city.ask('GET', '/dashboard', { role: 'driver' })).status).toBe(403)
  expect((await city.ask('GET', '/dashboard?site=main')).status).toBe(400)
})

test('the dashboard has the last 20 events', async () => {
  const city = await operators.tenant(['A1'])
  const { clock } = operators.baywire
  clock.set(Date.now() - 60_000)
  for (let seq = 1; seq <= 25; seq++) {
    clock.advance(1000)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await operators.baywire.deliver(city.topic('A1'), { occupied: seq % 2 === 1, seq, boot: 1 })
  }
  const { body } = await city.ask('GET', '/dashboard')
  expect(body.events).toHaveLength(20)
  const times = body.events.map((event: { event_time: string }) => event.event_time)
  expect(times).toEqual(times.toSorted().toReversed())
  expect(times[0]).toBe(new Date(clock.now()).toISOString())
})
