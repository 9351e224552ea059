import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isApiKey, newApiKey } from '../../src/auth/api-key-text.ts'
import type { Role } from '../../src/auth/permissions.ts'
import { newId } from '../../src/ids.ts'
import { beginSession, insertPerson } from '../support/people.ts'
import { apiFixture, insertTenant, type ApiFixture } from './fixture.ts'

let fixture: ApiFixture
let tenantId: string
let admin: string

beforeAll(async () => {
  fixture = await apiFixture()
  return () => fixture.drop()
})

beforeEach(async () => {
  tenantId = await insertTenant(fixture.owner, { slug: `tenant-${newId()}` })
  admin = await tokenOf('admin')
})

async function tokenOf(role: Role, tenant = tenantId): Promise<string> {
  const userId = await insertPerson(fixture.owner, { in: { [tenant]: role } })
  return (await beginSession(fixture, { userId, tenantId: tenant })).accessToken
}

interface Asked {
  as?: string
  body?: unknown
  ifMatch?: string
}

async function ask(method: string, path = '', { as = admin, body, ifMatch }: Asked = {}): Promise<Response> {
  const headers = {
    Authorization: `Bearer ${as}`,
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(ifMatch === undefined ? {} : { 'If-Match': ifMatch }),
  }
  const content = body === undefined ? {} : { body: JSON.stringify(body) }
  return await fixture.app.request(`/api/v1/api-keys${path}`, { method, headers, ...content })
}

const keyShape = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.string()),
  created_by: z.uuid(),
  created_at: z.iso.datetime({ precision: 3 }),
  last_used_at: z.iso.datetime({ precision: 3 }).nullable(),
  expires_at: z.iso.datetime({ precision: 3 }).nullable(),
  revoked_at: z.iso.datetime({ precision: 3 }).nullable(),
})
const newKeyShape = keyShape.extend({ key: z.string() })

async function made(scopes: readonly string[], more: object = {}, as = admin) {
  const response = await ask('POST', '', { as, body: { name: 'signs', scopes, ...more } })
  expect(response.status).toBe(201)
  const body = newKeyShape.parse(await response.json())
  expect(response.headers.get('location')).toBe(`/api/v1/api-keys/${body.id}`)
  expect(response.headers.get('etag')).toBe('"1"')
  return body
}

async function auditOf(id: string) {
  const rows = await fixture.owner<{ action: string; detail: unknown }[]>`
    select action, detail from audit_log where tenant_id = ${tenantId} and target_id = ${id} order by seq`
  return [...rows]
}

describe('an API key', () => {
  it('is shown once, and kept as a hash', async () => {
    const { key, ...shown } = await made(['places:read', 'devices:read'])
    expect(isApiKey(key)).toBe(true)
    expect(key.startsWith(shown.prefix)).toBe(true)
    const again = await ask('GET', `/${shown.id}`)
    expect(again.headers.get('etag')).toBe('"1"')
    expect(keyShape.parse(await again.json())).toEqual(shown)
    const everything = await fixture.owner<{ text: string }[]>`
      select k::text as text from api_keys k where id = ${shown.id}
      union all select a::text from audit_log a where target_id = ${shown.id}`
    expect(everything).toHaveLength(2)
    for (const { text } of everything) expect(text).not.toContain(key.slice(10))
  })

  it('has a checksum that a mistyped one fails', () => {
    const key = newApiKey()
    for (let at = 3; at < key.length; at += 1) {
      const other = key[at] === 'A' ? 'B' : 'A'
      expect(isApiKey(key.slice(0, at) + other + key.slice(at + 1))).toBe(false)
    }
    for (const none of ['', 'bw_', key.slice(1), `${key}A`, ` ${key}`, `${key}\n`]) expect(isApiKey(none)).toBe(false)
  })

  it('does what its scopes say, in its tenant', async () => {
    const reader = await made(['api-keys:read'])
    expect((await ask('GET', '', { as: reader.key })).status).toBe(200)
    const other = await made(['places:read'])
    const refused = await ask('GET', '', { as: other.key })
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ detail: 'This needs the permission api-keys:read.' })
  })

  it('makes no keys, and has no sessions', async () => {
    const { key } = await made(['api-keys:read', 'api-keys:write'])
    expect((await ask('POST', '', { as: key, body: { name: 'x', scopes: ['api-keys:read'] } })).status).toBe(403)
    for (const [method, path] of [
      ['GET', 'sessions'],
      ['DELETE', 'sessions'],
      ['DELETE', `sessions/${newId()}`],
    ] as const) {
      const headers = { Authorization: `Bearer ${key}` }
      expect((await fixture.app.request(`/api/v1/auth/${path}`, { method, headers })).status).toBe(403)
    }
  })

  it('gets no scope that its maker lacks', async () => {
    const response = await ask('POST', '', { body: { name: 'x', scopes: ['places:read', 'tenant:erase'] } })
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ detail: 'This needs the permission tenant:erase.' })
    const { id } = await made(['tenant:erase'], {}, await tokenOf('owner'))
    // An admin may rename it and take scopes away, and gives it none that they lack.
    const renamed = await ask('PATCH', `/${id}`, {
      ifMatch: '"1"',
      body: { name: 'other', scopes: ['tenant:erase', 'places:read'] },
    })
    expect(renamed.status).toBe(200)
    const cut = await ask('PATCH', `/${id}`, { ifMatch: '"2"', body: { scopes: ['places:read'] } })
    expect(cut.status).toBe(200)
    expect((await ask('PATCH', `/${id}`, { ifMatch: '"3"', body: { scopes: ['tenant:erase'] } })).status).toBe(403)
  })

  it.for<unknown>([
    {},
    { name: 'x' },
    { name: '', scopes: ['places:read'] },
    { name: '  ', scopes: ['places:read'] },
    { name: 'x'.repeat(101), scopes: ['places:read'] },
    { name: 'a\u0000b', scopes: ['places:read'] },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['places'] },
    { name: 'x', scopes: ['__proto__'] },
    { name: 'x', scopes: 'places:read' },
    { name: 'x', scopes: ['places:read'], created_by: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55' },
    { name: 'x', scopes: ['places:read'], expires_at: 'soon' },
    { name: 'x', scopes: ['places:read'], expires_at: '2020-01-01T00:00:00Z' },
    [],
    null,
    'x',
  ])('is not made of %j', async (body) => {
    const response = await ask('POST', '', { body })
    expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/problem+json'])
  })
})

