import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { identify } from '../../src/ingest/credentials.ts'
import { inTenant } from '../../src/store/provision.ts'
import { limitGateway } from '../../src/store/speakers.ts'
import { startOperators, type OperatedTenant, type Operators } from './operator.ts'

let operators: Operators
let city: OperatedTenant

beforeAll(async () => {
  operators = await startOperators()
})
beforeEach(async () => {
  city = await operators.tenant()
})
afterAll(() => operators.close())

const make = (code: string, more: object = {}) => city.ask('POST', '/gateways', { body: { code, ...more } })

async function opens({ username, secret }: { username: string; secret: string }): Promise<boolean> {
  const identity = await identify(operators.baywire.system, { username, secret: Buffer.from(secret) })
  return identity !== undefined
}

describe('a gateway', () => {
  test('is made with its credential and its limits', async () => {
    const made = await make('roof', { name: 'On the roof', messages_per_s: 500 })
    expect(made).toMatchObject({
      status: 201,
      etag: '"1"',
      body: { code: 'roof', messages_per_s: 500, in_flight: null, presence: null, last_seen_at: null },
    })
    const { credentials, ...gateway } = made.body
    expect(credentials).toMatchObject({ username: `${city.slug}/gateways/roof`, client_id: credentials.username })
    expect(await opens(credentials)).toBe(true)
    const { body, text } = await city.ask('GET', `/gateways/${gateway.id}`, { role: 'viewer' })
    expect(body).toEqual(gateway)
    expect(text).not.toContain(credentials.secret)
    expect(await make('roof')).toMatchObject({ status: 409, body: { errors: [{ path: 'code' }] } })
    expect(await opens(credentials)).toBe(true)
    expect(await city.audit()).toMatchObject([{ action: 'gateway.created', target_id: gateway.id }])
  })

  test('changes field by field, for whoever has seen it as it is', async () => {
    const { body, etag } = await make('roof', { name: 'Roof', messages_per_s: 500 })
    const change = (fields: object, ifMatch?: string) =>
      city.ask('PATCH', `/gateways/${body.id}`, { body: fields, ifMatch })
    expect((await change({ in_flight: 7 })).status).toBe(428)
    const changed = await change({ in_flight: 7 }, etag)
    expect(changed).toMatchObject({
      status: 200,
      etag: '"2"',
      body: { name: 'Roof', messages_per_s: 500, in_flight: 7 },
    })
    expect((await change({ in_flight: 8 }, etag)).status).toBe(412)
    expect((await change({ name: null, messages_per_s: null }, '"2"')).body).toMatchObject({
      name: null,
      messages_per_s: null,
      in_flight: 7,
    })
    await inTenant(operators.tenants, { slug: city.slug }, (tx) => limitGateway(tx, 'roof', { inFlight: 9 }))
    expect((await change({ in_flight: 8 }, '"3"')).status).toBe(412)
    const wrong = [{ in_flight: 0 }, { in_flight: 65_536 }, { messages_per_s: 1.5 }, { code: 'other' }, { name: 1 }]
    const answers = await Promise.all(wrong.map((fields) => change(fields, '"4"')))
    expect(answers.map(({ status }) => status)).toEqual(wrong.map(() => 400))
  })

  test('is listed with what its status topic said', async () => {
    await make('roof')
    await operators.baywire.deliver(`parking/v1/${city.slug}/gateways/roof/status`, 'online')
    const { body } = await city.ask('GET', '/gateways?presence=online')
    const at = new Date(operators.baywire.clock.now()).toISOString()
    expect(body).toMatchObject({ items: [{ code: 'roof', presence: 'online', last_seen_at: at }], next: null })
    const all = await city.ask('GET', '/gateways?limit=1')
    const rest = await city.ask('GET', `/gateways?cursor=${all.body.next}`)
    expect([...all.body.items, ...rest.body.items].map(({ code }) => code)).toEqual(['gw-1', 'roof'])
    expect((await city.ask('GET', '/gateways?code_prefix=ro')).body.items).toHaveLength(1)
  })

  test('is let in anew and shut out', async () => {
    const { body } = await make('roof')
    const act = (action: string) => city.ask('POST', `/gateways/${body.id}/${action}`)
    expect((await act('provision')).status).toBe(409)
    const rotated = await Promise.all(Array.from({ length: 5 }, () => act('rotate')))
    expect(rotated.map(({ status }) => status)).toEqual(Array(5).fill(200))
    const open = await Promise.all(rotated.map((answer) => opens(answer.body.credentials)))
    expect(open.filter(Boolean)).toHaveLength(1)
    expect(await opens(body.credentials)).toBe(false)
    expect((await act('revoke')).body.credential_since).toBeNull()
    expect((await act('rotate')).status).toBe(409)
    const again = await act('provision')
    expect(again.status).toBe(201)
    expect(await opens(again.body.credentials)).toBe(true)
    const gone = await city.ask('DELETE', `/gateways/${body.id}`, { ifMatch: '"1"' })
    expect(gone.status).toBe(204)
    expect(await opens(again.body.credentials)).toBe(false)
    expect((await city.ask('DELETE', `/gateways/${body.id}`, { ifMatch: '"1"' })).status).toBe(404)
    expect((await city.audit()).map(({ action }) => action)).toEqual([
      'gateway.created',
      ...Array(5).fill('gateway.secret_rotated'),
      'gateway.credential_revoked',
      'gateway.provisioned',
      'gateway.deleted',
    ])
  })

  test('of another tenant, and one that is not there, answer alike', async () => {
    const other = await operators.tenant()
    const { body } = await other.ask('GET', '/gateways')
    const requests = ['GET', 'PATCH', 'DELETE', 'POST /provision', 'POST /rotate', 'POST /revoke']
    for (const request of requests) {
      const [method = '', action = ''] = request.split(' ')
      const answers = []
      for (const id of [body.items[0].id, newId()]) {
        const change = method === 'PATCH' ? { body: { name: 'x' } } : {}
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const answer = await city.ask(method, `/gateways/${id}${action}`, { ifMatch: '"1"', ...change })
        answers.push({ ...answer.body, request_id: '', instance: '' })
      }
      expect(answers[0], request).toMatchObject({ status: 404 })
      expect(answers[1]).toEqual(answers[0])
    }
  })

  test('is not made or changed without the permission', async () => {
    const [id] = (await city.ask('GET', '/gateways')).body.items.map((gateway: { id: string }) => gateway.id)
    const as = { role: 'viewer' } as const
    const answers = await Promise.all([
      city.ask('POST', '/gateways', { ...as, body: { code: 'x' } }),
      city.ask('PATCH', `/gateways/${id}`, { ...as, body: { name: 'x' }, ifMatch: '"1"' }),
      city.ask('DELETE', `/gateways/${id}`, { ...as, ifMatch: '"1"' }),
      ...['provision', 'rotate', 'revoke'].map((action) => city.ask('POST', `/gateways/${id}/${action}`, as)),
      city.ask('GET', '/gateways', { role: 'driver' }),
    ])
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403))
    expect(await city.audit()).toEqual([])
  })
})

