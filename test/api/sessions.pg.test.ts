import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Api } from '../../src/api/app.ts'
import { tokensBody } from '../../src/api/routes/sessions-descriptions.ts'
import type { Access } from '../../src/auth/access.ts'
import type { IssuedTokens } from '../../src/auth/sessions-contract.ts'
import { newId } from '../../src/ids.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { testAccess, testSettings } from '../support/access.ts'
import { beginSession, insertPerson } from '../support/people.ts'
import { apiFixture, insertTenant, type ApiFixture } from './fixture.ts'

const second = 1000
const hour = 3_600_000
const day = 24 * hour

let fixture: ApiFixture
let tenantId: string
let userId: string
let now: number
/** One instance of the API, whose clock the tests turn on. */
let app: Api
let access: Access

const clock = { now: () => now }

beforeAll(async () => {
  fixture = await apiFixture()
  return () => fixture.drop()
})

beforeEach(async () => {
  now = Date.now()
  tenantId = await insertTenant(fixture.owner, { slug: `tenant-${newId()}` })
  userId = await insertPerson(fixture.owner, { in: { [tenantId]: 'operator' } })
  access = testAccess({ tenants: fixture.tenants, clock })
  app = fixture.otherApi({ ...access, clock, tenants: fixture.tenants })
})

const begin = (options: { remember?: boolean } = {}) =>
  beginSession({ tenants: fixture.tenants, access }, { userId, tenantId, ...options })

function post(path: string, body: unknown, on: Api = app): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' }
  return Promise.resolve(on.request(`/api/v1/auth/${path}`, { method: 'POST', headers, body: JSON.stringify(body) }))
}

function asked(method: string, path: string, { accessToken }: Pick<IssuedTokens, 'accessToken'>, body?: unknown) {
  const headers = { Authorization: `Bearer ${accessToken}`, 'Content-Type': 'application/json' }
  const content = body === undefined ? {} : { body: JSON.stringify(body) }
  return Promise.resolve(app.request(`/api/v1/auth/${path}`, { method, headers, ...content }))
}

const refresh = (refreshToken: string, on?: Api) => post('refresh', { refresh_token: refreshToken }, on)

async function refreshed(refreshToken: string, on?: Api): Promise<{ accessToken: string; refreshToken: string }> {
  const response = await refresh(refreshToken, on)
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
  const body = tokensBody.strict().parse(await response.json())
  return { accessToken: body.access_token, refreshToken: body.refresh_token }
}

async function expectRefused(refreshToken: string): Promise<void> {
  const response = await refresh(refreshToken)
  expect(response.status).toBe(401)
  expect(await response.json()).toMatchObject({ type: '/problems/unauthenticated' })
}

async function endOf(sessionId: string): Promise<string | null> {
  const [row] = await fixture.owner<{ because: string | null }[]>`
    select ended_because as because from sessions where id = ${sessionId}`
  return row?.because ?? null
}

async function auditOf(target: string): Promise<string[]> {
  const rows = await fixture.owner<{ action: string }[]>`
    select action from audit_log where tenant_id = ${tenantId} and target_id = ${target} order by seq`
  return rows.map(({ action }) => action)
}

