import { array, assert, asyncProperty, constantFrom, integer, record } from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { listen } from '../../src/store/listener.ts'
import { inTenant, provision } from '../../src/store/provision.ts'
import { eventsChannel } from '../../src/store/space-rows.ts'
import type { TenantDatabase } from '../../src/store/transactions.ts'
import { placesFixture, type PlacesFixture, type TestTenant } from './places-fixture.ts'
import { databaseAnswer, loseConnections, memoryAnswer, startFollower, type Follower } from './support/followers.ts'

let fixture: PlacesFixture
let follower: Follower

beforeAll(async () => {
  fixture = await placesFixture()
  follower = startFollower(fixture.baywire.ownerUrl)
})
afterAll(async () => {
  await follower.close()
  await fixture.close()
})

/** A clock of the follower's that says that evidence is to be looked for. */
const lookMs = 31_000
const untilSoon = { timeout: 15_000, interval: 10 }

/** What is in memory becomes what the database says, and neither is asked for by anybody's call. */
async function expectRight({ views, tenants }: Follower, tenantId: string): Promise<void> {
  await vi.waitFor(async () => {
    const expected = await databaseAnswer(tenants, tenantId)
    expect(await memoryAnswer(views, tenantId)).toEqual(expected)
  }, untilSoon)
}

const devices = ['1', '2', '3', '4', '5', '6']

/** A tenant with six spaces at the site `main`, each with a device of the same code. */
async function tenantWithDevices(tenants: TenantDatabase): Promise<TestTenant> {
  const tenant = await fixture.tenant()
  await inTenant(tenants, { slug: tenant.slug }, (tx) =>
    provision(tx, {
      sites: [{ code: 'main' }],
      spaces: devices.map((code) => ({ site: 'main', code })),
      devices: devices.map((code) => ({ code, at: { site: 'main', space: code } })),
    }),
  )
  return tenant
}

async function say({ slug }: TestTenant, device: string, reading: object): Promise<void> {
  fixture.baywire.clock.advance(1000)
  await fixture.baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, reading)
}

interface Listed {
  id: string
  code: string
}
type Numbers = { a: number; b: number }
const at = <Item>(items: readonly Item[], index: number): Item | undefined => items[index % Math.max(1, items.length)]

async function one({ owner }: TestTenant, kind: 'sites' | 'spaces', index: number) {
  const { items } = (await owner('GET', `/${kind}?limit=1000`)).body as { items: Listed[] }
  const id = at(items, index)?.id ?? '0'
  const path = `/${kind}/${id}`
  return { id, path, ifMatch: (await owner('GET', path)).etag }
}

/** What may happen to a tenant. */
const steps: Record<string, (tenant: TestTenant, numbers: Numbers) => Promise<unknown>> = {
  reading: (tenant, { a, b }) => say(tenant, at(devices, a) ?? '1', { occupied: b % 2 === 0 }),
  heartbeat: async (tenant, { a }) => {
    await say(tenant, at(devices, a) ?? '1', { occupied: true })
    await say(tenant, at(devices, a) ?? '1', { occupied: true, kind: 'heartbeat' })
  },
  override: async (tenant, { a }) => {
    const { id } = await one(tenant, 'spaces', a)
    return await tenant.operator('POST', '/overrides', { json: { space_id: id, kind: 'blocked' } })
  },
  'new space': async (tenant, { a, b }) => {
    const { id } = await one(tenant, 'sites', a)
    const json = { site_id: id, code: `n${b}`, name: 'new', lat: 50 + b / 100, lon: 9.5, features: ['ev'] }
    return await tenant.owner('POST', '/spaces', { json })
  },
  'renamed space': async (tenant, { a, b }) => {
    const { path, ifMatch } = await one(tenant, 'spaces', a)
    return await tenant.owner('PATCH', path, { json: { code: `r${b}`, level: String(b) }, ifMatch })
  },
  'deleted space': async (tenant, { a }) => {
    const { id, path, ifMatch } = await one(tenant, 'spaces', a)
    await fixture.baywire.sql`
      UPDATE device_assignments SET unassigned_at = ${new Date(fixture.baywire.clock.now())}
      WHERE tenant_id = ${tenant.id} AND space_id = ${id === '0' ? tenant.id : id}`
    return await tenant.owner('DELETE', path, { ifMatch })
  },
  'new site': (tenant, { b }) =>
    tenant.owner('POST', '/sites', { json: { code: `s${b}`, name: 'site', lat: 1, lon: 2 } }),
  'renamed site': async (tenant, { a, b }) => {
    const { path, ifMatch } = await one(tenant, 'sites', a)
    return await tenant.owner('PATCH', path, { json: { name: `site ${b}` }, ifMatch })
  },
  'deleted site': async (tenant, { a }) => {
    const { path, ifMatch } = await one(tenant, 'sites', a)
    return await tenant.owner('DELETE', path, { ifMatch })
  },
  import: async (tenant, { a, b }) => {
    const { id } = await one(tenant, 'sites', a)
    const body = `code,name,features\nI-${b},imported,ev;wide\n1,One,\n`
    const headers = { 'Content-Type': 'text/csv' }
    return await tenant.owner('POST', `/spaces/import?site_id=${id}`, { body, headers })
  },
  'connections lost': () => loseConnections(fixture.baywire.sql),
  'database away': async () => follower.fail(true),
  'database back': async () => follower.fail(false),
  'a look': async () => follower.pass(lookMs),
  'asked for': (tenant) => memoryAnswer(follower.views, tenant.id).catch(() => {}),
}

