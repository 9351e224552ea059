import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apiKeyPrefix, hashApiKey, newApiKey } from '../../src/auth/api-key-text.ts'
import { newId } from '../../src/ids.ts'
import { eventually } from '../support/program.ts'
import { liveFixture, type LiveFixture, type LiveProcess, type LiveTenant } from './live-fixture.ts'
import type { SocketFollower, SseFollower } from './support/stream-followers.ts'

/**
 * Whoever loses the right to see what happens hears nothing of it any more (G-A16, G-T9): also where nothing tells of the
 * loss, and the process finds it out by looking.
 */
let fixture: LiveFixture
let told: LiveProcess
let untold: LiveProcess
beforeAll(async () => {
  fixture = await liveFixture()
  told = await fixture.process()
  untold = await fixture.process({ notified: false })
})
afterAll(() => fixture.close())

interface Followers {
  streams: SseFollower[]
  sockets: SocketFollower[]
}

async function followersOf(token: string): Promise<Followers> {
  const streams = await Promise.all([told, untold].map((api) => api.follow(token).live()))
  const sockets = await Promise.all([told, untold].map((api) => api.converse(token)))
  await Promise.all(sockets.map((socket) => socket.subscribe('tenant')))
  await Promise.all(sockets.map((socket) => eventually('live', () => socket.of('live').length > 0)))
  return { streams, sockets }
}

/** @param most ended after so long; the bound is 5 s, and the machine may be busy */
async function expectEnded({ streams, sockets }: Followers, tenant: LiveTenant, most = 10_000): Promise<void> {
  await Promise.all([...streams, ...sockets].map((one) => one.ended(most)))
  expect(streams.flatMap((one) => one.of('end').map(({ data }) => data.reason))).toEqual(streams.map(() => 'forbidden'))
  expect(sockets.map(({ closeCode }) => closeCode)).toEqual(sockets.map(() => 4403))
  const counts = streams.map(({ events }) => events.length)
  await tenant.change(3)
  expect(streams.map(({ events }) => events.length)).toEqual(counts)
}

type Loss = (tenant: LiveTenant, who: { id: string; sessionId: string }) => Promise<unknown>
const sql = () => fixture.baywire.sql
const losses: Record<string, Loss> = {
  'has logged out': (_, { sessionId }) =>
    sql()`UPDATE sessions SET ended_at = now(), ended_because = 'logout' WHERE id = ${sessionId}`,
  'is disabled': (_, { id }) => sql()`UPDATE users SET disabled_at = now() WHERE id = ${id}`,
  'is no member any more': ({ id: tenantId }, { id }) =>
    sql()`DELETE FROM memberships WHERE tenant_id = ${tenantId} AND user_id = ${id}`,
  'has gone on to another tenant': async (_, { id, sessionId }) => {
    const other = await fixture.tenant()
    await sql()`INSERT INTO memberships (tenant_id, user_id, role) VALUES (${other.id}, ${id}, 'owner')`
    await sql()`UPDATE sessions SET tenant_id = ${other.id} WHERE id = ${sessionId}`
  },
  'is of a tenant that was suspended': ({ id }) => sql()`UPDATE tenants SET suspended_at = now() WHERE id = ${id}`,
}

describe('the streams of somebody who', () => {
  it.each(Object.entries(losses))('%s end', async (_, lose) => {
    const tenant = await fixture.tenant()
    const person = await tenant.person()
    const bystander = await told.follow((await (await fixture.tenant()).person()).token).live()
    const followers = await followersOf(person.token)
    await tenant.change(2)
    await Promise.all(followers.streams.map((one) => one.count(2)))
    await lose(tenant, person)
    await expectEnded(followers, tenant)
    expect(bystander.closed).toBe(false)
    bystander.close()
  })

  it('has a key that was revoked, or lost its scope, end', async () => {
    const tenant = await fixture.tenant()
    const maker = await tenant.person('owner')
    const keys = await Promise.all(
      [0, 1].map(async () => {
        const key = newApiKey()
        const id = newId()
        await sql()`
          INSERT INTO api_keys (tenant_id, id, name, prefix, key_hash, scopes, created_by)
          VALUES (${tenant.id}, ${id}, 'key', ${apiKeyPrefix(key)}, ${hashApiKey(key)}, '{places:read}', ${maker.id})`
        return { id, key, followers: await followersOf(key) }
      }),
    )
    const [revoked, narrowed] = keys
    await sql()`UPDATE api_keys SET revoked_at = now() WHERE id = ${revoked?.id ?? ''}`
    await sql()`UPDATE api_keys SET scopes = '{devices:read}' WHERE id = ${narrowed?.id ?? ''}`
    await Promise.all(keys.map(({ followers }) => expectEnded(followers, tenant)))
  })

  it('has another role that may see places too goes on', async () => {
    const tenant = await fixture.tenant()
    const person = await tenant.person('owner')
    const { streams, sockets } = await followersOf(person.token)
    await sql()`UPDATE memberships SET role = 'driver' WHERE user_id = ${person.id}`
    await lookAgain(told)
    await tenant.change(3)
    await Promise.all([...streams, ...sockets].map((one) => one.count(3)))
    for (const one of [...streams, ...sockets]) one.close()
  })
})

/** Resolves when the rights of all streams have been looked at once more. */
async function lookAgain({ access: { authenticator } }: LiveProcess): Promise<void> {
  const again = authenticator.again.bind(authenticator)
  let asked = 0
  authenticator.again = (principal) => {
    asked += 1
    return again(principal)
  }
  authenticator.invalidate()
  await eventually('each asked for again', () => asked >= 4)
  authenticator.again = again
}

it('nothing is delivered on rights that cannot be found out, and nothing is lost by it', async () => {
  const tenant = await fixture.tenant()
  const { token } = await tenant.person()
  const api = await fixture.process({ streams: { rightsMs: 200, lookMs: 100, retryMs: 50 } })
  const follower = await api.follow(token).live()
  const { authenticator } = api.access
  const again = authenticator.again.bind(authenticator)
  let asked = 0
  authenticator.again = () => {
    asked += 1
    return Promise.reject(new Error('no database'))
  }
  // By then what was found out before is worth nothing.
  await eventually('some tries', () => asked > 5)
  await tenant.change(5)
  const before = asked
  await eventually('more tries', () => asked > before + 5)
  expect(follower.events).toEqual([])
  authenticator.again = again
  await follower.count(5)
  expect(follower.ids).toEqual(await tenant.ids(api.live))
  follower.close()
  await api.close()
})

it('a stream says that its token comes to its end, and ends with it', async () => {
  const tenant = await fixture.tenant()
  const { token } = await tenant.person()
  const life = 15 * 60_000
  let passed = 0
  const api = await fixture.process({ now: () => Date.now() + passed })
  const follower = await api.follow(token).live()
  const socket = await api.converse(token)
  passed = life - 30_000
  await eventually(
    'a warning',
    () => follower.of('session_expiring').length + socket.of('session_expiring').length === 2,
  )
  const [, body = ''] = token.split('.')
  const { exp } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { exp: number }
  const expiry = new Date(exp * 1000).toISOString()
  expect(follower.of('session_expiring')[0]?.data).toEqual({ expires_at: expiry })
  passed = life
  await Promise.all([follower.ended(), socket.ended()])
  expect(follower.heard.map(({ event }) => event)).toEqual(['session_expiring', 'end'])
  expect(follower.of('end')[0]?.data).toEqual({ reason: 'expired' })
  expect(socket.heard).toEqual([{ type: 'session_expiring', expires_at: expiry }])
  expect(socket.closeCode).toBe(4401)
  await api.close()
})
