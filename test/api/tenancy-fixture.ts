import { createHash } from 'node:crypto'
import type { Api } from '../../src/api/app.ts'
import type { Message } from '../../src/auth/door.ts'
import { permissions, roleHas, type Permission, type Role } from '../../src/auth/permissions.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { newId } from '../../src/ids.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Sql } from '../../src/store/client.ts'
import { apiFixture, insertTenant, type ApiFixture } from './fixture.ts'

/** The API with people of several tenants, who are known by a token each; what is sent to them is kept. */
export interface TenancyFixture extends ApiFixture {
  app: Api
  sent: Message[]
  /** A tenant of the test's own, with these members. */
  world(roles?: readonly Role[]): Promise<World>
  /** Somebody who belongs nowhere. */
  person(email?: string): Promise<Person>
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>
}

export interface World {
  id: string
  slug: string
  people: Person[]
  owner: Person
  actions(): Promise<string[]>
}

export interface Person {
  id: string
  email: string
  token: string
}

export interface AskOptions {
  as?: Person | undefined
  token?: string
  body?: unknown
  ifMatch?: string | undefined
}

export interface Answer {
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- a test says itself what it expects
  body: any
  text: string
  headers: Headers
}

export async function tenancyFixture(): Promise<TenancyFixture> {
  const fixture = await apiFixture()
  const { owner } = fixture
  const sent: Message[] = []
  const authenticate = (authorization: string | undefined) => signedIn(owner, authorization)
  const app = fixture.otherApi({
    tenants: fixture.tenants,
    authenticator: { authenticate },
    invites: {
      sender: { send: (message) => void sent.push(message) },
      passwords: { make: ({ given }) => madeOf(given) },
      mayBeSent: (_tx, address) => Promise.resolve(!address.startsWith('flooded')),
      inviteHours: 48,
    },
  })
  let number = 0
  const person = async (email = `p${++number}@example.org`) => await insertPerson(owner, email)
  return {
    ...fixture,
    app,
    sent,
    person,
    ask: async (method, path, options = {}) => await ask(app, { method, path, ...options }),
    async world(roles = ['owner']) {
      const slug = `t${++number}`
      const id = await insertTenant(owner, { slug })
      const people: Person[] = []
      for (const role of roles) {
        // oxlint-disable-next-line no-await-in-loop -- in this order
        const one = await person()
        // oxlint-disable-next-line no-await-in-loop
        await owner`insert into memberships (tenant_id, user_id, role) values (${id}, ${one.id}, ${role})`
        people.push(one)
      }
      const actions = async () => {
        const rows = await owner<
          { action: string }[]
        >`select action from audit_log where tenant_id = ${id} order by seq`
        return rows.map(({ action }) => action)
      }
      return { id, slug, people, owner: people[0] as Person, actions }
    },
  }
}

/** As the rules of passwords do it, for one of them. */
function madeOf(given: string): Promise<string> {
  if (given.length >= 12) return Promise.resolve(`$hash$${createHash('sha256').update(given).digest('hex')}`)
  return Promise.reject(
    new Refusal('invalid_input', 'Wrong input: see errors.', {
      errors: [{ path: 'password', message: 'is too short' }],
    }),
  )
}

async function insertPerson(owner: Sql, email: string): Promise<Person> {
  const id = newId()
  await owner`insert into users (id, email, name, email_verified_at) values (${id}, ${email}, ${`Name of ${email}`}, now())`
  return { id, email, token: id }
}

/** A token is a user's id, or one and the tenant that they work in; or `key:` and the id of an API key. */
async function signedIn(owner: Sql, authorization: string | undefined): Promise<Principal> {
  const [subject = '', tenant] = (authorization ?? '').replace('Bearer ', '').split('@')
  if (subject.startsWith('key:')) {
    const id = subject.slice('key:'.length)
    const [key] = await owner<{ tenant_id: string; role: Role; scopes: string }[]>`
      select k.tenant_id, m.role, k.scopes from api_keys k
      join memberships m on m.tenant_id = k.tenant_id and m.user_id = k.created_by where k.id = ${id} and k.revoked_at is null`
    if (key === undefined) throw new Refusal('unauthenticated', 'Sign in.')
    const scopes = key.scopes.slice(1, -1).split(',') as []
    return { kind: 'api_key', apiKeyId: id, tenant: { id: key.tenant_id, role: key.role }, scopes }
  }
  if (!/^[0-9a-f-]{36}$/.test(subject)) throw new Refusal('unauthenticated', 'Sign in.')
  const [user] = await owner<{ id: string }[]>`select id from users where id = ${subject} and disabled_at is null`
  if (user === undefined) throw new Refusal('unauthenticated', 'Sign in.')
  const [membership] = await owner<{ tenant_id: string; role: Role }[]>`
    select tenant_id, role from memberships where user_id = ${subject} and (${tenant ?? null}::uuid is null or tenant_id = ${tenant ?? null}::uuid)
    order by created_at limit 1`
  return {
    kind: 'user',
    userId: subject,
    sessionId: subject,
    tenant: membership === undefined ? undefined : { id: membership.tenant_id, role: membership.role },
    platformAdministrator: false,
  }
}

async function ask(
  app: Api,
  { method, path, as, token, body, ifMatch }: AskOptions & { method: string; path: string },
) {
  const headers: Record<string, string> = {}
  const shown = token ?? as?.token
  if (shown !== undefined) headers['Authorization'] = `Bearer ${shown}`
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (ifMatch !== undefined) headers['If-Match'] = ifMatch
  const response = await app.request(`/api/v1${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text), text, headers: response.headers }
}

export function permissionsOf(role: Role): Permission[] {
  return (Object.keys(permissions) as Permission[]).filter((permission) => roleHas(role, permission))
}

/** A key that a member made, with its token. */
export async function insertKey(owner: Sql, { world, by, scopes }: { world: World; by: Person; scopes: string[] }) {
  const id = newId()
  const hash = createHash('sha256').update(id).digest()
  await owner`
    insert into api_keys (tenant_id, id, name, prefix, key_hash, scopes, created_by)
    values (${world.id}, ${id}, 'key', 'bw_x', ${hash}, ${`{${scopes.join(',')}}`}::text::text[], ${by.id})`
  return { id, token: `key:${id}` }
}