describe('refresh tokens', () => {
  it('each give the next tokens of the session, and the old access token stays good', async () => {
    const first = await begin()
    const next = await refreshed(first.refreshToken)
    expect(next.refreshToken).not.toBe(first.refreshToken)
    for (const token of [first, next]) expect((await asked('GET', 'sessions', token)).status).toBe(200)
    expect((await refreshed(next.refreshToken)).refreshToken).not.toBe(next.refreshToken)
  })

  it('used 50 times at once, by two instances, have one successor, and the family lives', async () => {
    const { refreshToken, sessionId } = await begin()
    const tenants = tenantDatabase({ url: fixture.url, max: 5, statementTimeoutMs: 10_000, name: 'second' })
    const other = fixture.otherApi({ ...testAccess({ tenants, clock }), tenants })
    const uses = Array.from({ length: 50 }, (_, n) => refreshed(refreshToken, n % 2 === 0 ? app : other))
    const successors = new Set((await Promise.all(uses)).map((tokens) => tokens.refreshToken))
    expect(successors.size).toBe(1)
    expect(await endOf(sessionId)).toBeNull()
    await refreshed([...successors][0] ?? '')
    await tenants.close()
  })

  it('give the same successor again while the answer may have been lost', async () => {
    const { refreshToken } = await begin()
    const next = await refreshed(refreshToken)
    now += 9 * second
    expect((await refreshed(refreshToken)).refreshToken).toBe(next.refreshToken)
    await refreshed(next.refreshToken)
  })

  it('survive a crash on either side of the COMMIT: whoever tries again, at another process, goes on', async () => {
    for (let n = 0; n < 50; n += 1) {
      const { refreshToken, sessionId } = await begin()
      const undone = fixture.tenants.withAccounts(async (tx) => {
        await access.sessions.refresh(tx, refreshToken)
        throw new Error('killed before COMMIT')
      })
      await expect(undone).rejects.toThrow('killed')
      // Committed, and nobody heard of it.
      await fixture.tenants.withAccounts((tx) => access.sessions.refresh(tx, refreshToken))
      const restarted = testAccess({ tenants: fixture.tenants, clock })
      const again = await fixture.tenants.withAccounts((tx) => restarted.sessions.refresh(tx, refreshToken))
      const next = await fixture.tenants.withAccounts((tx) => restarted.sessions.refresh(tx, again?.refreshToken ?? ''))
      expect([next?.sessionId, await endOf(sessionId)]).toEqual([sessionId, null])
      now += second
    }
  })

  it('that are used again after that end the session, whoever has it', async () => {
    const { refreshToken, sessionId } = await begin()
    const next = await refreshed(refreshToken)
    now += 10 * second
    await expectRefused(refreshToken)
    await expectRefused(next.refreshToken)
    expect((await asked('GET', 'sessions', next)).status).toBe(401)
    expect(await endOf(sessionId)).toBe('reused')
    expect(await auditOf(sessionId)).toEqual(['session.reuse_detected'])
  })

  it('that were used long before end the session too, once', async () => {
    const { refreshToken, sessionId } = await begin()
    let { refreshToken: newest } = await refreshed(refreshToken)
    for (let n = 0; n < 3; n += 1) {
      now += hour
      newest = (await refreshed(newest)).refreshToken
    }
    await Promise.all(Array.from({ length: 5 }, () => expectRefused(refreshToken)))
    await expectRefused(newest)
    expect(await endOf(sessionId)).toBe('reused')
    expect(await auditOf(sessionId)).toEqual(['session.reuse_detected'])
  })

  it('that come late from a race whose winner went on already end nothing', async () => {
    const { refreshToken, sessionId } = await begin()
    const next = await refreshed(refreshToken)
    await refreshed(next.refreshToken)
    now += 5 * second
    await expectRefused(refreshToken)
    expect(await endOf(sessionId)).toBeNull()
  })

  it('have no retry where the setting says so', async () => {
    const settings = { ...testSettings, limits: { ...testSettings.limits, retryS: 0 } }
    const strict = testAccess({ tenants: fixture.tenants, clock, settings })
    app = fixture.otherApi({ ...strict, tenants: fixture.tenants })
    const { refreshToken, sessionId } = await begin()
    await refreshed(refreshToken)
    await expectRefused(refreshToken)
    expect(await endOf(sessionId)).toBe('reused')
  })

  it('are kept as hashes, and the successor so that only the old token opens it', async () => {
    const { refreshToken, sessionId } = await begin()
    const next = await refreshed(refreshToken)
    const [row] = await fixture.owner<{ text: string; sealed: Buffer }[]>`
      select s::text as text, successor_sealed as sealed from sessions s where id = ${sessionId}`
    for (const token of [refreshToken, next.refreshToken]) {
      expect(row?.text).not.toContain(token)
      expect(row?.text).not.toContain(Buffer.from(token).toString('hex'))
    }
    expect(row?.sealed).toBeInstanceOf(Buffer)
  })

  it('run on a pool of one connection', async () => {
    const tenants: TenantDatabase = tenantDatabase({
      url: fixture.url,
      max: 1,
      statementTimeoutMs: 10_000,
      name: 'one connection',
    })
    const narrow = fixture.otherApi({ ...testAccess({ tenants, clock }), tenants })
    const sessions = await Promise.all(Array.from({ length: 8 }, () => begin()))
    const all = await Promise.all(sessions.map(({ refreshToken }) => refreshed(refreshToken, narrow)))
    expect(new Set(all.map(({ refreshToken }) => refreshToken)).size).toBe(8)
    await tenants.close()
  })

  it.each(['', 'x', 'bwr_', `bwr_${'A'.repeat(43)}`, `bwr_${'A'.repeat(44)}`, 'null', '\u0000', "' or 1=1 --"])(
    'that are none are refused: %j',
    async (token) => {
      const response = await refresh(token)
      expect([400, 401]).toContain(response.status)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
    },
  )

  it('are not access tokens, and access tokens are none of them', async () => {
    const { accessToken, refreshToken } = await begin()
    expect((await asked('GET', 'sessions', { accessToken: refreshToken })).status).toBe(401)
    const response = await refresh(accessToken)
    expect([400, 401]).toContain(response.status)
  })
})

