import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { sweepDeadlines } from '../../src/jobs/deadlines.ts'
import { defaultPolicy } from '../../src/occupancy/policy.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { makePlaces, placesFixture, withoutRequestId, type PlacesFixture, type TestTenant } from './places-fixture.ts'

let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterEach(() => fixture.baywire.expectSound())
afterAll(() => fixture.close())

const hourMs = 3_600_000

async function tenantWithSensor(): Promise<TestTenant & { siteId: string; spaceId: string }> {
  const tenant = await fixture.tenant()
  const { siteId, spaceIds } = await makePlaces(tenant.owner, { spaces: ['1'] })
  const spaceId = String(spaceIds[0])
  const { sql } = fixture.baywire
  const deviceId = newId()
  await sql`INSERT INTO devices (tenant_id, id, code) VALUES (${tenant.id}, ${deviceId}, 'd')`
  await sql`
    INSERT INTO device_assignments (tenant_id, id, device_id, space_id, assigned_at)
    VALUES (${tenant.id}, ${newId()}, ${deviceId}, ${spaceId}, '-infinity')`
  return { ...tenant, siteId, spaceId }
}

const deliver = ({ slug }: TestTenant, reading: object) =>
  fixture.baywire.deliver(`parking/v1/${slug}/devices/d/reading`, reading)

const sweep = () =>
  sweepDeadlines({
    database: fixture.baywire.system,
    memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
    clock: fixture.baywire.clock,
  })

test('begin as the defaults, and each change is a version', async () => {
  const { owner, siteId, spaceId } = await tenantWithSensor()
  expect(await owner('GET', '/policies/effective')).toMatchObject({
    status: 200,
    etag: '"0"',
    body: { version: 0, policy: defaultPolicy, from: { debounce: 'default' } },
  })
  expect((await owner('GET', '/policies/tenant')).body).toEqual({ version: 0, fields: {}, changed_at: null })
  const ofTenant = { sensor_timeout_s: 7200, reserved_soon_s: 60 }
  const put = await owner('PUT', '/policies/tenant', { json: ofTenant, ifMatch: '"0"' })
  expect(put).toMatchObject({ status: 200, etag: '"1"', body: { version: 1, fields: ofTenant } })
  await owner('PUT', `/policies/sites/${siteId}`, { json: { sensor_timeout_s: 3600 }, ifMatch: '"1"' })
  const debounce = { readings: 2, hold_s: 30 }
  await owner('PUT', `/policies/spaces/${spaceId}`, { json: { debounce }, ifMatch: '"2"' })
  expect(await owner('GET', `/policies/effective?space_id=${spaceId}`)).toMatchObject({
    etag: '"3"',
    body: {
      version: 3,
      policy: { ...defaultPolicy, reserved_soon_s: 60, sensor_timeout_s: 3600, debounce },
      from: { reserved_soon_s: 'tenant', sensor_timeout_s: 'site', debounce: 'space', unknown_after_s: 'default' },
    },
  })
  expect((await owner('GET', `/policies/effective?site_id=${siteId}`)).body.policy.debounce).toBeNull()
  expect((await owner('GET', `/policies/effective?site_id=${siteId}&space_id=${spaceId}`)).status).toBe(400)

  const inForce = await owner('GET', '/policies?limit=2')
  expect(inForce).toMatchObject({
    etag: '"3"',
    body: {
      version: 3,
      items: [
        { scope: 'site', scope_id: siteId },
        { scope: 'space', scope_id: spaceId },
      ],
    },
  })
  const rest = await owner('GET', `/policies?limit=2&cursor=${inForce.body.next}`)
  expect(rest.body).toMatchObject({ items: [{ scope: 'tenant', scope_id: null, version: 1 }], next: null })

  // The whole set each time; nothing at all gives the scope back to the one above.
  await owner('PUT', '/policies/tenant', { json: { sensor_timeout_s: 7200 }, ifMatch: '"3"' })
  expect((await owner('GET', '/policies/effective')).body.policy.reserved_soon_s).toBe(900)
  const removed = await owner('DELETE', `/policies/sites/${siteId}`, { ifMatch: '"4"' })
  expect(removed).toMatchObject({ status: 200, etag: '"5"', body: { version: 5, fields: {} } })
  expect((await owner('GET', '/policies')).body.items).toHaveLength(2)
  const versions = await owner('GET', '/policies/versions?limit=3')
  expect(versions.body.items.map(({ version }: { version: number }) => version)).toEqual([5, 4, 3])
  const earlier = await owner('GET', `/policies/versions?limit=3&cursor=${versions.body.next}`)
  expect(earlier.body).toMatchObject({ items: [{ version: 2 }, { version: 1, fields: ofTenant }], next: null })
})