describe('what is in memory', () => {
  const step = record({
    what: constantFrom(...Object.keys(steps)),
    whose: integer({ min: 0, max: 1 }),
    a: integer({ min: 0, max: 7 }),
    b: integer({ min: 0, max: 5 }),
  })

  test(
    'becomes what the database says, whatever happened, though nothing wakes it; of each tenant alone',
    { timeout: 240_000 },
    async () => {
      const property = asyncProperty(array(step, { minLength: 5, maxLength: 25 }), async (happened) => {
        const tenants = [await tenantWithDevices(follower.tenants), await tenantWithDevices(follower.tenants)]
        for (const { id } of tenants) await memoryAnswer(follower.views, id)
        for (const { what, whose, ...numbers } of happened) await steps[what]?.(tenants[whose] as TestTenant, numbers)
        follower.fail(false)
        follower.pass(lookMs)
        for (const { id } of tenants) await expectRight(follower, id)
      })
      await assert(property, { numRuns: Number(process.env['BAYWIRE_VIEW_RUNS'] ?? 12) })
    },
  )

  test('is as of what was heard last, and of no time before: a space that is made was not heard', async () => {
    const tenant = await tenantWithDevices(follower.tenants)
    const view = await follower.views.of(tenant.id)
    const look = async () => {
      await follower.views.publicOne(tenant.slug)
      await follower.views.refresh(tenant.slug)
    }
    await look()
    expect(view?.asOf).toBeNull()
    await say(tenant, '1', { occupied: true })
    const heardAt = fixture.baywire.clock.now()
    await vi.waitFor(() => expect(view?.asOf).toBe(heardAt), untilSoon)
    await steps['new space']?.(tenant, { a: 0, b: 1 })
    // Later than the reading, whatever this test's clock says.
    await fixture.baywire.sql`
      UPDATE space_states SET updated_at = now() + interval '1 day' WHERE tenant_id = ${tenant.id} AND input_seq = 0`
    await vi.waitFor(() => expect(view?.spaces).toBe(devices.length + 1), untilSoon)
    await look()
    expect(view?.asOf).toBe(heardAt)
    await tenant.owner('POST', '/sites', { json: { code: 'read-anew', name: 'Read anew' } })
    await vi.waitFor(() => expect(view?.sites).toHaveLength(2), untilSoon)
    expect(view?.asOf).toBe(heardAt)
    await expectRight(follower, tenant.id)
  })

  test('is answered without asking the database', async () => {
    const tenant = await tenantWithDevices(follower.tenants)
    await say(tenant, '1', { occupied: true })
    const quiet = startFollower(fixture.baywire.ownerUrl)
    await quiet.views.publicOne(tenant.slug)
    await quiet.views.close()
    await quiet.feeds.close()
    const app = fixture.appWith({ feeds: quiet.feeds, views: quiet.views })
    await quiet.views.publicOne(tenant.slug)
    const before = quiet.asked()
    for (const path of [
      'sites',
      'availability',
      'spaces',
      'sites/main/spaces',
      'sites/main/availability',
      'sites.geojson',
    ]) {
      const answer = await app.request(`/api/v1/public/${tenant.slug}/${path}`)
      expect([path, answer.status]).toEqual([path, 200])
      const near = await app.request(`/api/v1/public/${tenant.slug}/spaces?near=1,2&features=ev&free=possible`)
      expect(near.status).toBe(200)
    }
    expect(quiet.asked()).toBe(before)
    await quiet.close()
  })

  test('has each event that is committed while it is read', async () => {
    const tenant = await tenantWithDevices(follower.tenants)
    const slow = startFollower(fixture.baywire.ownerUrl)
    const { withTenant } = slow.tenants
    let snapshots = 0
    slow.tenants.withTenant = async (id, work) => {
      const result = await withTenant(id, work)
      const isSnapshot = typeof result === 'object' && result !== null && 'placesVersion' in result
      if (isSnapshot && (snapshots += 1) === 1) {
        await say(tenant, '1', { occupied: true })
        await (await slow.feeds.of(tenant.id)).wake()
      }
      return result
    }
    const view = await slow.views.of(tenant.id)
    expect(view?.siteByCode('main')?.spaces[0]?.state).toMatchObject({ status: 'occupied', version: 1 })
    await slow.close()
  })

  test('follows at once where it is woken, though it does not look by itself', async () => {
    const { ownerUrl: url, sql } = fixture.baywire
    const woken = startFollower(url, { pollMs: 3_600_000 })
    const connection = { url, role: 'baywire_api' as const, statementTimeoutMs: 10_000, name: 'test listener' }
    let heard = 0
    const listener = listen(connection, {
      channel: eventsChannel,
      onNotify: (id) => {
        heard += 1
        woken.feeds.notified(id)
        woken.views.notified(id)
      },
    })
    await vi.waitFor(() => expect(heard).toBeGreaterThan(0), untilSoon)
    const tenant = await tenantWithDevices(follower.tenants)
    expect(await woken.views.publicOne(tenant.slug)).toBeDefined()
    await say(tenant, '1', { occupied: true })
    await expectRight(woken, tenant.id)
    await tenant.owner('POST', '/sites', { json: { code: 'another', name: 'Another' } })
    await expectRight(woken, tenant.id)
    await sql`UPDATE tenants SET public = false WHERE id = ${tenant.id}`
    await vi.waitFor(() => expect(woken.views.knownPublic(tenant.slug)).toBeUndefined(), untilSoon)
    await listener.close()
    await woken.close()
  })

  test('is shown while the database is away, and not for ever', async () => {
    const tenant = await tenantWithDevices(follower.tenants)
    const alone = startFollower(fixture.baywire.ownerUrl)
    await alone.views.publicOne(tenant.slug)
    alone.fail(true)
    alone.pass(600_000)
    expect(alone.views.knownPublic(tenant.slug)).toBeDefined()
    alone.pass(301_000)
    expect(alone.views.knownPublic(tenant.slug)).toBeUndefined()
    await expect(alone.views.publicOne(tenant.slug)).rejects.toThrow('away')
    alone.fail(false)
    expect(await alone.views.publicOne(tenant.slug)).toBeDefined()
    await alone.close()
  })

  test('is not shown any more once the tenant is not public, suspended or erased, and again when it is', async () => {
    const { sql } = fixture.baywire
    const tenant = await tenantWithDevices(follower.tenants)
    const isShown = async () => (await follower.views.publicOne(tenant.slug)) !== undefined
    expect(await isShown()).toBe(true)
    for (const [shut, open] of [
      [
        sql`UPDATE tenants SET public = false WHERE id = ${tenant.id}`,
        sql`UPDATE tenants SET public = true WHERE id = ${tenant.id}`,
      ],
      [
        sql`UPDATE tenants SET suspended_at = now() WHERE id = ${tenant.id}`,
        sql`UPDATE tenants SET suspended_at = NULL WHERE id = ${tenant.id}`,
      ],
    ]) {
      await shut
      await vi.waitFor(async () => expect(await isShown()).toBe(false), untilSoon)
      await open
      await vi.waitFor(async () => expect(await isShown()).toBe(true), untilSoon)
    }
    const empty = await fixture.tenant()
    expect(await follower.views.publicOne(empty.slug)).toBeDefined()
    await sql`DELETE FROM tenants WHERE id = ${empty.id}`
    await vi.waitFor(async () => expect(await follower.views.publicOne(empty.slug)).toBeUndefined(), untilSoon)
    await vi.waitFor(async () => expect(await follower.views.of(empty.id)).toBeUndefined(), untilSoon)
  })

  test('is bounded: tenants that nobody asked for in a while are forgotten, and what follows them too', async () => {
    const few = startFollower(fixture.baywire.ownerUrl, { mostViews: 2 })
    const tenants = await Promise.all(Array.from({ length: 4 }, () => fixture.tenant()))
    for (const { id } of tenants) await few.views.of(id)
    const listeners = await Promise.all(tenants.map(async ({ id }) => (await few.feeds.of(id)).listeners))
    expect(listeners).toEqual([0, 0, 1, 1])
    few.pass(3_600_001)
    const last = await few.feeds.of(tenants[3]?.id ?? '')
    await vi.waitFor(() => expect(last.listeners).toBe(0), untilSoon)
    await few.close()
  })

  test('is opened once for all who ask at the same time, and by the next one where that failed', async () => {
    const tenant = await tenantWithDevices(follower.tenants)
    const alone = startFollower(fixture.baywire.ownerUrl)
    alone.fail(true)
    const failed = await Promise.allSettled(Array.from({ length: 20 }, () => alone.views.publicOne(tenant.slug)))
    expect(failed.every(({ status }) => status === 'rejected')).toBe(true)
    alone.fail(false)
    const opened = await Promise.all(Array.from({ length: 20 }, () => alone.views.publicOne(tenant.slug)))
    expect(new Set(opened).size).toBe(1)
    await alone.close()
  })
})
