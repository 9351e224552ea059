import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Api } from '../../src/api/app.ts'
import { rateLimits, type LimitSettings } from '../../src/api/rate-limits.ts'
import { newId } from '../../src/ids.ts'
import { readNetworks } from '../../src/networks.ts'
import { removeLeftovers } from '../../src/store/leftovers.ts'
import { rateLimitStore, type RateLimitStore } from '../../src/store/rate-limits.ts'
import { systemDatabase } from '../../src/store/transactions.ts'
import { apiFixture, insertTenant, type ApiFixture } from './fixture.ts'
import { People } from './support/people.ts'

let fixture: ApiFixture
const stores: RateLimitStore[] = []
const people = new People()

beforeAll(async () => {
  fixture = await apiFixture()
})
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()))
  await fixture.drop()
})

function newStore(url = fixture.ownerUrl): RateLimitStore {
  const store = rateLimitStore({ url, max: 2, statementTimeoutMs: 10_000, name: 'test limits' })
  stores.push(store)
  return store
}

const off: LimitSettings = {
  addressPerMinute: 0,
  openPerMinute: 0,
  apiPerMinute: 0,
  apiPerHour: 0,
  apiPerDay: 0,
  tenantPerMinute: 0,
  loginsPerMinute: 0,
}

interface Limited {
  store?: Pick<RateLimitStore, 'take'>
  proxies?: string
}

/** A process of its own, as far as limits go. */
function apiWith(settings: Partial<LimitSettings>, { store = newStore(), proxies = '' }: Limited = {}): Api {
  const limits = rateLimits({ settings: { ...off, ...settings }, store, databaseWaitMs: 10_000 })
  const app = fixture.otherApi({ authenticator: people, limits, trustedProxies: readNetworks(proxies) })
  app.post('/api/v1/auth/login', async (c) => {
    await limits.login(c, await c.req.text())
    return c.json({}, 200)
  })
  return app
}

/** As it would come from this address. */
const from = (remoteAddress?: string) => ({ incoming: { socket: { remoteAddress } } })

async function read(app: Api, token: string): Promise<Response> {
  return await app.request('/api/v1/audit', { headers: { Authorization: `Bearer ${token}` } })
}

async function statuses(requests: readonly Promise<Response>[]): Promise<Record<number, number>> {
  const counts: Record<number, number> = {}
  for (const { status } of await Promise.all(requests)) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

function times<T>(n: number, work: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => work(i))
}

async function tenantOf(slug: string): Promise<string> {
  return await insertTenant(fixture.owner, { slug })
}

