import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Api } from '../../src/api/app.ts'
import type { Access } from '../../src/auth/access.ts'
import { newApiKey } from '../../src/auth/api-key-text.ts'
import type { Role } from '../../src/auth/permissions.ts'
import { SigningKeys } from '../../src/auth/signing-keys.ts'
import { systemClock } from '../../src/clock.ts'
import { newId } from '../../src/ids.ts'
import { accessChannel } from '../../src/store/access.ts'
import { listen, type Listener } from '../../src/store/listener.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { testAccess, testSecret, testSettings } from '../support/access.ts'
import { beginSession, insertPerson } from '../support/people.ts'
import { eventually } from '../support/program.ts'
import { apiFixture, insertTenant, type ApiFixture } from './fixture.ts'

let fixture: ApiFixture
let tenantId: string
let userId: string
let second: Instance

/** The API as another process has it, on the same database. */
interface Instance {
  app: Api
  access: Access
  tenants: TenantDatabase
  /** Queries of the accounts that it made. */
  queries(): number
  /** Lets its own time go on, without waiting for it. */
  pass(ms: number): void
  /** From now on its database cannot be reached. */
  cutOff(): void
}

const opened: { close(): Promise<void> }[] = []

function instance({ clock = systemClock } = {}): Instance {
  const database = tenantDatabase({ url: fixture.url, max: 2, statementTimeoutMs: 10_000, name: 'instance' })
  const nowhere = tenantDatabase({
    url: 'postgres://nobody@127.0.0.1:1/none',
    max: 1,
    statementTimeoutMs: 1000,
    name: 'nowhere',
  })
  opened.push(database, nowhere)
  let cutOff = false
  let queries = 0
  let passed = 0
  const tenants: TenantDatabase = {
    ...database,
    withAccounts(work) {
      queries += 1
      return (cutOff ? nowhere : database).withAccounts(work)
    },
  }
  const access = testAccess({ tenants, clock, elapsed: () => passed })
  const app = fixture.otherApi({ ...access, tenants, clock })
  return { app, access, tenants, queries: () => queries, pass: (ms) => (passed += ms), cutOff: () => (cutOff = true) }
}

beforeAll(async () => {
  fixture = await apiFixture()
  return async () => {
    await Promise.all(opened.map((database) => database.close()))
    await fixture.drop()
  }
})

beforeEach(async () => {
  tenantId = await insertTenant(fixture.owner, { slug: `tenant-${newId()}` })
  userId = await insertPerson(fixture.owner, { in: { [tenantId]: 'admin' } })
  second = instance()
})

const begin = (user = userId, tenant: string | null = tenantId) =>
  beginSession({ tenants: fixture.tenants, access: fixture.access }, { userId: user, tenantId: tenant })

async function ask(app: Api, credential: string, path = '/api/v1/api-keys', headers: Record<string, string> = {}) {
  return await app.request(path, { headers: { Authorization: `Bearer ${credential}`, ...headers } })
}

function look(token: string, tenant: string): Promise<Response> {
  return ask(second.app, token, '/api/v1/api-keys', { 'X-Baywire-Tenant': tenant })
}

function kidOf(token: string): string {
  const header = Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()
  return (JSON.parse(header) as { kid: string }).kid
}