test('are refused where they are wrong, old, or not allowed', async () => {
  const { owner, viewer, driver, operator, siteId } = await tenantWithSensor()
  const json = { sensor_timeout_s: 3600 }
  expect((await owner('PUT', '/policies/tenant', { json })).status).toBe(428)
  expect((await owner('PUT', '/policies/tenant', { json, ifMatch: '"1"' })).status).toBe(412)
  for (const wrong of [{ sensor_timeout_s: 0 }, { debounce: { readings: 2 } }, { colour: 'red' }, []]) {
    // oxlint-disable-next-line no-await-in-loop
    expect((await owner('PUT', '/policies/tenant', { json: wrong, ifMatch: '"0"' })).status).toBe(400)
  }
  expect((await operator('PUT', '/policies/tenant', { json, ifMatch: '"0"' })).status).toBe(403)
  expect((await viewer('GET', '/policies')).status).toBe(200)
  expect((await driver('GET', '/policies')).status).toBe(403)
  const theirs = await tenantWithSensor()
  const foreign = await owner('PUT', `/policies/sites/${theirs.siteId}`, { json, ifMatch: '"0"' })
  const missing = await owner('PUT', `/policies/sites/${newId()}`, { json, ifMatch: '"0"' })
  expect(foreign.status).toBe(404)
  expect(withoutRequestId(foreign)).toEqual(withoutRequestId(missing))
  // A site is no space.
  expect((await owner('PUT', `/policies/spaces/${siteId}`, { json, ifMatch: '"0"' })).status).toBe(404)
  expect((await owner('GET', `/policies/effective?space_id=${theirs.spaceId}`)).status).toBe(404)
  expect((await theirs.owner('GET', '/policies')).body).toEqual({ version: 0, items: [], next: null })
})

test('of parallel changes one gets the next version', async () => {
  const { id, owner } = await tenantWithSensor()
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      owner('PUT', '/policies/tenant', { json: { reserved_soon_s: n }, ifMatch: '"0"' }),
    ),
  )
  const done = answers.filter(({ status }) => status === 200)
  expect(done).toHaveLength(1)
  expect((await owner('GET', '/policies/tenant')).body.fields).toEqual(done[0]?.body.fields)
  expect(await fixture.baywire.sql`SELECT FROM policies WHERE tenant_id = ${id}`).toHaveLength(1)
  const entries = await fixture.baywire.sql`
    SELECT detail FROM audit_log WHERE tenant_id = ${id} AND action = 'policy.changed'`
  expect([...entries]).toEqual([{ detail: { version: 1, fields: done[0]?.body.fields } }])
})

test('hold from the next reading on: a deadline that lies in a state keeps its time', async () => {
  const tenant = await tenantWithSensor()
  const { owner, spaceId } = tenant
  const { clock } = fixture.baywire
  const status = async () => (await owner('GET', `/spaces/${spaceId}`)).body.state
  await deliver(tenant, { occupied: false, seq: 1, boot: 1 })
  await owner('PUT', '/policies/tenant', { json: { sensor_timeout_s: 3600 }, ifMatch: '"0"' })
  clock.advance(2 * hourMs)
  expect(await sweep()).toBe(0)
  expect(await status()).toMatchObject({ status: 'free', stale: false })
  await deliver(tenant, { occupied: false, seq: 2, boot: 1 })
  clock.advance(2 * hourMs)
  expect(await sweep()).toBe(1)
  expect(await status()).toMatchObject({ status: 'unknown', occupancy: 'vacant', stale: true })
})

test('change while readings come: each is judged by one version, and folds to the same again', async () => {
  const tenant = await tenantWithSensor()
  const { id, owner } = tenant
  const { clock, sql } = fixture.baywire
  await deliver(tenant, { occupied: true, seq: 0, boot: 1 })
  const changes = (async () => {
    for (let version = 0; version < 10; version += 1) {
      const json = version % 2 === 0 ? { debounce: { readings: 2, hold_s: 60 } } : {}
      // oxlint-disable-next-line no-await-in-loop -- one version after the other
      expect((await owner('PUT', '/policies/tenant', { json, ifMatch: `"${version}"` })).status).toBe(200)
    }
  })()
  for (let seq = 1; seq <= 60; seq += 1) {
    clock.advance(1000)
    // oxlint-disable-next-line no-await-in-loop -- one reading after the other
    await deliver(tenant, { occupied: seq % 3 === 0, seq, boot: 1 })
  }
  await changes
  await deliver(tenant, { occupied: true, seq: 61, boot: 1 })
  const versions = await sql`SELECT DISTINCT policy_version FROM readings WHERE tenant_id = ${id}`
  expect(versions.length).toBeGreaterThan(1)
})
