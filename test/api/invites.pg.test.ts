import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Role } from '../../src/auth/permissions.ts'
import {
  insertKey,
  permissionsOf,
  tenancyFixture,
  type Answer,
  type Person,
  type TenancyFixture,
  type World,
} from './tenancy-fixture.ts'

let api: TenancyFixture
let addresses = 0

beforeAll(async () => {
  api = await tenancyFixture()
})
afterAll(async () => {
  await api.drop()
})

const account = { name: 'Ada Berg', password: 'a long and quiet sentence' }

interface Invited {
  id: string
  email: string
  token: string
}

async function invite(world: World, { by = world.owner, role = 'viewer', email = newAddress() }: InviteOptions = {}) {
  const answer = await api.ask('POST', '/invites', { as: by, body: { email, role } })
  if (answer.status !== 201) throw new Error(`not invited: ${answer.text}`)
  const { id, email: address } = answer.body as { id: string; email: string }
  const token = api.sent.findLast((message) => message.address === address)?.code ?? ''
  return { id, email, token, answer }
}

interface InviteOptions {
  by?: Person
  role?: Role
  email?: string
}

function newAddress(): string {
  return `invited${++addresses}@example.org`
}

const accept = (token: string, { as, ...body }: { as?: Person; name?: string; password?: string } = {}) =>
  api.ask('POST', '/auth/invites/accept', { as, body: { token, ...body } })
const lookUp = (token: string) => api.ask('POST', '/auth/invites/lookup', { body: { token } })

const revokeKey = (world: World, id: string) => api.ask('POST', `/api-keys/${id}/revoke`, { as: world.owner })

async function membersOf(world: World): Promise<number> {
  const rows = await api.owner`select from memberships where tenant_id = ${world.id}`
  return rows.length
}

/** What an answer says, its request id apart. */
function said({ status, text }: Answer): string {
  return `${status} ${text.replace(/"request_id":"[^"]*"/, '').replace(/"instance":"[^"]*"/, '')}`
}