/** A key made by the API itself. */
async function makeKey(scopes: readonly string[] = ['api-keys:read']): Promise<{ id: string; key: string }> {
  const { accessToken } = await begin()
  const response = await fixture.app.request('/api/v1/api-keys', {
    method: 'POST',
    headers: { Authorization: `Bearer ${accessToken}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'test', scopes }),
  })
  expect(response.status).toBe(201)
  return (await response.json()) as { id: string; key: string }
}

/** Asks again until the answer is this one: the event that is waited for is the refusal itself. */
async function becomes(status: number, request: () => Promise<Response>): Promise<void> {
  await eventually(`answered with ${status}`, async () => (await request()).status === status, { withinMs: 10_000 })
}

describe('the header Authorization', () => {
  const headers: Record<string, (token: string) => string | undefined> = {
    none: () => undefined,
    empty: () => '',
    'the scheme alone': () => 'Bearer',
    'the scheme and a space': () => 'Bearer ',
    'another scheme': (token) => `Basic ${token}`,
    'no scheme': (token) => token,
    'two spaces': (token) => `Bearer  ${token}`,
    'a tab': (token) => `Bearer\t${token}`,
    'two tokens': (token) => `Bearer ${token}, Bearer ${token}`,
    'a token and more': (token) => `Bearer ${token} x`,
    'a quoted token': (token) => `Bearer "${token}"`,
    'characters beyond ASCII': (token) => `Bearer ${token}é`,
    'percent-encoding': (token) => `Bearer ${encodeURIComponent(token)}%00`,
    'Basic of user and password': () => `Basic ${Buffer.from('a:b').toString('base64')}`,
    Digest: () => 'Digest username="a"',
    'very long': () => `Bearer ${'a'.repeat(9000)}`,
    'an object': () => 'Bearer [object Object]',
    undefined: () => 'Bearer undefined',
    'a key with a wrong checksum': () => `bw_${'A'.repeat(49)}`,
    'an unknown key': () => `Bearer ${newApiKey()}`,
    dots: () => 'Bearer ...',
  }
  it.for(Object.entries(headers))('is refused, and always alike: %s', async ([, header]) => {
    const { accessToken } = await begin()
    const value = header(accessToken)
    const response = await second.app.request(
      '/api/v1/api-keys',
      value === undefined ? {} : { headers: { Authorization: value } },
    )
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="baywire"')
    expect(await response.json()).toEqual({
      type: '/problems/unauthenticated',
      title: 'Not signed in',
      status: 401,
      detail: 'Send an access token or an API key that is in force, as `Authorization: Bearer …`.',
      instance: '/api/v1/api-keys',
      request_id: response.headers.get('x-request-id'),
    })
  })

  it('opens what is there for the signed in, in any case of the scheme, and is not asked for elsewhere', async () => {
    const { accessToken } = await begin()
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const answer = await second.app.request('/api/v1/api-keys', {
        headers: { Authorization: `${scheme} ${accessToken}` },
      })
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    }
    for (const path of ['/health', '/api/v1/public/nobody/sites', '/.well-known/jwks.json', '/openapi.json']) {
      expect((await second.app.request(path)).status).not.toBe(401)
    }
    for (const path of [
      '/api/v1',
      '/api/v1/nothing',
      '/api/v1/auth/sessions',
      '/api/v1/auth/%6cogin/',
      '/api/v1//public/x',
    ]) {
      expect([401, 404]).toContain((await second.app.request(path)).status)
    }
    expect((await second.app.request('/api/v1/api-keys', { method: 'OPTIONS' })).status).toBe(204)
  })
})

describe('what is revoked', () => {
  /** Each with the answer that follows it. */
  const ends: Record<string, { status: number; end: (sessionId: string) => Promise<unknown> }> = {
    'a session that ended': {
      status: 401,
      end: (sessionId) =>
        fixture.owner`update sessions set ended_at = now(), ended_because = 'ended' where id = ${sessionId}`,
    },
    'a user who was disabled': {
      status: 401,
      end: () => fixture.owner`update users set disabled_at = now() where id = ${userId}`,
    },
    'a role that has not the permission': {
      status: 403,
      end: () => fixture.owner`update memberships set role = 'viewer' where user_id = ${userId}`,
    },
    'a member who was removed': {
      status: 403,
      end: () => fixture.owner`delete from memberships where user_id = ${userId}`,
    },
    'a tenant that was suspended': {
      status: 403,
      end: () => fixture.owner`update tenants set suspended_at = now() where id = ${tenantId}`,
    },
    'a session that is gone': {
      status: 401,
      end: (sessionId) => fixture.owner`delete from sessions where id = ${sessionId}`,
    },
  }

  it.for(Object.entries(ends))('is refused by another instance that is told of it: %s', async ([, { status, end }]) => {
    const { accessToken, sessionId } = await begin()
    const listener = await listening(second)
    expect((await ask(second.app, accessToken)).status).toBe(200)
    await end(sessionId)
    // Its own time stands still: what it was told makes it look again. (Deleted rows are told of by nobody.)
    if (end === ends['a session that is gone']?.end) second.pass(2000)
    await becomes(status, () => ask(second.app, accessToken))
    await listener.close()
  })

  it.for(Object.entries(ends))('is refused 2 s later by one that hears nothing: %s', async ([, { status, end }]) => {
    const { accessToken, sessionId } = await begin()
    expect((await ask(second.app, accessToken)).status).toBe(200)
    await end(sessionId)
    second.pass(1999)
    expect((await ask(second.app, accessToken)).status).toBe(200)
    second.pass(1)
    expect((await ask(second.app, accessToken)).status).toBe(status)
  })

  const keyEnds: Record<string, { status: number; end: (id: string) => Promise<unknown> }> = {
    revoked: { status: 401, end: (id) => fixture.owner`update api_keys set revoked_at = now() where id = ${id}` },
    'without the scope': {
      status: 403,
      end: (id) => fixture.owner`update api_keys set scopes = array['places:read'] where id = ${id}`,
    },
    'of a maker with a lower role': {
      status: 403,
      end: () => fixture.owner`update memberships set role = 'operator' where user_id = ${userId}`,
    },
    'of a maker who was disabled': {
      status: 401,
      end: () => fixture.owner`update users set disabled_at = now() where id = ${userId}`,
    },
    'of a suspended tenant': {
      status: 401,
      end: () => fixture.owner`update tenants set suspended_at = now() where id = ${tenantId}`,
    },
    expired: {
      status: 401,
      end: (id) => fixture.owner`update api_keys set expires_at = now() - interval '1 ms' where id = ${id}`,
    },
  }
  it.for(Object.entries(keyEnds))('keys too, at the latest 2 s later: %s', async ([, { status, end }]) => {
    const { id, key } = await makeKey()
    expect((await ask(second.app, key)).status).toBe(200)
    await end(id)
    second.pass(1999)
    expect((await ask(second.app, key)).status).toBe(200)
    second.pass(1)
    expect((await ask(second.app, key)).status).toBe(status)
  })
})

/** Waits until the instance hears what is said: `listen` calls once when it begins to. */
async function listening({ access }: Instance): Promise<Listener> {
  return await new Promise((resolve) => {
    const listener = listen(
      { url: fixture.url, role: 'baywire_api', statementTimeoutMs: 10_000, name: 'test listener' },
      {
        channel: accessChannel,
        onNotify: () => {
          access.authenticator.invalidate()
          resolve(listener)
        },
      },
    )
  })
}

describe('the database', () => {
  it('is asked once for many requests, and not again for 2 s', async () => {
    const { accessToken } = await begin()
    const before = second.queries()
    await Promise.all(
      Array.from({ length: 50 }, () => second.access.authenticator.authenticate(`Bearer ${accessToken}`)),
    )
    // Keys, and the session; the last use is noted beside.
    expect(second.queries() - before).toBeLessThanOrEqual(3)
  })

  it('is not asked about keys whose checksum is wrong, and once about an unknown one', async () => {
    const before = second.queries()
    const wrong = `${newApiKey().slice(0, -1)}!`
    for (const key of [wrong, `bw_${'A'.repeat(49)}`]) expect((await ask(second.app, key)).status).toBe(401)
    expect(second.queries()).toBe(before)
    const unknown = newApiKey()
    for (let n = 0; n < 5; n += 1) expect((await ask(second.app, unknown)).status).toBe(401)
    expect(second.queries()).toBe(before + 1)
  })

  it('has to be there: without it nobody is let in on what it said once', async () => {
    const { accessToken } = await begin()
    const { key } = await makeKey()
    for (const credential of [accessToken, key]) expect((await ask(second.app, credential)).status).toBe(200)
    second.cutOff()
    for (const credential of [accessToken, key]) expect((await ask(second.app, credential)).status).toBe(200)
    second.pass(2000)
    for (const credential of [accessToken, key]) {
      const response = await ask(second.app, credential)
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
    }
  })
})

describe('last uses', () => {
  it('are noted once a minute, and touch nothing else', async () => {
    let now = Date.now() + 120_000
    const later = instance({ clock: { now: () => now } })
    const { id, key } = await makeKey()
    const { accessToken, sessionId } = await begin()
    const used = async () => {
      for (const credential of [key, accessToken]) await ask(later.app, credential)
      await later.access.authenticator.settled()
      const [row] = await fixture.owner<{ key: Date; revision: number; session: Date }[]>`
        select k.last_used_at as key, k.revision, s.last_used_at as session
        from api_keys k, sessions s where k.id = ${id} and s.id = ${sessionId}`
      return row
    }
    const first = now
    expect(await used()).toEqual({ key: new Date(first), revision: 1, session: new Date(first) })
    now += 59_999
    expect(await used()).toEqual({ key: new Date(first), revision: 1, session: new Date(first) })
    now += 1
    expect(await used()).toEqual({ key: new Date(now), revision: 1, session: new Date(now) })
  })
})

describe('keys that sign', () => {
  const clockAt = { now: Date.now() }
  const clock = { now: () => clockAt.now }
  // The time of the real clock is what the other tests go by: whoever turns this one on puts keys of then in force.
  const keyOptions = { keyDays: 90, onOtherSecret: 'refuse' as const, clock }
  const keysOf = (tenants: TenantDatabase) => new SigningKeys({ ...keyOptions, tenants, secret: testSecret })

  it('are made once, however many start at once', async () => {
    await Promise.all(Array.from({ length: 5 }, () => instance().access.maintenance.start()))
    const rows = await fixture.owner`select kid from signing_keys where retired_at is null`
    expect(rows).toHaveLength(2)
  })

  it('are published, with nothing private', async () => {
    const response = await second.app.request('/.well-known/jwks.json')
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    const { keys } = (await response.json()) as { keys: Record<string, string>[] }
    expect(keys.length).toBeGreaterThanOrEqual(2)
    for (const key of keys) expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
    const [row] = await fixture.owner<{ sealed: Buffer }[]>`select private_sealed as sealed from signing_keys limit 1`
    expect(row?.sealed.toString('latin1')).not.toContain('"d"')
  })

  it('are rotated without a wrong refusal on either instance, and the old one is kept for its tokens', async () => {
    clockAt.now = Date.now()
    const [one, two] = [instance({ clock }), instance({ clock })]
    const tokenOf = async () =>
      (await beginSession({ tenants: one.tenants, access: one.access }, { userId, tenantId })).accessToken
    const before = await tokenOf()
    for (const { app } of [one, two]) expect((await ask(app, before)).status).toBe(200)
    const keys = keysOf(fixture.tenants)
    await Promise.all([keys.rotate({ atOnce: false }), keys.rotate({ atOnce: false })])
    const published = ((await (await two.app.request('/.well-known/jwks.json')).json()) as { keys: { kid: string }[] })
      .keys
    clockAt.now += 10 * 60_000
    const after = await tokenOf()
    expect(kidOf(after)).not.toBe(kidOf(before))
    expect(published.map(({ kid }) => kid)).toContain(kidOf(after))
    for (const { app } of [one, two]) {
      for (const token of [before, after]) expect((await ask(app, token)).status).toBe(200)
    }
    await one.access.maintenance.run()
    expect((await keys.list()).map(({ state }) => state).toSorted()).toEqual(['next', 'signs', 'verifies'])
    clockAt.now += 75 * 60_000
    await one.access.maintenance.run()
    expect((await keys.list()).find(({ kid }) => kid === kidOf(before))?.state).toBe('retired')
  })

  it('are rotated while two instances are asked and logged in at: no good token is refused', async () => {
    clockAt.now = Date.now()
    const keys = keysOf(fixture.tenants)
    await keys.rotate({ atOnce: true })
    const instances = [instance({ clock }), instance({ clock })]
    const tokens: string[] = []
    const kids = new Set<string>()
    const refused: number[] = []
    const work = async (one: Instance) => {
      for (let n = 0; n < 50; n += 1) {
        if (n % 5 === 0) {
          const { accessToken } = await beginSession(one, { userId, tenantId })
          tokens.push(accessToken)
          kids.add(kidOf(accessToken))
        }
        const asked = tokens.slice(-4).map((token) => ask(one.app, token))
        for (const { status } of await Promise.all(asked)) if (status !== 200) refused.push(status)
      }
    }
    const rotation = async () => {
      for (let n = 0; n < 4; n += 1) {
        await keys.rotate({ atOnce: false })
        await Promise.all(instances.map(({ access }) => access.maintenance.run()))
        clockAt.now += 3 * 60_000
      }
    }
    await Promise.all([...instances.map(work), ...instances.map(work), rotation()])
    for (const one of instances) await work(one)
    expect(refused).toEqual([])
    expect(kids.size).toBe(2)
  })

  it('that leaked are replaced at once: what they signed is refused, and what is new is known', async () => {
    clockAt.now = Date.now() + 200 * 60_000
    const [one, two] = [instance({ clock }), instance({ clock })]
    const login = () => beginSession({ tenants: one.tenants, access: one.access }, { userId, tenantId })
    const before = await login()
    expect((await ask(two.app, before.accessToken)).status).toBe(200)
    await keysOf(fixture.tenants).rotate({ atOnce: true })
    // Nobody told it: an unknown key makes it look, and then the old one is gone as well.
    expect((await ask(two.app, (await login()).accessToken)).status).toBe(200)
    expect((await ask(two.app, before.accessToken)).status).toBe(401)
    const refreshed = await one.tenants.withAccounts((tx) => one.access.sessions.refresh(tx, before.refreshToken))
    expect((await ask(two.app, refreshed?.accessToken ?? '')).status).toBe(200)
  })

  it('that are unknown make an instance look once in 30 s, whatever they are called', async () => {
    clockAt.now = Date.now() + 200 * 60_000
    const one = instance({ clock })
    const { accessToken } = await beginSession({ tenants: one.tenants, access: one.access }, { userId, tenantId })
    await ask(one.app, accessToken)
    await one.access.authenticator.settled()
    const [, claims, signature] = accessToken.split('.')
    const forged = () => {
      const header = Buffer.from(`{"alg":"EdDSA","typ":"at+jwt","kid":"${newId()}"}`).toString('base64url')
      return ask(one.app, `${header}.${claims}.${signature}`)
    }
    const before = one.queries()
    for (let n = 0; n < 20; n += 1) expect((await forged()).status).toBe(401)
    expect(one.queries() - before).toBe(1)
  })

  it('do not open with another secret: the start says so, or makes others where it may', async () => {
    const secret = 'another secret, 32 characters or more'
    clockAt.now = Date.now()
    await keysOf(fixture.tenants).rotate({ atOnce: true })
    const { accessToken } = await begin()
    const refusing = testAccess({ tenants: fixture.tenants, secret })
    await expect(refusing.maintenance.start()).rejects.toThrow('BAYWIRE_SECRET is not the one')
    const settings = { ...testSettings, onOtherSecret: 'replace' as const }
    const replacing = testAccess({ tenants: fixture.tenants, secret, settings })
    await replacing.maintenance.start()
    await replacing.maintenance.stop()
    const login = { tenants: fixture.tenants, access: replacing }
    const { accessToken: newToken } = await beginSession(login, { userId, tenantId })
    for (const token of [accessToken, newToken]) expect((await ask(instance().app, token)).status).toBe(200)
    await keysOf(fixture.tenants).rotate({ atOnce: true })
  })
})

describe('platform administrators', () => {
  it('read in a tenant that they name, which its audit log says', async () => {
    const administrator = await insertPerson(fixture.owner, { platformAdministrator: true })
    const { accessToken, sessionId } = await begin(administrator, null)
    expect((await ask(second.app, accessToken)).status).toBe(403)
    for (let n = 0; n < 3; n += 1) expect((await look(accessToken, tenantId)).status).toBe(200)
    const entries = await fixture.owner`
      select actor_id, action, detail from audit_log where tenant_id = ${tenantId} and action = 'tenant.looked_into'`
    expect([...entries]).toEqual([
      { actor_id: administrator, action: 'tenant.looked_into', detail: { session: sessionId } },
    ])
    const change = await second.app.request('/api/v1/api-keys', {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${accessToken}`,
        'X-Baywire-Tenant': tenantId,
        'Content-Type': 'application/json',
      },
      body: JSON.stringify({ name: 'x', scopes: ['places:read'] }),
    })
    expect(change.status).toBe(403)
    for (const none of [newId(), 'x', '%', '']) expect((await look(accessToken, none)).status).toBe(404)
  })

  it('lose it with the right, and nobody else has it', async () => {
    const administrator = await insertPerson(fixture.owner, { platformAdministrator: true })
    const { accessToken } = await begin(administrator, null)
    expect((await look(accessToken, tenantId)).status).toBe(200)
    await fixture.owner`update users set platform_administrator = false where id = ${administrator}`
    second.pass(2000)
    expect((await look(accessToken, tenantId)).status).toBe(403)
    for (const tenant of [tenantId, newId()]) {
      expect((await look((await begin()).accessToken, tenant)).status).toBe(403)
      expect((await look((await makeKey()).key, tenant)).status).toBe(403)
    }
  })
})

describe('roles', () => {
  const rights: [Role, number][] = [
    ['owner', 200],
    ['admin', 200],
    ['operator', 403],
    ['viewer', 403],
    ['driver', 403],
  ]
  it.for(rights)('%s: %s', async ([role, status]) => {
    const user = await insertPerson(fixture.owner, { in: { [tenantId]: role } })
    expect((await ask(second.app, (await begin(user)).accessToken)).status).toBe(status)
  })
})