describe('requests of a user', () => {
  it('pass as often as the quota says, also ten times as many at once to two processes', async () => {
    people.user('burst', await tenantOf('burst'))
    const apps = [apiWith({ apiPerMinute: 20 }), apiWith({ apiPerMinute: 20 })]
    const answers = times(200, (i) => read(apps[i % 2] ?? apiWith({}), 'burst'))
    expect(await statuses(answers)).toEqual({ 200: 20, 429: 180 })
  })

  it('use up nothing of the hour when the minute refuses them', async () => {
    people.user('patient', await tenantOf('patient'))
    const app = apiWith({ apiPerMinute: 3, apiPerHour: 10 })
    expect(await statuses(times(30, () => read(app, 'patient')))).toEqual({ 200: 3, 429: 27 })
    const answer = await read(app, 'patient')
    expect(answer.headers.get('ratelimit')).toMatch(/^"minute";r=0;t=\d+, "hour";r=7;t=\d+$/)
  })

  it('begin anew with the next window', async () => {
    people.user('window', await tenantOf('window'))
    const app = apiWith({ apiPerMinute: 1 })
    expect(await statuses([read(app, 'window')])).toEqual({ 200: 1 })
    expect(await statuses([read(app, 'window')])).toEqual({ 429: 1 })
    await fixture.owner`update rate_limits set expire = now()`
    expect(await statuses([read(app, 'window')])).toEqual({ 200: 1 })
  })

  it('are told what is left, in structured fields, and when to come again', async () => {
    people.user('told', await tenantOf('told'))
    const app = apiWith({ apiPerMinute: 1, apiPerDay: 50, tenantPerMinute: 70 })
    const first = await read(app, 'told')
    expect(first.headers.get('ratelimit-policy')).toBe('"minute";q=1;w=60, "day";q=50;w=86400, "tenant";q=70;w=60')
    expect(first.headers.get('ratelimit')).toBe('"minute";r=0;t=60, "day";r=49;t=86400, "tenant";r=69;t=60')
    const second = await read(app, 'told')
    expect(second.status).toBe(429)
    expect(await second.json()).toMatchObject({ type: '/problems/too-many-requests' })
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(second.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(second.headers.get('ratelimit')).toMatch(/^"minute";r=0;t=\d+, "day";r=49;t=\d+, "tenant";r=69;t=\d+$/)
  })

  it('are without limit where it is 0, and cost nothing then', async () => {
    people.user('free', await tenantOf('free'))
    const app = apiWith({}, { store: { take: () => Promise.reject(new Error('asked')) } })
    const answer = await read(app, 'free')
    expect([answer.status, answer.headers.get('ratelimit')]).toEqual([200, null])
  })

  it('are of that user alone; an API key has ten times as much; a tenant has a limit of its own', async () => {
    const tenantId = await tenantOf('shared')
    people.user('one', tenantId)
    people.user('two', tenantId)
    people.apiKey('key', tenantId, ['audit:read'])
    people.user('elsewhere', await tenantOf('elsewhere'))
    const app = apiWith({ apiPerMinute: 2, tenantPerMinute: 25 })
    expect(await statuses(times(5, () => read(app, 'one')))).toEqual({ 200: 2, 429: 3 })
    expect(await statuses(times(5, () => read(app, 'two')))).toEqual({ 200: 2, 429: 3 })
    expect(await statuses(times(25, () => read(app, 'key')))).toEqual({ 200: 20, 429: 5 })
    people.apiKey('key-2', tenantId, ['audit:read'])
    expect(await statuses(times(5, () => read(app, 'key-2')))).toEqual({ 200: 1, 429: 4 })
    expect(await statuses(times(2, () => read(app, 'elsewhere')))).toEqual({ 200: 2 })
  })

  it('fail as the database does when it is away', async () => {
    people.user('away', await tenantOf('away'))
    const app = apiWith(
      { apiPerMinute: 5, loginsPerMinute: 5 },
      { store: newStore('postgres://postgres@127.0.0.1:1/none') },
    )
    const answers = [
      await read(app, 'away'),
      await app.request('/api/v1/auth/login', { method: 'POST', body: 'away@example.org' }),
    ]
    for (const answer of answers) {
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    }
  })
})

interface Login {
  account?: string
  address?: string
  forwarded?: string
}

async function login(app: Api, { account = 'a@example.org', address = '192.0.2.1', forwarded }: Login) {
  const headers = forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded }
  return await app.request('/api/v1/auth/login', { method: 'POST', body: account, headers }, from(address))
}

