import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { initialState } from '../../src/occupancy/state.ts'
import { connect, type Sql } from '../../src/store/client.ts'
import { createCredential, findCredential, verifySecret } from '../../src/store/credentials.ts'
import { inTenant, provision, type ProvisionPlan } from '../../src/store/provision.ts'
import {
  systemDatabase,
  tenantDatabase,
  type SystemDatabase,
  type TenantDatabase,
} from '../../src/store/transactions.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
let tenants: TenantDatabase
let system: SystemDatabase
let owner: Sql

beforeAll(async () => {
  database = await createTestDatabase()
  const common = { url: database.ownerUrl, max: 4, statementTimeoutMs: 20_000, name: 'test' }
  tenants = tenantDatabase(common)
  system = systemDatabase(common)
  owner = connect(common)
})

afterAll(async () => {
  await Promise.all([tenants.close(), system.close(), owner.end()])
  await database.drop()
})

const create = { name: 'City', public: true }

function planOf(count: number, site = 'main'): ProvisionPlan {
  const codes = Array.from({ length: count }, (_, index) => `s-${index}`)
  return {
    sites: [{ code: site, name: 'Main "street" \\ 1', lat: 55.5, lon: -3.25 }],
    spaces: codes.map((code) => ({
      site,
      code,
      zone: 'long',
      level: 'P1',
      planX: 1.5,
      features: ['charging', 'wide'],
    })),
    devices: codes.map((code) => ({ code, at: { site, space: code } })),
    gateways: ['g-1'],
  }
}

async function counts(slug: string) {
  const [row] = await owner`
    select (select count(*) from tenants where slug = ${slug})::int as tenants,
      (select count(*) from sites join tenants t on t.id = tenant_id where slug = ${slug})::int as sites,
      (select count(*) from zones join tenants t on t.id = tenant_id where slug = ${slug})::int as zones,
      (select count(*) from spaces join tenants t on t.id = tenant_id where slug = ${slug})::int as spaces,
      (select count(*) from space_states join tenants t on t.id = tenant_id where slug = ${slug})::int as states,
      (select count(*) from devices join tenants t on t.id = tenant_id where slug = ${slug})::int as devices,
      (select count(*) from gateways join tenants t on t.id = tenant_id where slug = ${slug})::int as gateways,
      (select count(*) from device_assignments join tenants t on t.id = tenant_id where slug = ${slug})::int as assignments`
  return row
}

const whole = (count: number) => ({
  tenants: 1,
  sites: 1,
  zones: 1,
  spaces: count,
  states: count,
  devices: count,
  gateways: 1,
  assignments: count,
})

describe('provisioning', () => {
  test('makes all of a plan, and nothing more when done again', async () => {
    await inTenant(tenants, { slug: 'twice', create }, (tx) => provision(tx, planOf(7000)))
    expect(await counts('twice')).toEqual(whole(7000))
    await inTenant(tenants, { slug: 'twice', create }, (tx) => provision(tx, planOf(7000)))
    expect(await counts('twice')).toEqual(whole(7000))
  })

  test('gives a space its first state and a device its place from always on', async () => {
    await inTenant(tenants, { slug: 'first', create }, (tx) => provision(tx, planOf(1)))
    const [row] = await owner`
      select sites.name as site, spaces.name, spaces.level, spaces.plan_x, to_jsonb(spaces.features) as features, zones.code as zone,
        space_states.status, space_states.input_seq, space_states.version, space_states.state,
        assigned_at = '-infinity' as always, unassigned_at, tenants.public
      from tenants join spaces on spaces.tenant_id = tenants.id join sites on sites.id = spaces.site_id
        join zones on zones.id = spaces.zone_id join space_states on space_states.space_id = spaces.id
        join device_assignments on device_assignments.space_id = spaces.id
      where tenants.slug = 'first'`
    expect(row).toEqual({
      site: 'Main "street" \\ 1',
      name: 's-0',
      level: 'P1',
      plan_x: 1.5,
      features: ['charging', 'wide'],
      zone: 'long',
      status: 'unknown',
      input_seq: 0,
      version: 0,
      state: initialState,
      always: true,
      unassigned_at: null,
      public: true,
    })
  })

  test('by several at once, of one tenant that none of them knew, makes everything once', async () => {
    await Promise.all(
      Array.from({ length: 4 }, () => inTenant(tenants, { slug: 'race', create }, (tx) => provision(tx, planOf(300)))),
    )
    expect(await counts('race')).toEqual(whole(300))
  })

  test('that fails leaves nothing, not even the tenant', async () => {
    const attempt = inTenant(tenants, { slug: 'broken', create }, async (tx) => {
      await provision(tx, planOf(3))
      await provision(tx, { sites: [{ code: 'no code' }] })
    })
    await expect(attempt).rejects.toThrow()
    expect(await counts('broken')).toMatchObject({ tenants: 0, spaces: 0 })
  })

  test('of an unknown tenant without leave to make it says so', async () => {
    await expect(inTenant(tenants, { slug: 'nobody' }, async () => {})).rejects.toThrow('there is no tenant "nobody"')
  })

  test('leaves a device where it stands, and puts one that was taken away back from then on', async () => {
    await inTenant(tenants, { slug: 'moved', create }, (tx) => provision(tx, planOf(2)))
    const takenAway = new Date('2026-03-01T00:00:00Z')
    await owner`
      update device_assignments set unassigned_at = ${takenAway}
      where device_id = (select devices.id from devices join tenants t on t.id = tenant_id
        where slug = 'moved' and code = 's-0')`
    const elsewhere = planOf(2, 'other')
    await inTenant(tenants, { slug: 'moved', create }, (tx) => provision(tx, elsewhere))
    const rows = await owner`
      select devices.code, sites.code as site, assigned_at = '-infinity' as always, unassigned_at is null as still
      from device_assignments join devices on devices.id = device_id join spaces on spaces.id = space_id
        join sites on sites.id = spaces.site_id join tenants t on t.id = devices.tenant_id
      where slug = 'moved' order by devices.code, still`
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { code: 's-0', site: 'main', always: true, still: false },
      { code: 's-0', site: 'other', always: false, still: true },
      { code: 's-1', site: 'main', always: true, still: true },
    ])
  })
})

