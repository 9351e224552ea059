import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Role } from '../../src/auth/permissions.ts'
import { newId } from '../../src/ids.ts'
import {
  insertKey,
  permissionsOf,
  tenancyFixture,
  type Person,
  type TenancyFixture,
  type World,
} from './tenancy-fixture.ts'

let api: TenancyFixture

beforeAll(async () => {
  api = await tenancyFixture()
})
afterAll(async () => {
  await api.drop()
})

const setRole = (as: Person, target: string, { role, ifMatch = '"1"' }: { role: Role; ifMatch?: string }) =>
  api.ask('PATCH', `/members/${target}`, { as, body: { role }, ifMatch })
const remove = (as: Person, target: string, ifMatch = '"1"') => api.ask('DELETE', `/members/${target}`, { as, ifMatch })

async function rolesIn(world: World): Promise<string[]> {
  const rows = await api.owner<
    { role: string }[]
  >`select role from memberships where tenant_id = ${world.id} order by role`
  return rows.map(({ role }) => role)
}

async function codeOf(attempt: Promise<unknown>): Promise<string | undefined> {
  return await attempt.then(
    () => 'made',
    (error: { code?: string }) => error.code,
  )
}

describe('members', () => {
  it('are listed page by page, of the own tenant alone, and one by one', async () => {
    const world = await api.world(['owner', 'viewer', 'viewer'])
    await api.world(['owner', 'viewer'])
    const first = await api.ask('GET', '/members?limit=2', { as: world.owner })
    const second = await api.ask('GET', `/members?limit=2&cursor=${first.body.next}`, { as: world.owner })
    const ids = [...first.body.items, ...second.body.items].map(({ id }: { id: string }) => id)
    expect(ids).toEqual(world.people.map(({ id }) => id).toSorted())
    expect(second.body.next).toBeNull()
    const viewers = await api.ask('GET', '/members?role=viewer', { as: world.owner })
    expect(viewers.body.items).toHaveLength(2)
    const one = await api.ask('GET', `/members/${world.owner.id}`, { as: world.owner })
    expect(one.headers.get('ETag')).toBe('"1"')
    expect(one.body).toEqual({
      id: world.owner.id,
      name: `Name of ${world.owner.email}`,
      email: world.owner.email,
      role: 'owner',
      disabled: false,
      joined_at: expect.stringMatching(/T.*\.\d{3}Z$/),
    })
  })

  it('of another tenant and of none answer alike', async () => {
    const [world, other] = [await api.world(['owner']), await api.world(['owner', 'viewer'])]
    const foreign = other.people[1]?.id ?? ''
    for (const missing of [foreign, newId()]) {
      // oxlint-disable-next-line no-await-in-loop
      const answers = await Promise.all([
        api.ask('GET', `/members/${missing}`, { as: world.owner }),
        setRole(world.owner, missing, { role: 'viewer' }),
        remove(world.owner, missing),
      ])
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404])
    }
    expect(await rolesIn(other)).toEqual(['owner', 'viewer'])
  })

  it('get another role, once for each revision', async () => {
    const world = await api.world(['owner', 'viewer'])
    const viewer = world.people[1]?.id ?? ''
    expect((await api.ask('PATCH', `/members/${viewer}`, { as: world.owner, body: { role: 'admin' } })).status).toBe(
      428,
    )
    const answers = await Promise.all([
      setRole(world.owner, viewer, { role: 'operator' }),
      setRole(world.owner, viewer, { role: 'operator' }),
    ])
    expect(answers.map(({ status }) => status)).toEqual(expect.arrayContaining([200, 412]))
    expect(await world.actions()).toEqual(['member.role_changed'])
  })

  it.each<[string, Role, Role, Role | undefined, number]>([
    ['an admin makes an admin', 'admin', 'viewer', 'admin', 200],
    ['an admin makes an owner', 'admin', 'viewer', 'owner', 403],
    ['an admin demotes an owner', 'admin', 'owner', 'viewer', 403],
    ['an admin removes an owner', 'admin', 'owner', undefined, 403],
    ['an admin removes an admin', 'admin', 'admin', undefined, 204],
    ['an owner makes an owner', 'owner', 'viewer', 'owner', 200],
    ['an operator changes a viewer', 'operator', 'viewer', 'driver', 403],
    ['a viewer removes a driver', 'viewer', 'driver', undefined, 403],
  ])('%s', async (_what, own, theirs, wanted, status) => {
    const world = await api.world(['owner', own, theirs])
    const [, actor, target] = world.people as [Person, Person, Person]
    const answer =
      wanted === undefined ? await remove(actor, target.id) : await setRole(actor, target.id, { role: wanted })
    expect(answer.status, answer.text).toBe(status)
    expect(await world.actions()).toHaveLength(status < 300 ? 1 : 0)
  })

  it('an admin cannot make themselves an owner', async () => {
    const world = await api.world(['owner', 'admin'])
    const admin = world.people[1] as Person
    expect((await setRole(admin, admin.id, { role: 'owner' })).status).toBe(403)
  })

  it('get from an API key only roles of which it has every permission', async () => {
    const world = await api.world(['owner', 'viewer', 'driver'])
    const [, , driver] = world.people as [Person, Person, Person]
    const few = await insertKey(api.owner, { world, by: world.owner, scopes: ['members:write'] })
    const scopes = ['members:write', ...permissionsOf('viewer')]
    const viewing = await insertKey(api.owner, { world, by: world.owner, scopes })
    const give = (key: { token: string }, role: Role) =>
      api.ask('PATCH', `/members/${driver.id}`, { token: key.token, body: { role }, ifMatch: '"1"' })
    const refused = [await give(few, 'owner'), await give(few, 'viewer'), await give(viewing, 'operator')]
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403])
    expect(refused[1]?.body.detail).toContain('lacks places:read')
    expect(await rolesIn(world)).toEqual(['driver', 'owner', 'viewer'])
    expect((await give(viewing, 'viewer')).status).toBe(200)
  })

  it('unknown fields are refused', async () => {
    const world = await api.world(['owner', 'viewer'])
    const body = { role: 'viewer', tenant_id: newId() }
    const answer = await api.ask('PATCH', `/members/${world.people[1]?.id}`, { as: world.owner, body, ifMatch: '"1"' })
    expect(answer.status).toBe(400)
  })
})