describe('an address', () => {
  it('may try to log in to an account five times a minute, in whatever spelling it comes', async () => {
    const app = apiWith({ loginsPerMinute: 5 })
    const account = `${newId()}@example.org`
    expect(await statuses(times(9, () => login(app, { account })))).toEqual({ 200: 5, 429: 4 })
    expect(await statuses([login(app, { account, address: '::ffff:192.0.2.1' })])).toEqual({ 429: 1 })
    expect(await statuses([login(app, { account, address: '::ffff:c000:201' })])).toEqual({ 429: 1 })
    expect(await statuses([login(app, { account, address: '192.0.2.2' })])).toEqual({ 200: 1 })
    expect(await statuses([login(app, { account: `other-${account}` })])).toEqual({ 200: 1 })
  })

  it('is a /64 of IPv6', async () => {
    const app = apiWith({ loginsPerMinute: 5 })
    const account = `${newId()}@example.org`
    const inside = [
      '2001:db8:0:1::1',
      '2001:DB8::1:ffff:0:0:1',
      '2001:0db8:0000:0001:1:2:3:4',
      '2001:db8:0:1:0:0:0:5%eth0',
    ]
    expect(await statuses(times(20, (i) => login(app, { account, address: inside[i % 4] ?? '' })))).toEqual({
      200: 5,
      429: 15,
    })
    expect(await statuses([login(app, { account, address: '2001:db8:0:2::1' })])).toEqual({ 200: 1 })
  })

  it('of nobody is one for all who have none', async () => {
    const app = apiWith({ addressPerMinute: 5 })
    const get = async (address?: string) => await app.request('/api/v1/public/none/sites', {}, from(address))
    const none = [
      () => get(),
      () => get('not an address'),
      () => Promise.resolve(app.request('/api/v1/public/none/sites')),
    ]
    expect(await statuses(times(15, (i) => none[i % 3]?.() ?? get()))).toEqual({ 404: 5, 429: 10 })
    expect(await statuses([get('192.0.2.1')])).toEqual({ 404: 1 })
  })

  it('is not what the client says of itself', async () => {
    const app = apiWith({ loginsPerMinute: 5 })
    const account = `${newId()}@example.org`
    const spoofed = times(20, (i) => login(app, { account, forwarded: `198.51.100.${i}` }))
    expect(await statuses(spoofed)).toEqual({ 200: 5, 429: 15 })
  })

  it('is what listed proxies say, walked from the right', async () => {
    const app = apiWith({ loginsPerMinute: 5 }, { proxies: '10.0.0.0/8, 2001:db8:ffff::/48' })
    const account = `${newId()}@example.org`
    const spellings = [
      '198.51.100.7',
      '203.0.113.1, 198.51.100.7',
      '10.9.9.9, 198.51.100.7, 10.1.1.1',
      '198.51.100.7:4711',
      'unknown, ::ffff:198.51.100.7',
      '198.51.100.7, 2001:db8:ffff::2',
    ]
    const through = (forwarded: string) => login(app, { account, address: '::ffff:10.0.0.1', forwarded })
    expect(await statuses(times(18, (i) => through(spellings[i % 6] ?? '')))).toEqual({ 200: 5, 429: 13 })
    expect(await statuses([through('198.51.100.8')])).toEqual({ 200: 1 })
    // What the proxy does not know counts as the proxy itself.
    expect(await statuses(times(9, (i) => through(i % 2 === 0 ? 'unknown' : '_hidden')))).toEqual({ 200: 5, 429: 4 })
  })

  it('is counted for what is public, before anything is looked up, and for tokens that are none', async () => {
    const app = apiWith({ addressPerMinute: 3 })
    const get = async (path: string) => await app.request(path, {}, from('192.0.2.77'))
    expect((await get('/api/v1/public/none/sites')).headers.get('ratelimit')).toBe('"address";r=2;t=60')
    expect(await statuses([get('/api/v1/audit'), get('/api/v1/audit')])).toEqual({ 401: 2 })
    const refused = await get('/api/v1/public/none/sites')
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([429, '*'])
    expect((await get('/health')).status).toBe(200)
  })
})

describe('the table', () => {
  it('names nobody, is changed by its function alone, and is swept', async () => {
    const store = newStore()
    const key = `login:somebody@example.org ${newId()}`
    await store.take([{ key, limit: 5, windowS: 60 }])
    const rows = await fixture.owner<{ key: string }[]>`select key from rate_limits`
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) expect(row.key).toMatch(/^[\w-]{43}$/)

    await fixture.owner`update rate_limits set expire = now() - interval '1 second'`
    const system = systemDatabase({ url: fixture.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'test jobs' })
    expect(await system.withSystem(removeLeftovers)).toMatchObject({ limits: rows.length })
    await system.close()
  })
})
