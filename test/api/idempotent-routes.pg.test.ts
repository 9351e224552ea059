import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { tenancyFixture, type TenancyFixture, type World } from './tenancy-fixture.ts'

/** That each route which is to be safe to send again is: the rules themselves are those of idempotency.pg.test.ts. */
let fixture: TenancyFixture

beforeAll(async () => {
  fixture = await tenancyFixture()
})
afterAll(() => fixture.drop())

interface Sent {
  path: string
  body?: unknown
  text?: { type: string; content: string }
  key?: string
}

async function post({ owner }: World, { path, body, text, key = randomUUID() }: Sent) {
  const response = await fixture.app.request(`/api/v1${path}`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${owner.token}`,
      'Idempotency-Key': key,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(text === undefined ? {} : { 'Content-Type': text.type }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(text === undefined ? {} : { body: text.content }),
  })
  const { status, headers } = response
  const answered = await response.text()
  return {
    status,
    headers,
    text: answered,
    body: answered === '' ? {} : (JSON.parse(answered) as Record<string, unknown>),
    replayed: headers.get('idempotency-replayed') === 'true',
  }
}

/** The same request twice, with one key. */
async function twice(world: World, sent: Sent) {
  const keyed = { ...sent, key: randomUUID() }
  return [await post(world, keyed), await post(world, keyed)] as const
}

async function actionsOf(world: World, action: string): Promise<number> {
  return (await world.actions()).filter((one) => one === action).length
}

const documentShape = z.looseObject({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        parameters: z.array(z.looseObject({ name: z.string(), in: z.string() })).optional(),
        responses: z.record(z.string(), z.unknown()),
      }),
    ),
  ),
})

/** A step of spaces is another kind of transaction; what is of people and their sessions is of no tenant; a ticket is nothing kept, and a replay writes nothing. */
const without = /^\/api\/v1\/(?:auth|jobs|overrides|replays|ws)(?:\/|$)/

const pathsOf = (operations: readonly { path: string }[]) => operations.map(({ path }) => path).toSorted()

describe('the OpenAPI document', () => {
  it('has the header at each POST that makes or changes something in a tenant, and only there', async () => {
    const { paths } = documentShape.parse(await (await fixture.app.request('/openapi.json')).json())
    const posts = Object.entries(paths).flatMap(([path, { post: operation }]) =>
      operation === undefined ? [] : [{ path, ...operation }],
    )
    const having = posts.filter(({ parameters = [] }) =>
      parameters.some((parameter) => parameter.in === 'header' && parameter.name === 'idempotency-key'),
    )
    expect(pathsOf(having)).toEqual(pathsOf(posts.filter(({ path }) => !without.test(path))))
    expect(having.length).toBeGreaterThan(20)
    for (const { responses } of having) expect(Object.keys(responses)).toEqual(expect.arrayContaining(['409', '422']))
  })
})

describe('a repeated request', () => {
  it('makes one site, and is answered as the first', async () => {
    const world = await fixture.world()
    const [first, second] = await twice(world, { path: '/sites', body: { code: 'main', name: 'Main' } })
    expect([first.status, first.replayed, second.status, second.replayed]).toEqual([201, false, 201, true])
    expect(second.text).toBe(first.text)
    for (const name of ['location', 'etag']) expect(second.headers.get(name)).toBe(first.headers.get(name))
    expect(await actionsOf(world, 'site.created')).toBe(1)
  })

  it('is refused as the first was, after a statement that failed', async () => {
    const world = await fixture.world()
    const body = { code: 'main', name: 'Main' }
    await post(world, { path: '/sites', body })
    const [first, second] = await twice(world, { path: '/sites', body })
    expect(first).toMatchObject({ status: 409, replayed: false, body: { type: '/problems/conflict' } })
    expect(second).toMatchObject({ status: 409, replayed: true, text: first.text })
    expect(await actionsOf(world, 'site.created')).toBe(1)
  })

  it('makes one device, whose secret was shown once', async () => {
    const world = await fixture.world()
    const body = { code: 'A-17', provision: true }
    const [first, second] = await twice(world, { path: '/devices', body })
    expect(first).toMatchObject({ status: 201, body: { credentials: { secret: expect.any(String) as string } } })
    expect(second).toMatchObject({ status: 409, body: { type: '/problems/idempotency-answer-gone' } })
    expect(second.headers.get('location')).toBe(`/api/v1/devices/${String(first.body['id'])}`)
    expect(second.text).not.toContain((first.body['credentials'] as { secret: string }).secret)
    expect(await actionsOf(world, 'device.created')).toBe(1)
    const kept = await fixture.owner`select body from idempotency_keys where tenant_id = ${world.id}`
    expect(kept).toEqual([{ body: null }])
  })

  it('makes one device without a secret, and is answered as the first', async () => {
    const [first, second] = await twice(await fixture.world(), { path: '/devices', body: { code: 'A-18' } })
    expect(second).toMatchObject({ status: 201, replayed: true, text: first.text })
  })

  it.each(['/apps', '/gateways', '/api-keys'])('keeps no secret of %s', async (path) => {
    const world = await fixture.world()
    const body = path === '/api-keys' ? { name: 'Signs', scopes: ['places:read'] } : { code: 'one' }
    const [first, second] = await twice(world, { path, body })
    expect([first.status, second.status]).toEqual([201, 409])
    expect(second.body['type']).toBe('/problems/idempotency-answer-gone')
    const kept = await fixture.owner`select body from idempotency_keys where tenant_id = ${world.id}`
    expect(kept).toEqual([{ body: null }])
  })

  it('rotates a secret once', async () => {
    const world = await fixture.world()
    const made = await post(world, { path: '/devices', body: { code: 'A-19', provision: true } })
    const [first, second] = await twice(world, { path: `/devices/${String(made.body['id'])}/rotate` })
    expect([first.status, second.status]).toEqual([200, 409])
    const rows = await fixture.owner`select count(*)::int as n from credentials where tenant_id = ${world.id}`
    expect(rows).toEqual([{ n: 2 }])
  })

  it('makes one invite, which is sent once', async () => {
    const world = await fixture.world()
    const email = `${randomUUID()}@example.org`
    const [first, second] = await twice(world, { path: '/invites', body: { email, role: 'viewer' } })
    expect([first.status, second.status, second.replayed]).toEqual([201, 201, true])
    expect(second.text).toBe(first.text)
    expect(fixture.sent.filter(({ address }) => address === email)).toHaveLength(1)
    expect(await actionsOf(world, 'invite.created')).toBe(1)
  })

  it('makes one invite when ten are sent at once, and sends it once', async () => {
    const world = await fixture.world()
    const email = `${randomUUID()}@example.org`
    const sent = { path: '/invites', body: { email, role: 'viewer' }, key: randomUUID() }
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(world, sent)))
    for (const { status, body } of answers) {
      expect([201, 409]).toContain(status)
      if (status === 409) expect(body['type']).toBe('/problems/idempotency-running')
    }
    expect(fixture.sent.filter(({ address }) => address === email)).toHaveLength(1)
  })

  it('of an invite to an address that was sent enough is tried anew', async () => {
    const [first, second] = await twice(await fixture.world(), {
      path: '/invites',
      body: { email: `flooded-${randomUUID()}@example.org`, role: 'viewer' },
    })
    expect([first.status, second.status, second.replayed]).toEqual([429, 429, false])
  })

  it('imports spaces once; a dry run does nothing, keeps nothing and is done each time', async () => {
    const world = await fixture.world()
    const site = await post(world, { path: '/sites', body: { code: 'main', name: 'Main' } })
    const path = `/spaces/import?site_id=${String(site.body['id'])}`
    const text = { type: 'text/csv', content: 'space,name\nA-1,A 1\nA-2,A 2\n' }
    const dry = await twice(world, { path: `${path}&dry_run=true`, text })
    expect(dry.map(({ status, replayed }) => [status, replayed])).toEqual([
      [200, false],
      [200, false],
    ])
    const [first, second] = await twice(world, { path, text })
    expect([first.status, second.status, second.replayed]).toEqual([200, 200, true])
    expect(second.text).toBe(first.text)
    const rows = await fixture.owner`select count(*)::int as n from spaces where tenant_id = ${world.id}`
    expect(rows).toEqual([{ n: 2 }])
  })
})