describe('an invite', () => {
  it('is sent to its address, and its token is shown nowhere', async () => {
    const world = await api.world()
    const { id, token, answer } = await invite(world, { email: ' Ada@Example.ORG ' })
    const email = 'ada@example.org'
    expect(answer.headers.get('Location')).toBe(`/api/v1/invites/${id}`)
    expect(answer.body).toMatchObject({ email, role: 'viewer', state: 'open', invited_by: world.owner.id })
    expect(token).toMatch(/^[\w-]{43}$/)
    const [row] = await api.owner<{ hours: number; stored: string }[]>`
      select extract(epoch from expires_at - created_at) / 3600 as hours, row_to_json(i)::text as stored
      from invites i where id = ${id}`
    expect(Number(row?.hours)).toBeCloseTo(48, 1)
    const audit = await api.owner<
      { entry: string }[]
    >`select row_to_json(a)::text as entry from audit_log a where tenant_id = ${world.id}`
    for (const text of [answer.text, row?.stored ?? '', ...audit.map(({ entry }) => entry)])
      expect(text).not.toContain(token)
    expect(audit.map(({ entry }) => entry).join('')).not.toContain(email)
  })

  it('is looked up and makes an account, with a verified address and the role', async () => {
    const world = await api.world()
    const { email, token } = await invite(world, { role: 'operator' })
    const shown = await lookUp(token)
    expect(shown.body).toEqual({ tenant_name: world.slug, email, role: 'operator', expires_at: expect.any(String) })
    const accepted = await accept(token, account)
    expect(accepted.status, accepted.text).toBe(200)
    expect(accepted.body).toEqual({ tenant: { id: world.id, slug: world.slug, name: world.slug }, role: 'operator' })
    const rows = await api.owner`
      select u.name, m.role, u.email_verified_at is not null as verified, p.hash like '$hash$%' as has_password
      from users u join memberships m on m.user_id = u.id join passwords p on p.user_id = u.id where u.email = ${email}`
    expect([...rows]).toEqual([{ name: account.name, role: 'operator', verified: true, has_password: true }])
    expect(await world.actions()).toEqual(['invite.created', 'invite.accepted'])
    const list = await api.ask('GET', '/invites?state=accepted', { as: world.owner })
    expect(list.body.items).toHaveLength(1)
  })

  it('is accepted by who is signed in as the invited address, into a second tenant', async () => {
    const [world, other] = [await api.world(), await api.world(['owner', 'viewer'])]
    const viewer = other.people[1] as Person
    const { token } = await invite(world, { email: viewer.email, role: 'admin' })
    expect((await accept(token)).status).toBe(401)
    expect((await accept(token, { as: viewer })).status).toBe(200)
    const inside = await api.ask('GET', '/members', { token: `${viewer.id}@${world.id}` })
    expect(inside.status).toBe(200)
  })

  it('is revoked, and listed as such', async () => {
    const world = await api.world()
    const { id, token } = await invite(world)
    expect((await api.ask('DELETE', `/invites/${id}`, { as: world.owner })).status).toBe(428)
    expect((await api.ask('DELETE', `/invites/${id}`, { as: world.owner, ifMatch: '"1"' })).status).toBe(204)
    expect((await api.ask('DELETE', `/invites/${id}`, { as: world.owner, ifMatch: '"1"' })).status).toBe(412)
    expect((await api.ask('DELETE', `/invites/${id}`, { as: world.owner, ifMatch: '"2"' })).status).toBe(409)
    expect((await api.ask('GET', `/invites/${id}`, { as: world.owner })).body.state).toBe('revoked')
    expect((await lookUp(token)).status).toBe(404)
    await invite(world, { email: 'again@example.org' })
  })

  it('of an address is one at a time; an expired one makes room', async () => {
    const world = await api.world()
    const { id, email } = await invite(world)
    const twice = await api.ask('POST', '/invites', { as: world.owner, body: { email, role: 'viewer' } })
    expect([twice.status, twice.body.errors[0].path]).toEqual([409, 'email'])
    await api.owner`update invites set expires_at = now() - interval '1 second' where id = ${id}`
    await invite(world, { email })
  })

  it('is not made where the address was sent enough', async () => {
    const world = await api.world(['owner', 'viewer'])
    const body = { email: 'flooded@example.org', role: 'viewer' }
    const answer = await api.ask('POST', '/invites', { as: world.owner, body })
    expect([answer.status, answer.headers.get('Retry-After')]).toEqual([429, '60'])
    expect((await api.ask('POST', '/invites', { as: world.people[1] as Person, body })).status).toBe(403)
    expect((await api.ask('GET', '/invites', { as: world.owner })).body.items).toEqual([])
  })

  it('accepted twenty times at once makes one member', async () => {
    const world = await api.world()
    const { token } = await invite(world)
    const answers = await Promise.all(Array.from({ length: 20 }, () => accept(token, account)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => ![200, 401, 404].includes(status))).toEqual([])
    expect(await membersOf(world)).toBe(2)
  })

  it('accepted while it is revoked is one or the other', async () => {
    for (let round = 0; round < 5; round += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one round after the other
      const world = await api.world()
      // oxlint-disable-next-line no-await-in-loop
      const { id, token } = await invite(world)
      // oxlint-disable-next-line no-await-in-loop
      const [accepted, revoked] = await Promise.all([
        accept(token, account),
        api.ask('DELETE', `/invites/${id}`, { as: world.owner, ifMatch: '"1"' }),
      ])
      expect([accepted.status === 200, revoked.status === 204].filter(Boolean)).toHaveLength(1)
      // oxlint-disable-next-line no-await-in-loop
      expect(await membersOf(world)).toBe(accepted.status === 200 ? 2 : 1)
    }
  })
})