describe('an app', () => {
  test('is let in, given another secret and shut out', async () => {
    const made = await city.ask('POST', '/apps', { body: { code: 'board' } })
    expect(made).toMatchObject({ status: 201, body: { code: 'board', credential_since: expect.any(String) } })
    expect(await opens(made.body.credentials)).toBe(true)
    expect((await city.ask('POST', '/apps', { body: { code: 'board' } })).status).toBe(409)
    const rotated = await city.ask('POST', '/apps/board/rotate')
    expect(await opens(rotated.body.credentials)).toBe(true)
    expect(await opens(made.body.credentials)).toBe(false)
    expect(await city.ask('POST', '/apps/board/revoke')).toMatchObject({ body: { credential_since: null } })
    expect((await city.ask('POST', '/apps/board/rotate')).status).toBe(409)
    expect(await opens(rotated.body.credentials)).toBe(false)
    expect((await city.ask('POST', '/apps', { body: { code: 'board' } })).status).toBe(201)
    expect((await city.ask('GET', '/apps')).body).toMatchObject({ items: [{ code: 'board' }], next: null })
    expect((await city.audit()).map(({ action }) => action)).toEqual([
      'app.provisioned',
      'app.secret_rotated',
      'app.credential_revoked',
      'app.provisioned',
    ])
  })

  test('of another tenant is as unknown as one that is not there', async () => {
    const other = await operators.tenant()
    await other.ask('POST', '/apps', { body: { code: 'board' } })
    expect((await city.ask('POST', '/apps/board/rotate')).status).toBe(404)
    expect((await city.ask('POST', '/apps/board/revoke')).status).toBe(404)
    expect((await city.ask('GET', '/apps')).body.items).toEqual([])
    const refused = await city.ask('POST', '/apps', { role: 'viewer', body: { code: 'x' } })
    expect(refused.status).toBe(403)
  })
})