describe('the last owner', () => {
  it('is neither demoted nor removed', async () => {
    const world = await api.world(['owner', 'admin'])
    const answers = [
      await setRole(world.owner, world.owner.id, { role: 'admin' }),
      await remove(world.owner, world.owner.id),
    ]
    expect(answers.map(({ status, body }) => [status, body.type])).toEqual([
      [409, '/problems/in-use'],
      [409, '/problems/in-use'],
    ])
  })

  it('stays where the other owners are disabled, who are removed all the same', async () => {
    const world = await api.world(['owner', 'owner', 'owner'])
    const [own, other, third] = world.people as [Person, Person, Person]
    await api.owner`update users set disabled_at = now() where id in ${api.owner([other.id, third.id])}`
    const left = [await setRole(own, own.id, { role: 'admin' }), await remove(own, own.id)]
    expect(left.map(({ status, body }) => [status, body.type])).toEqual([
      [409, '/problems/in-use'],
      [409, '/problems/in-use'],
    ])
    expect((await remove(own, other.id)).status).toBe(204)
    await api.owner`update users set disabled_at = null where id = ${third.id}`
    expect((await remove(own, own.id)).status).toBe(204)
    expect(await rolesIn(world)).toEqual(['owner'])
  })

  it('stays when all owners leave at once, each by another', async () => {
    const world = await api.world(['owner', 'owner', 'owner', 'owner'])
    const { people } = world
    const answers = await Promise.all(
      people.flatMap((person, index) => {
        const next = people[(index + 1) % people.length] as Person
        return [setRole(person, next.id, { role: 'viewer' }), remove(next, person.id)]
      }),
    )
    for (const { status } of answers) expect([200, 204, 403, 404, 409, 412]).toContain(status)
    expect((await rolesIn(world)).filter((role) => role === 'owner').length).toBeGreaterThan(0)
  })

  it('stays when two demote each other, however often', async () => {
    for (let round = 0; round < 10; round += 1) {
      // oxlint-disable-next-line no-await-in-loop
      const world = await api.world(['owner', 'owner'])
      const [one, two] = world.people as [Person, Person]
      // oxlint-disable-next-line no-await-in-loop
      await Promise.all([setRole(one, two.id, { role: 'viewer' }), setRole(two, one.id, { role: 'viewer' })])
      // oxlint-disable-next-line no-await-in-loop
      expect(await rolesIn(world)).toEqual(['owner', 'viewer'])
    }
  })
})

describe('removing a member', () => {
  it('ends the keys that they made and the invites that they sent; their account stays', async () => {
    const world = await api.world(['owner', 'admin'])
    const admin = world.people[1] as Person
    const key = await insertKey(api.owner, { world, by: admin, scopes: ['members:read'] })
    const kept = await insertKey(api.owner, { world, by: world.owner, scopes: ['members:read'] })
    await api.ask('POST', '/invites', { as: admin, body: { email: 'late@example.org', role: 'viewer' } })
    expect((await api.ask('GET', '/members', { token: key.token })).status).toBe(200)
    expect((await remove(world.owner, admin.id)).status).toBe(204)
    expect((await api.ask('GET', '/members', { token: key.token })).status).toBe(401)
    expect((await api.ask('GET', '/members', { token: kept.token })).status).toBe(200)
    const keys = await api.owner`select id from api_keys where tenant_id = ${world.id} and revoked_at is not null`
    expect([...keys]).toEqual([{ id: key.id }])
    const open = await api.ask('GET', '/invites?state=open', { as: world.owner })
    expect(open.body.items).toEqual([])
    expect([...(await api.owner`select id from users where id = ${admin.id}`)]).toHaveLength(1)
    expect(await world.actions()).toEqual(['invite.created', 'member.removed'])
    expect((await api.ask('GET', '/members', { as: admin })).status).toBe(403)
  })

  it('a key that they make at the same moment does not outlive it', async () => {
    const world = await api.world(['owner', 'admin'])
    const admin = world.people[1] as Person
    await Promise.allSettled([
      remove(world.owner, admin.id),
      ...Array.from({ length: 5 }, () => insertKey(api.owner, { world, by: admin, scopes: ['members:read'] })),
    ])
    const alive = await api.owner`select from api_keys where tenant_id = ${world.id} and revoked_at is null`
    expect(alive).toHaveLength(0)
  })

  it('a key is made by a member of the tenant alone', async () => {
    const [world, other] = [await api.world(), await api.world()]
    const foreign = insertKey(api.owner, { world, by: other.owner, scopes: [] })
    const nobody = insertKey(api.owner, { world, by: { ...other.owner, id: newId() }, scopes: [] })
    expect(await Promise.all([codeOf(foreign), codeOf(nobody)])).toEqual(['23503', '23503'])
  })
})
