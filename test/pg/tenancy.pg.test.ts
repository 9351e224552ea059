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