describe('an invite that an API key made', () => {
  it('is good while the key is in force, and names the member whose key it is', async () => {
    const world = await api.world()
    const { token, answer } = await invite(world, { by: await inviterKey(world) })
    expect(answer.body.invited_by).toBe(world.owner.id)
    expect((await accept(token, account)).body.role).toBe('viewer')
  })

  it('is revoked with the key, and no other', async () => {
    const world = await api.world()
    const [key, otherKey] = [await inviterKey(world), await inviterKey(world)]
    const used = await invite(world, { by: key })
    await accept(used.token, account)
    const ended = await invite(world, { by: key })
    const others = [await invite(world), await invite(world, { by: otherKey })]
    expect((await revokeKey(world, key.keyId)).status).toBe(200)
    const stateOf = async ({ id }: Invited) =>
      (await api.ask('GET', `/invites/${id}`, { as: world.owner })).body.state as string
    const states = await Promise.all([used, ended, ...others].map(stateOf))
    expect(states).toEqual(['accepted', 'revoked', 'open', 'open'])
    const [entry] = await api.owner<{ detail: string }[]>`
      select detail::text as detail from audit_log where tenant_id = ${world.id} and action = 'api_key.revoked'`
    expect(JSON.parse(entry?.detail ?? '')).toEqual({ invites_revoked: 1 })
  })

  it('lets nobody in once its key is revoked, when both happen at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one round after the other
      const world = await api.world()
      // oxlint-disable-next-line no-await-in-loop
      const key = await inviterKey(world)
      // oxlint-disable-next-line no-await-in-loop
      await Promise.allSettled([invite(world, { by: key }), revokeKey(world, key.keyId), invite(world, { by: key })])
      // oxlint-disable-next-line no-await-in-loop
      const open = await api.ask('GET', '/invites?state=open', { as: world.owner })
      expect(open.body.items).toEqual([])
    }
  })
})

/** Each tries to get in, or higher, by an invite: nobody may be a member afterwards who was none before, or be more. */
interface Attack {
  about: string
  status: number
  run: (world: World) => Promise<Answer>
}

async function changed(world: World, given: InviteOptions, change: (invited: Invited) => Promise<unknown>) {
  const invited = await invite(world, given)
  await change(invited)
  return await accept(invited.token, account)
}

/** An invite that the owner's key made, accepted after a change to the key. */
async function ofKey(world: World, change: (keyId: string) => Promise<unknown>) {
  const key = await inviterKey(world)
  return await changed(world, { by: key }, () => change(key.keyId))
}

async function inviterKey(world: World): Promise<Person & { keyId: string }> {
  const scopes = ['members:write', ...permissionsOf('viewer')]
  const { id, token } = await insertKey(api.owner, { world, by: world.owner, scopes })
  return { ...world.owner, token, keyId: id }
}

const admin = (world: World) => world.people[1] as Person