describe('changes', () => {
  it('need the revision that was read, and raise it', async () => {
    const { id } = await made(['places:read'])
    expect((await ask('PATCH', `/${id}`, { body: { name: 'a' } })).status).toBe(428)
    for (const ifMatch of ['"2"', '"0"', '1', 'W/"1"', '*', 'x']) {
      expect((await ask('PATCH', `/${id}`, { ifMatch, body: { name: 'a' } })).status).toBe(412)
    }
    const changed = await ask('PATCH', `/${id}`, { ifMatch: '"1"', body: { name: 'a' } })
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"2"'])
    expect(await changed.json()).toMatchObject({ name: 'a', scopes: ['places:read'] })
    for (const body of [{}, { prefix: 'x' }, { revoked_at: null }]) {
      expect((await ask('PATCH', `/${id}`, { ifMatch: '"2"', body })).status).toBe(400)
    }
    expect((await auditOf(id)).map(({ action }) => action)).toEqual(['api_key.created', 'api_key.changed'])
  })

  it('at the same time are made once', async () => {
    const { id } = await made(['places:read'])
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => ask('PATCH', `/${id}`, { ifMatch: '"1"', body: { name: `name ${n}` } })),
    )
    const statuses = answers.map(({ status }) => status).toSorted((one, other) => one - other)
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 412)])
  })

  it('do not bring back what is revoked', async () => {
    const { id, key } = await made(['api-keys:read'])
    const [patched, ...revoked] = await Promise.all([
      ask('PATCH', `/${id}`, { ifMatch: '"1"', body: { name: 'other' } }),
      ask('POST', `/${id}/revoke`),
      ask('POST', `/${id}/revoke`),
    ])
    expect([200, 409, 412]).toContain(patched.status)
    for (const response of revoked) {
      expect(response.status).toBe(200)
      expect(keyShape.parse(await response.json()).revoked_at).not.toBeNull()
    }
    expect((await ask('GET', '', { as: key })).status).toBe(401)
    const actions = (await auditOf(id)).map(({ action }) => action)
    expect(actions.filter((action) => action === 'api_key.revoked')).toHaveLength(1)
    const response = await ask('PATCH', `/${id}`, { ifMatch: '"2"', body: { name: 'again' } })
    expect(response.status).toBe(409)
  })
})

describe('the list', () => {
  const listShape = z.object({ items: z.array(keyShape), next: z.string().nullable() })
  const list = async (query = '') => listShape.parse(await (await ask('GET', query)).json())

  it('has all keys, page by page, and those that are asked for', async () => {
    const ids: string[] = []
    for (let n = 0; n < 5; n += 1) ids.push((await made(['places:read'])).id)
    await ask('POST', `/${ids[1]}/revoke`)
    const first = await list('?limit=3')
    const second = await list(`?limit=3&cursor=${first.next}`)
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids)
    expect(second.next).toBeNull()
    expect((await list('?revoked=true')).items.map(({ id }) => id)).toEqual([ids[1]])
    expect((await list('?revoked=false')).items).toHaveLength(4)
    for (const query of ['?revoked=1', '?limit=0', '?cursor=x', '?name=x']) {
      expect((await ask('GET', query)).status).toBe(400)
    }
    const forged = Buffer.from('api-keys:abc').toString('base64url')
    expect((await ask('GET', `?cursor=${forged}`)).status).toBe(400)
  })
})

describe('other tenants', () => {
  it('do not see, change or revoke a key: it is as unknown as one that is not there', async () => {
    const { id } = await made(['places:read'])
    const other = await insertTenant(fixture.owner, { slug: `other-${newId()}` })
    const stranger = await tokenOf('owner', other)
    const answers = new Set<string>()
    for (const target of [id, newId()]) {
      for (const [method, path, more] of [
        ['GET', `/${target}`, {}],
        ['PATCH', `/${target}`, { ifMatch: '"1"', body: { name: 'x' } }],
        ['POST', `/${target}/revoke`, {}],
      ] as const) {
        const response = await ask(method, path, { as: stranger, ...more })
        expect(response.status).toBe(404)
        const body = { ...((await response.json()) as object), request_id: '', instance: '' }
        answers.add(JSON.stringify(body))
      }
    }
    expect(answers.size).toBe(1)
    expect(await (await ask('GET', '', { as: stranger })).json()).toEqual({ items: [], next: null })
    expect((await ask('GET', `/${id}`)).headers.get('etag')).toBe('"1"')
  })

  it('are none for a person without one', async () => {
    const userId = await insertPerson(fixture.owner)
    const { accessToken } = await beginSession(fixture, { userId })
    expect((await ask('GET', '', { as: accessToken })).status).toBe(403)
  })
})
