import type { TransactionSql } from 'postgres'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { makePlaces, placesFixture, statusesOf, type PlacesFixture } from './places-fixture.ts'

let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterAll(() => fixture.close())

/** Holds what an import holds, as another process would, while `work` runs. */
async function whileProvisioning(tenantId: string, work: (tx: TransactionSql) => Promise<void>): Promise<void> {
  await fixture.baywire.sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(hashtext('baywire.provision'), hashtext(${tenantId}))`
    await tx`UPDATE tenants SET places_version = places_version + 1 WHERE id = ${tenantId}`
    await work(tx)
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

test('while a tenant is provisioned its places are not changed, and those of others are', async () => {
  const [tenant, other] = [await fixture.tenant(), await fixture.tenant()]
  const [{ siteId, spaceIds }, others] = [
    await makePlaces(tenant.owner, { spaces: ['A1', 'A2', 'A3'] }),
    await makePlaces(other.owner, { spaces: ['A1'] }),
  ]
  const zone = await tenant.owner('POST', '/zones', { json: { site_id: siteId, code: 'z', name: 'z' } })
  const app = fixture.instance({ max: 1 })
  const rename = { json: { name: 'new' }, ifMatch: '"1"', app }
  const asked = [`/spaces/${spaceIds[0]}`, `/sites/${siteId}`, `/zones/${zone.body.id}`]
  const waiting: ReturnType<typeof tenant.owner>[] = []
  await whileProvisioning(tenant.id, async () => {
    for (const path of asked) waiting.push(tenant.owner('PATCH', path, rename))
    for (const id of spaceIds.slice(1)) waiting.push(tenant.owner('DELETE', `/spaces/${id}`, { ifMatch: '"1"', app }))
    const space = `/spaces/${others.spaceIds[0]}`
    expect((await other.owner('PATCH', space, rename)).status).toBe(200)
    expect((await other.owner('DELETE', space, { ifMatch: '"2"', app })).status).toBe(204)
  })
  expect(statusesOf(await Promise.all(waiting))).toEqual([200, 200, 200, 204, 204])
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

test('a space that is changed while an import goes on to it: both are done', async () => {
  const [tenant, other] = [await fixture.tenant(), await fixture.tenant()]
  const { spaceIds } = await makePlaces(tenant.owner, { spaces: ['A1', 'A2'] })
  const app = fixture.instance({ max: 1 })
  const changing: ReturnType<typeof tenant.owner>[] = []
  await whileProvisioning(tenant.id, async (tx) => {
    changing.push(tenant.owner('PATCH', `/spaces/${spaceIds[1]}`, { json: { name: 'new' }, ifMatch: '"1"', app }))
    const behind = other.viewer('GET', '/sites', { app }).then(() => other.viewer('GET', '/sites', { app }))
    await Promise.race([behind, somebodyWaits()])
    await tx`UPDATE spaces SET level = '1' WHERE tenant_id = ${tenant.id} AND id IN ${tx(spaceIds)}`
  })
  const [changed] = await Promise.all(changing)
  expect(changed).toMatchObject({ status: 200, body: { name: 'new', level: '1' } })
})

/** Resolves when a transaction of the API waits for the row or the lock of another one. */
async function somebodyWaits(): Promise<void> {
  await vi.waitFor(
    async () => {
      const waiting = await fixture.baywire.sql`
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'test api' AND wait_event_type = 'Lock'`
      expect(waiting).not.toHaveLength(0)
    },
    { timeout: 20_000 },
  )
}

test('an import that lost a race is done again', async () => {
  const { id, owner } = await fixture.tenant()
  const { siteId } = await makePlaces(owner)
  const { sql } = fixture.baywire
  // A sequence counts on where its transaction is undone.
  await sql`CREATE SEQUENCE imports`
  await sql.unsafe(`
    CREATE FUNCTION lose_first() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
      IF nextval('public.imports') = 1 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
      RETURN new;
    END $$`)
  await sql.unsafe(`
    CREATE TRIGGER lose_first BEFORE INSERT ON audit_log FOR EACH ROW
    WHEN (new.action = 'spaces.imported' AND new.tenant_id = '${id}') EXECUTE FUNCTION lose_first()`)
  const file = { body: 'space\nA1', headers: { 'Content-Type': 'text/csv' } }
  const imported = await owner('POST', `/spaces/import?site_id=${siteId}`, file)
  expect(imported).toMatchObject({ status: 200, body: { spaces: { created: 1 } } })
  expect(await sql`SELECT last_value::int AS tries FROM imports`).toEqual([{ tries: 2 }])
})