const attacks: readonly Attack[] = [
  { about: 'an unknown token', status: 404, run: () => accept('A'.repeat(43), account) },
  { about: 'no token', status: 404, run: () => accept('', account) },
  {
    about: 'the hash as it is stored',
    status: 404,
    run: async (world) => {
      const { id } = await invite(world)
      const [row] = await api.owner<
        { hash: string }[]
      >`select encode(token_hash, 'hex') as hash from invites where id = ${id}`
      return await accept(row?.hash ?? '', account)
    },
  },
  { about: 'the id of the invite', status: 404, run: async (world) => await accept((await invite(world)).id, account) },
  {
    about: 'another spelling of the token',
    status: 404,
    run: async (world) => await accept(`${(await invite(world)).token}=`, account),
  },
  {
    about: 'an expired one, a second late',
    status: 404,
    run: (world) =>
      changed(
        world,
        {},
        ({ id }) => api.owner`update invites set expires_at = now() - interval '1 second' where id = ${id}`,
      ),
  },
  {
    about: 'a revoked one',
    status: 404,
    run: (world) =>
      changed(world, {}, ({ id }) => api.ask('DELETE', `/invites/${id}`, { as: world.owner, ifMatch: '"1"' })),
  },
  {
    about: 'one that was accepted',
    status: 404,
    run: async (world) => {
      const { token, email } = await invite(world)
      await accept(token, account)
      await api.owner`delete from memberships where user_id = (select id from users where email = ${email})`
      return await accept(token, account)
    },
  },
  {
    about: 'signed in as somebody else',
    status: 403,
    run: async (world) => await accept((await invite(world)).token, { as: await api.person() }),
  },
  {
    about: 'signed in as somebody else, to an address with an account',
    status: 403,
    run: async (world) => {
      const { email } = await api.person()
      return await accept((await invite(world, { email })).token, { as: await api.person() })
    },
  },
  {
    about: 'not signed in, to an address with an account: its password is not set anew',
    status: 401,
    run: async (world) => {
      const { email } = await api.person()
      return await accept((await invite(world, { email })).token, account)
    },
  },
  {
    about: 'by an account whose address was never verified',
    status: 403,
    run: async (world) => {
      const squatter = await api.person()
      await api.owner`update users set email_verified_at = null where id = ${squatter.id}`
      return await accept((await invite(world, { email: squatter.email })).token, { as: squatter })
    },
  },
  {
    about: 'by a disabled account',
    status: 401,
    run: async (world) => {
      const person = await api.person()
      const { token } = await invite(world, { email: person.email })
      await api.owner`update users set disabled_at = now() where id = ${person.id}`
      return await accept(token, { as: person })
    },
  },
  {
    about: 'with an API key',
    status: 403,
    run: async (world) => {
      const key = await insertKey(api.owner, { world, by: world.owner, scopes: ['members:write'] })
      const { token } = await invite(world)
      return await api.ask('POST', '/auth/invites/accept', { token: key.token, body: { token } })
    },
  },
  {
    about: 'after the API key that invited was revoked',
    status: 404,
    run: (world) => ofKey(world, (id) => revokeKey(world, id)),
  },
  {
    about: 'after the API key that invited was revoked in a way that leaves its invites open',
    status: 404,
    run: (world) => ofKey(world, (id) => api.owner`update api_keys set revoked_at = now() where id = ${id}`),
  },
  {
    about: 'after the API key that invited expired',
    status: 404,
    run: (world) => ofKey(world, (id) => api.owner`update api_keys set expires_at = now() where id = ${id}`),
  },
  {
    about: 'after the API key that invited lost a permission of the role',
    status: 404,
    run: (world) =>
      ofKey(
        world,
        (id) => api.owner`update api_keys set scopes = array_remove(scopes, 'devices:read') where id = ${id}`,
      ),
  },
  {
    about: 'after the inviter was demoted below the role',
    status: 404,
    run: (world) =>
      changed(world, { by: admin(world), role: 'admin' }, () =>
        api.ask('PATCH', `/members/${admin(world).id}`, { as: world.owner, body: { role: 'viewer' }, ifMatch: '"1"' }),
      ),
  },
  {
    about: 'after the inviter was demoted to a role that may not invite, though the invite is to a lower one',
    status: 404,
    run: (world) =>
      changed(world, { by: admin(world), role: 'driver' }, () =>
        api.ask('PATCH', `/members/${admin(world).id}`, {
          as: world.owner,
          body: { role: 'operator' },
          ifMatch: '"1"',
        }),
      ),
  },
  {
    about: 'after the inviter was removed',
    status: 404,
    run: (world) =>
      changed(world, { by: admin(world) }, () =>
        api.ask('DELETE', `/members/${admin(world).id}`, { as: world.owner, ifMatch: '"1"' }),
      ),
  },
  {
    about: 'after the inviter was disabled',
    status: 404,
    run: (world) =>
      changed(
        world,
        { by: admin(world) },
        () => api.owner`update users set disabled_at = now() where id = ${admin(world).id}`,
      ),
  },
  {
    about: 'into a suspended tenant',
    status: 404,
    run: (world) => changed(world, {}, () => api.owner`update tenants set suspended_at = now() where id = ${world.id}`),
  },
  {
    about: 'naming a tenant and a role in the body',
    status: 400,
    run: async (world) => {
      const { token } = await invite(world)
      const body = { token, ...account, role: 'owner', tenant_id: (await api.world()).id, email: newAddress() }
      return await api.ask('POST', '/auth/invites/accept', { body })
    },
  },
  {
    about: 'an admin who invites an owner',
    status: 403,
    run: async (world) =>
      await api.ask('POST', '/invites', { as: admin(world), body: { email: newAddress(), role: 'owner' } }),
  },
  {
    about: 'an API key that invites to a role of which it lacks permissions',
    status: 403,
    run: async (world) => {
      const scopes = ['members:write', ...permissionsOf('viewer')]
      const { token } = await insertKey(api.owner, { world, by: world.owner, scopes })
      const ask = (role: Role) => api.ask('POST', '/invites', { token, body: { email: newAddress(), role } })
      expect((await ask('viewer')).status).toBe(201)
      return await ask('owner')
    },
  },
  {
    about: 'a viewer who invites',
    status: 403,
    run: async (world) =>
      await api.ask('POST', '/invites', {
        as: world.people[2] as Person,
        body: { email: newAddress(), role: 'viewer' },
      }),
  },
  {
    about: "another tenant's invite, revoked",
    status: 404,
    run: async (world) => {
      const { id } = await invite(world)
      const other = await api.world()
      return await api.ask('DELETE', `/invites/${id}`, { as: other.owner, ifMatch: '"1"' })
    },
  },
  {
    about: 'a member who would be raised by an invite',
    status: 409,
    run: async (world) => {
      const person = await api.person()
      const { token } = await invite(world, { email: person.email, role: 'admin' })
      await api.owner`insert into memberships (tenant_id, user_id, role) values (${world.id}, ${person.id}, 'viewer')`
      const answer = await accept(token, { as: person })
      const [row] = await api.owner<{ role: string }[]>`
        delete from memberships where tenant_id = ${world.id} and user_id = ${person.id} returning role`
      expect(row?.role).toBe('viewer')
      return answer
    },
  },
  {
    about: 'a password that the rules refuse: the invite stays good',
    status: 400,
    run: async (world) => {
      const { token } = await invite(world)
      const answer = await accept(token, { ...account, password: 'short' })
      expect((await lookUp(token)).status).toBe(200)
      return answer
    },
  },
]

