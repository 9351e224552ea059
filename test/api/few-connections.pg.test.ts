import { afterAll, beforeAll, expect, test } from 'vitest'
import { makePlaces, placesFixture, statusesOf, type PlacesFixture } from './places-fixture.ts'

let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterAll(() => fixture.close())

/** Holds the lock of the tenant's provisioning, as another process would, while `work` runs. */
async function whileProvisioning(tenantId: string, work: () => Promise<void>): Promise<void> {
  await fixture.baywire.sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(hashtext('baywire.provision'), hashtext(${tenantId}))`
    await work()
  })
}

test('while a tenant is provisioned its own requests wait, and those of others are answered', async () => {
  const [tenant, other] = [await fixture.tenant(), await fixture.tenant()]
  const app = fixture.instance({ max: 2 })
  const waiting: ReturnType<typeof tenant.owner>[] = []
  await whileProvisioning(tenant.id, async () => {
    for (const code of ['a', 'b', 'c', 'd']) {
      waiting.push(tenant.owner('POST', '/sites', { json: { code, name: code }, app }))
      waiting.push(tenant.owner('POST', '/devices', { json: { code }, app }))
    }
    expect((await other.viewer('GET', '/sites', { app })).status).toBe(200)
    await makePlaces((method, path, options) => other.owner(method, path, { ...options, app }), { spaces: ['A1'] })
  })
  expect(statusesOf(await Promise.all(waiting))).toEqual(Array.from(waiting, () => 201))
})

test('however many imports a tenant asks for, one waits, and those of others are answered', async () => {
  const [tenant, other] = [await fixture.tenant(), await fixture.tenant()]
  const { siteId } = await makePlaces(tenant.owner)
  const app = fixture.instance({ max: 2 })
  const file = { body: 'space\nA1', headers: { 'Content-Type': 'text/csv' } }
  const ask = () => tenant.owner('POST', `/spaces/import?site_id=${siteId}`, { ...file, app })
  const done: ReturnType<typeof ask>[] = []
  await whileProvisioning(tenant.id, async () => {
    done.push(ask())
    expect(statusesOf(await Promise.all(Array.from({ length: 20 }, ask)))).toEqual(Array(20).fill(429))
    expect((await other.viewer('GET', '/sites', { app })).status).toBe(200)
  })
  expect(statusesOf(await Promise.all(done))).toEqual([200])
})

test('what was answered with 503 while it waited for a connection is not done afterwards', async () => {
  const { owner } = await fixture.tenant()
  const app = fixture.instance({ max: 1, databaseWaitMs: 500 })
  const list = () => owner('GET', '/sites', { app })
  expect((await list()).status).toBe(200)
  await fixture.baywire.sql.begin(async (tx) => {
    await tx`LOCK TABLE sites`
    expect((await list()).status).toBe(503)
    expect((await owner('POST', '/sites', { json: { code: 'late', name: 'late' }, app })).status).toBe(503)
  })
  // There is one connection, and each gets it in its turn.
  expect((await list()).body.items).toEqual([])
})
