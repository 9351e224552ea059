import { sql as fragment } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { connect } from '../../src/store/client.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

let baywire: TestIngest
let api: TenantDatabase
const tenants: Record<'one' | 'two' | 'three', string> = { one: '', two: '', three: '' }

beforeAll(async () => {
  baywire = await startTestIngest()
  api = tenantDatabase({ url: baywire.ownerUrl, max: 2, statementTimeoutMs: 10_000, name: 'test api' })
  for (const slug of ['one', 'two', 'three'] as const) {
    tenants[slug] = await baywire.tenant(slug, ['A1'])
    await baywire.deliver(`parking/v1/${slug}/devices/A1/reading`, { occupied: slug === 'one', seq: 1, boot: 1 })
    await baywire.deliver(`parking/v1/${slug}/devices/ghost/reading`, { occupied: true, seq: 1 })
  }
})
afterAll(async () => {
  await api.close()
  await baywire.close()
})

/** The SQLSTATE that an attempt ended with, or that it was accepted. */
async function codeOf(attempt: Promise<unknown>): Promise<string | undefined> {
  return await attempt.then(
    () => 'accepted',
    (error: { cause?: { code?: string } }) => error.cause?.code,
  )
}

/** Tables that hold nothing of a tenant. */
const exceptions = ['__drizzle_migrations']
/** People and their logins: seen through the door of the accounts alone. */
const accountTables = [
  'users',
  'passwords',
  'sessions',
  'spent_tokens',
  'codes',
  'guesses',
  'signing_keys',
  'rate_limits',
]
/** Tables whose rows are of no tenant, or are the tenants. */
const nobodys = ['tenants', 'job_runs', ...accountTables]

describe('the catalogue', () => {
  test('every table has row level security, enabled and forced, with a policy that says which rows', async () => {
    const tables = await baywire.sql<
      { name: string; enabled: boolean; forced: boolean; policies: number; child: boolean; tenant: boolean }[]
    >`
      SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, c.relispartition AS child,
        (SELECT count(*)::int FROM pg_policy p WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL
           AND (p.polcmd = 'r' OR p.polwithcheck IS NOT NULL)) AS policies,
        EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull) AS tenant
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')`
    const walled = tables.filter(({ name }) => !exceptions.includes(name))
    expect(walled.length).toBeGreaterThan(18)
    expect(walled.filter((table) => !table.enabled || !table.forced)).toEqual([])
    // A partition is reached through its parent alone, whose policies count: nobody is granted the partition.
    expect(walled.filter((table) => !table.child && table.policies < 1)).toEqual([])
    expect(walled.filter((table) => !table.tenant).map(({ name }) => name)).toEqual(expect.arrayContaining(nobodys))
    expect(walled.filter((table) => !table.tenant)).toHaveLength(nobodys.length)
  })

  test('views run with the rights of whoever asks, definer functions have a fixed search path, roles own nothing', async () => {
    const views = await baywire.sql`
      SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE relkind IN ('v', 'm') AND nspname = 'public'
        AND NOT coalesce(reloptions @> '{security_invoker=true}', false)`
    expect([...views]).toEqual([])
    const functions = await baywire.sql`
      SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE nspname = 'public' AND prosecdef AND proconfig IS NULL`
    expect([...functions]).toEqual([])
    const owned = await baywire.sql`
      SELECT relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE rolname LIKE 'baywire_%'`
    expect([...owned]).toEqual([])
    const roles = await baywire.sql`
      SELECT rolname FROM pg_roles WHERE rolname IN ('baywire_api', 'baywire_ingest')
        AND NOT rolsuper AND NOT rolbypassrls AND NOT rolcreaterole AND NOT rolcanlogin`
    expect(roles).toHaveLength(2)
    const grants = await baywire.sql`
      SELECT table_name, privilege_type FROM information_schema.role_table_grants
      WHERE grantee LIKE 'baywire_%' AND privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')`
    expect([...grants]).toEqual([])
  })
})

describe('as baywire_api', () => {
  const visible = [
    'spaces',
    'space_states',
    'devices',
    'readings',
    'space_events',
    'orphan_devices',
    'ledger',
    'parking_sessions',
  ]

  test.each(visible)('%s shows the rows of one tenant, and there are others', async (table) => {
    const everywhere = await baywire.sql<{ tenant_id: string; count: number }[]>`
      SELECT tenant_id, count(*)::int AS count FROM ${baywire.sql(table)} GROUP BY tenant_id`
    const owners = everywhere.map((row) => row.tenant_id)
    expect(owners).toContain(tenants.one)
    if (table !== 'parking_sessions') expect(owners).toContain(tenants.two)
    const seen = await api.withTenant(tenants.one, (tx) =>
      tx.execute<{ tenant_id: string }>(fragment`select tenant_id from ${fragment.identifier(table)}`),
    )
    expect(seen).toHaveLength(everywhere.find((row) => row.tenant_id === tenants.one)?.count ?? -1)
    expect(new Set(seen.map((row) => row.tenant_id))).toEqual(new Set([tenants.one]))
  })

  test('a connection without a tenant sees nothing, and it is no error', async () => {
    const options = { url: baywire.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'bare' }
    const bare = connect({ ...options, role: 'baywire_api' })
    await api.withTenant(tenants.one, (tx) => tx.execute(fragment`select 1`))
    for (const table of [...visible, 'tenants']) expect(await bare`SELECT * FROM ${bare(table)}`).toHaveLength(0)
    await bare`SELECT set_config('app.tenant', '', false)`
    expect(await bare`SELECT * FROM spaces`).toHaveLength(0)
    await bare.end({ timeout: 1 })
  })

  test("nothing can be written into another tenant, nor point at another tenant's rows or at none", async () => {
    const [foreign] = await baywire.sql<{ id: string }[]>`SELECT id FROM sites WHERE tenant_id = ${tenants.two}`
    const insert = (tenantId: string, siteId: string) =>
      api.withTenant(tenants.one, (tx) =>
        tx.execute(
          fragment`insert into spaces (tenant_id, id, site_id, code, name) values (${tenantId}, ${newId()}, ${siteId}, 'X', 'X')`,
        ),
      )
    expect(await codeOf(insert(tenants.two, foreign?.id ?? ''))).toBe('42501')
    expect(await codeOf(insert(tenants.one, foreign?.id ?? ''))).toBe('23503')
    expect(await codeOf(insert(tenants.one, newId()))).toBe('23503')
  })

  test('what ingest wrote cannot be changed, and partitions cannot be made', async () => {
    for (const statement of [
      'DELETE FROM readings',
      "UPDATE readings SET outcome = 'applied'",
      'DELETE FROM space_events',
      'SELECT make_reading_partitions(current_date, 1)',
    ]) {
      const attempt = api.withTenant(tenants.one, (tx) => tx.execute(fragment.raw(statement)))
      await expect(attempt).rejects.toMatchObject({ cause: { code: '42501' } })
    }
  })
})

test('a device stands at one space at a time', async () => {
  await expect(baywire.sql`
    INSERT INTO device_assignments (tenant_id, id, device_id, space_id, assigned_at)
    SELECT tenant_id, gen_random_uuid(), device_id, space_id, now() FROM device_assignments WHERE tenant_id = ${tenants.one}`).rejects.toMatchObject(
    { code: '23P01' },
  )
})