describe('attacks by way of invites', () => {
  it.each(attacks)('$about', async ({ status, run }) => {
    const world = await api.world(['owner', 'admin', 'viewer'])
    const answer = await run(world)
    expect(answer.status, answer.text).toBe(status)
    expect(await membersOf(world)).toBeLessThanOrEqual(3)
    const raised = await api.owner`
      select from memberships where tenant_id = ${world.id} and role = 'owner' and user_id <> ${world.owner.id}`
    expect(raised).toHaveLength(0)
  })

  it('an unknown, an expired, a used and a revoked token answer with the same bytes, looked up and accepted', async () => {
    const world = await api.world()
    const [expired, used, revoked] = [await invite(world), await invite(world), await invite(world)]
    await api.owner`update invites set expires_at = now() - interval '1 second' where id = ${expired.id}`
    await accept(used.token, account)
    await api.ask('DELETE', `/invites/${revoked.id}`, { as: world.owner, ifMatch: '"1"' })
    const tokens = [expired.token, used.token, revoked.token, 'B'.repeat(43), 'no token']
    const looked = await Promise.all(tokens.map(lookUp))
    expect(new Set(looked.map(said)).size).toBe(1)
    const accepted = await Promise.all(tokens.map((token) => accept(token, account)))
    expect(new Set(accepted.map(said)).size).toBe(1)
  })

  it('looking up tells nothing of whether the address has an account', async () => {
    const world = await api.world()
    const [known, unknown] = [await api.person(), newAddress()]
    const shown = await Promise.all(
      [known.email, unknown].map(async (email) => {
        const { token } = await invite(world, { email })
        const { body } = await lookUp(token)
        return { ...body, email: '', expires_at: '' }
      }),
    )
    expect(shown[0]).toEqual(shown[1])
  })
})