describe('sessions end', () => {
  it('when they idle, to the second', async () => {
    const [idle, used] = [await begin(), await begin()]
    now += 7 * day - second
    const { refreshToken } = await refreshed(used.refreshToken)
    now += second
    await expectRefused(idle.refreshToken)
    expect(await endOf(idle.sessionId)).toBe('expired')
    await refreshed(refreshToken)
  })

  it('at a fixed time after the login, however they are used', async () => {
    let { refreshToken, sessionId } = await begin()
    for (let days = 0; days < 29; days += 1) {
      now += day
      refreshToken = (await refreshed(refreshToken)).refreshToken
    }
    now += day - second
    const last = await refreshed(refreshToken)
    now += second
    expect((await asked('GET', 'sessions', last)).status).toBe(401)
    await expectRefused(last.refreshToken)
    expect(await endOf(sessionId)).toBe('expired')
  })

  it('after a day where they are not to be remembered', async () => {
    const { refreshToken } = await begin({ remember: false })
    now += day - second
    const next = await refreshed(refreshToken)
    now += second
    await expectRefused(next.refreshToken)
  })

  it('when there are too many, the oldest first, also when they begin at once', async () => {
    const first = await begin()
    await Promise.all(Array.from({ length: 25 }, () => begin()))
    const rows = await fixture.owner`select id from sessions where user_id = ${userId} and ended_at is null`
    expect(rows).toHaveLength(20)
    expect(await endOf(first.sessionId)).toBe('limit')
    await expectRefused(first.refreshToken)
  })

  it('with the user, who is refused from then on', async () => {
    const { refreshToken } = await begin()
    await fixture.owner`update users set disabled_at = now() where id = ${userId}`
    await expectRefused(refreshToken)
    await expect(begin()).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it('all at once for a new password, but for the one that changed it', async () => {
    const [one, two, current] = [await begin(), await begin(), await begin()]
    const except = current.sessionId
    const count = await fixture.tenants.withAccounts((tx) =>
      access.sessions.endAll(tx, { userId, because: 'password', except }),
    )
    expect(count).toBe(2)
    for (const { sessionId } of [one, two]) expect(await endOf(sessionId)).toBe('password')
    await refreshed(current.refreshToken)
  })

  it('not when what ended them was rolled back', async () => {
    const { refreshToken, sessionId } = await begin()
    const failed = fixture.tenants.withAccounts(async (tx) => {
      await access.sessions.endAll(tx, { userId, because: 'disabled' })
      throw new Error('half-way')
    })
    await expect(failed).rejects.toThrow('half-way')
    expect(await endOf(sessionId)).toBeNull()
    await refreshed(refreshToken)
  })

  it('and are deleted a month later', async () => {
    const { sessionId } = await begin()
    now += 30 * day
    await access.maintenance.run()
    expect(await fixture.owner`select from sessions where id = ${sessionId}`).toHaveLength(1)
    now += 8 * day
    await access.maintenance.run()
    expect(await fixture.owner`select from sessions where id = ${sessionId}`).toHaveLength(0)
  })
})

describe('logging out', () => {
  it('ends the session, at once here, and says the same of anything else', async () => {
    const tokens = await begin()
    const never = `bwr_${'A'.repeat(43)}`
    for (const token of [tokens.refreshToken, tokens.refreshToken, never, 'x']) {
      const response = await post('logout', { refresh_token: token })
      expect([response.status, await response.text()]).toEqual([204, ''])
    }
    expect(await endOf(tokens.sessionId)).toBe('logout')
    expect((await asked('GET', 'sessions', tokens)).status).toBe(401)
    await expectRefused(tokens.refreshToken)
    expect(await auditOf(tokens.sessionId)).toEqual(['session.ended'])
  })

  it('takes the token in the body and no other field', async () => {
    const { refreshToken } = await begin()
    for (const body of [{}, { refresh_token: 1 }, { refresh_token: refreshToken, session_id: newId() }, []]) {
      expect((await post('logout', body)).status).toBe(400)
    }
    await refreshed(refreshToken)
  })
})

const pageShape = z.object({
  items: z.array(z.looseObject({ id: z.string(), current: z.boolean() })),
  next: z.string().nullable(),
})

async function list(token: IssuedTokens, query = '') {
  return pageShape.parse(await (await asked('GET', `sessions${query}`, token)).json())
}

describe('own sessions', () => {
  it('are listed, oldest first, page by page', async () => {
    const all = [await begin(), await begin(), await begin()]
    const [, , third] = all
    if (third === undefined) throw new Error('three were begun')
    const page = await list(third, '?limit=2')
    expect(page.items.map(({ current }) => current)).toEqual([false, false])
    const rest = await list(third, `?limit=2&cursor=${page.next}`)
    expect([...page.items, ...rest.items].map(({ id }) => id)).toEqual(all.map(({ sessionId }) => sessionId))
    expect(rest.items[0]).toMatchObject({ current: true, device: 'Firefox on Linux', address_area: '192.0.2.0/24' })
    expect(rest.next).toBeNull()
    for (const cursor of ['x', Buffer.from('sessions:abc').toString('base64url')]) {
      expect((await asked('GET', `sessions?cursor=${cursor}`, third)).status).toBe(400)
    }
  })

  it('end one by one, and nobody ends those of others', async () => {
    const [one, two] = [await begin(), await begin()]
    const stranger = await insertPerson(fixture.owner, { in: { [tenantId]: 'owner' } })
    const theirs = await beginSession({ tenants: fixture.tenants, access }, { userId: stranger, tenantId })
    for (const id of [theirs.sessionId, newId(), 'x']) {
      expect((await asked('DELETE', `sessions/${id}`, one)).status).toBe(404)
    }
    expect((await asked('DELETE', `sessions/${two.sessionId}`, one)).status).toBe(204)
    expect((await asked('DELETE', `sessions/${two.sessionId}`, one)).status).toBe(404)
    expect((await asked('GET', 'sessions', two)).status).toBe(401)
    expect((await asked('GET', 'sessions', theirs)).status).toBe(200)
    expect(await auditOf(two.sessionId)).toEqual(['session.ended'])
  })

  it('end all together, or all others', async () => {
    const [one, two, three] = [await begin(), await begin(), await begin()]
    const others = await asked('DELETE', 'sessions?keep=current', two)
    expect([others.status, await others.json()]).toEqual([200, { ended: 2 }])
    for (const token of [one, three]) expect((await asked('GET', 'sessions', token)).status).toBe(401)
    expect(await (await asked('DELETE', 'sessions', two)).json()).toEqual({ ended: 1 })
    expect((await asked('GET', 'sessions', two)).status).toBe(401)
    expect(await auditOf(userId)).toEqual(['session.ended', 'session.ended'])
  })

  it('end each other at the same time without a deadlock', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => begin()))
    const answers = await Promise.all(all.map((token) => asked('DELETE', 'sessions?keep=current', token)))
    for (const { status } of answers) expect([200, 401]).toContain(status)
  })
})

