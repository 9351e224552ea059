import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resumeTenant, suspendTenant } from '../../src/administration/platform.ts'
import { insertSite } from './fixture.ts'
import { tenancyFixture, type Person, type TenancyFixture, type World } from './tenancy-fixture.ts'

let api: TenancyFixture

beforeAll(async () => {
  api = await tenancyFixture()
})
afterAll(async () => {
  await api.drop()
})

const change = (as: Person, body: object, ifMatch = '"1"') => api.ask('PATCH', '/tenant', { as, body, ifMatch })
const erase = (as: Person, slug: string, ifMatch = '"1"') =>
  api.ask('DELETE', '/tenant', { as, body: { slug }, ifMatch })

async function publicStatus({ slug }: World): Promise<number> {
  return (await api.app.request(`/api/v1/public/${slug}/availability`)).status
}

describe('the own tenant', () => {
  it('is read by each of its members', async () => {
    const world = await api.world(['owner', 'driver'])
    const answer = await api.ask('GET', '/tenant', { as: world.people[1] as Person })
    expect(answer.headers.get('ETag')).toBe('"1"')
    expect(answer.body).toEqual({
      id: world.id,
      slug: world.slug,
      name: world.slug,
      public: true,
      password_rules: null,
      created_at: expect.any(String),
    })
  })

  it('is not changed while it is provisioned, and keeps no connection from others meanwhile', async () => {
    const [world, other] = [await api.world(), await api.world()]
    const waiting: ReturnType<typeof change>[] = []
    await api.owner.begin(async (tx) => {
      await tx`SELECT pg_advisory_xact_lock(hashtext('baywire.provision'), hashtext(${world.id}))`
      await tx`UPDATE tenants SET places_version = places_version + 1 WHERE id = ${world.id}`
      for (const name of ['a', 'b', 'c']) waiting.push(change(world.owner, { name }))
      expect((await change(other.owner, { name: 'new' })).status).toBe(200)
    })
    const answers = await Promise.all(waiting)
    expect(answers.map(({ status }) => status).toSorted((x, y) => x - y)).toEqual([200, 412, 412])
  })

  it('changes field by field, audited by name', async () => {
    const world = await api.world()
    const rules = { min_length: 15, classes: true }
    expect((await change(world.owner, { public: false, password_rules: rules })).body).toMatchObject({
      name: world.slug,
      public: false,
      password_rules: rules,
    })
    expect((await change(world.owner, { password_rules: null }, '"2"')).body).toMatchObject({ password_rules: null })
    expect((await change(world.owner, { name: 'Late' })).status).toBe(412)
    const rows =
      await api.owner`select action, detail from audit_log where tenant_id = ${world.id} order by seq limit 1`
    expect(rows[0]).toEqual({
      action: 'tenant.changed',
      detail: { fields: ['public', 'passwordRules'], public: false },
    })
  })

  it.each([
    ['a slug', { slug: 'other' }],
    ['its suspension', { suspended_at: null }],
    ['laxer rules', { password_rules: { min_length: 4 } }],
    ['no classes', { password_rules: { classes: false } }],
    ['an unknown rule', { password_rules: { lockout: false } }],
    ['a name with control characters', { name: 'a\u0000b' }],
  ])('refuses %s', async (_what, body) => {
    const world = await api.world()
    expect((await change(world.owner, body)).status).toBe(400)
  })

  it('is not changed by who may not', async () => {
    const world = await api.world(['owner', 'operator'])
    expect((await change(world.people[1] as Person, { name: 'Mine' })).status).toBe(403)
  })
})

describe('a suspended tenant', () => {
  it('shows nothing to the public, and all again when it is resumed', async () => {
    const world = await api.world()
    await insertSite(api.owner, { tenantId: world.id, code: 'main' })
    expect(await publicStatus(world)).toBe(200)
    expect(await api.tenants.withTenant(world.id, suspendTenant)).toBe(true)
    expect(await api.tenants.withTenant(world.id, suspendTenant)).toBe(false)
    expect(await publicStatus(world)).toBe(404)
    expect(await api.tenants.withTenant(world.id, resumeTenant)).toBe(true)
    expect(await publicStatus(world)).toBe(200)
    expect(await world.actions()).toEqual(['tenant.suspended', 'tenant.resumed'])
  })
})

describe('erasing', () => {
  it('needs the slug, the revision and an owner', async () => {
    const world = await api.world(['owner', 'admin'])
    const answers = [
      await erase(world.owner, 'other'),
      await erase(world.owner, world.slug, '"7"'),
      await api.ask('DELETE', '/tenant', { as: world.owner, body: { slug: world.slug } }),
      await api.ask('DELETE', '/tenant', { as: world.owner, ifMatch: '"1"' }),
      await erase(world.people[1] as Person, world.slug),
    ]
    expect(answers.map(({ status }) => status)).toEqual([400, 412, 428, 400, 403])
    expect(await world.actions()).toEqual([])
  })

  it('leaves a large log to the operator, all of it', async () => {
    const world = await api.world()
    await api.owner`
      insert into ledger_entries (tenant_id, minute, writer, received, applied)
      values (${world.id}, '2026-01-01', 'test', 50001, 50001)`
    const answer = await erase(world.owner, world.slug)
    expect(answer.status).toBe(409)
    expect(answer.body).toMatchObject({ detail: expect.stringContaining('baywire tenant erase') })
    expect(await world.actions()).toEqual([])
    await api.owner`update ledger_entries set received = 50000, applied = 50000 where tenant_id = ${world.id}`
    expect((await erase(world.owner, world.slug)).status).toBe(204)
  })

  it('takes the tenant away once, and leaves its people without it', async () => {
    const world = await api.world(['owner', 'owner', 'viewer'])
    const answers = await Promise.all(world.people.slice(0, 2).map((person) => erase(person, world.slug)))
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1)
    expect((await api.ask('GET', '/tenant', { as: world.owner })).status).toBe(403)
    expect([...(await api.owner`select from users where id = ${world.owner.id}`)]).toHaveLength(1)
    expect(await world.actions()).toEqual(['tenant.erased'])
    expect(await publicStatus(world)).toBe(404)
  })
})