describe('a credential', () => {
  test('may come from a password file that mosquitto_passwd wrote', async () => {
    const salt = 'IzIlaEMzxV2bFREv'
    const hash = 'XEXJxPwn5pQcnzlQjsgiNPNrMsdA7XDPyCzchbYvkhelEkyESYLyQ8XK4PpqfFd7ShI8wXlAbvAMPRpMFCBodA=='
    expect(await verifySecret(`$7$101$${salt}$${hash}`, 's3cret')).toBe(true)
    expect(await verifySecret(`$7$101$${salt}$${hash}`, 's3cres')).toBe(false)
    for (const broken of [
      '',
      's3cret',
      `$6$101$${salt}$${hash}`,
      `$7$9999999$${salt}$${hash}`,
      `$7$101$${salt}$AAAA`,
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- a handful
      expect(await verifySecret(broken, 's3cret')).toBe(false)
    }
  })

  const kind = 'gateways'

  test('is found by its username and opened by its secret alone', async () => {
    const secret = await inTenant(tenants, { slug: 'keys', create }, (tx) =>
      createCredential(tx, { kind, code: 'g-1' }),
    )
    const found = await system.withSystem((tx) => findCredential(tx, { tenant: 'keys', kind, code: 'g-1' }))
    expect(await verifySecret(found?.verifier ?? '', secret)).toBe(true)
    expect(await verifySecret(found?.verifier ?? '', `${secret}x`)).toBe(false)
    const others = [
      { tenant: 'keys', kind: 'devices', code: 'g-1' },
      { tenant: 'keys', kind, code: 'g-2' },
      { tenant: 'twice', kind, code: 'g-1' },
    ] as const
    for (const other of others) {
      // oxlint-disable-next-line no-await-in-loop -- three small queries
      expect(await system.withSystem((tx) => findCredential(tx, other))).toBeUndefined()
    }
  })

  test('made anew takes the place of the earlier one, however many are made at once', async () => {
    const first = await inTenant(tenants, { slug: 'rotate', create }, (tx) => createCredential(tx, { kind, code: 'g' }))
    const secrets = await Promise.all(
      [1, 2, 3].map(() => inTenant(tenants, { slug: 'rotate' }, (tx) => createCredential(tx, { kind, code: 'g' }))),
    )
    const found = await system.withSystem((tx) => findCredential(tx, { tenant: 'rotate', kind, code: 'g' }))
    const opened = await Promise.all([first, ...secrets].map((secret) => verifySecret(found?.verifier ?? '', secret)))
    expect(opened[0]).toBe(false)
    expect(opened.filter(Boolean)).toHaveLength(1)
  })

  test('of another tenant cannot be reached from within a tenant', async () => {
    const stranger = newId()
    const attempt = tenants.withTenant(stranger, (tx) => createCredential(tx, { kind, code: 'g-1' }))
    await expect(attempt).rejects.toThrow()
  })
})