describe('another tenant', () => {
  it('is entered by members of it, and tokens of before are not taken any more', async () => {
    const other = await insertTenant(fixture.owner, { slug: `other-${newId()}` })
    await fixture.owner`insert into memberships (tenant_id, user_id, role) values (${other}, ${userId}, 'admin')`
    const tokens = await begin()
    const response = await asked('PUT', 'tenant', tokens, { tenant_id: other })
    expect(response.status).toBe(200)
    const { access_token: accessToken } = z.looseObject({ access_token: z.string() }).parse(await response.json())
    const principal = await access.authenticator.authenticate(`Bearer ${accessToken}`)
    expect(principal).toMatchObject({ tenant: { id: other, role: 'admin' } })
    expect((await asked('GET', 'sessions', tokens)).status).toBe(401)
    const next = await refreshed(tokens.refreshToken)
    expect(await access.authenticator.authenticate(`Bearer ${next.accessToken}`)).toMatchObject({
      tenant: { id: other },
    })
  })

  it('is unknown to everybody else, as is one that is suspended', async () => {
    const foreign = await insertTenant(fixture.owner, { slug: `foreign-${newId()}` })
    const suspended = await insertTenant(fixture.owner, { slug: `suspended-${newId()}` })
    await fixture.owner`insert into memberships (tenant_id, user_id, role) values (${suspended}, ${userId}, 'admin')`
    await fixture.owner`update tenants set suspended_at = now() where id = ${suspended}`
    const tokens = await begin()
    const details = new Set<string>()
    for (const id of [foreign, suspended, newId()]) {
      const response = await asked('PUT', 'tenant', tokens, { tenant_id: id })
      expect(response.status).toBe(404)
      details.add(JSON.stringify({ ...((await response.json()) as object), request_id: '' }))
    }
    expect(details.size).toBe(1)
    expect((await asked('PUT', 'tenant', tokens, { tenant_id: 'x' })).status).toBe(400)
  })
})
