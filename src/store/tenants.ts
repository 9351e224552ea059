import { and, asc, eq, sql } from 'drizzle-orm'
import { tenants } from './schema/tenancy.ts'
import type { AccountTransaction, TenantTransaction } from './transactions.ts'

export interface Tenant {
  id: string
  slug: string
  name: string
  public: boolean
  passwordRules: unknown
  suspendedAt: Date | null
  revision: number
  createdAt: Date
}

export interface TenantFields {
  name: string
  public: boolean
  /** Null: the operator's alone. */
  passwordRules: object | null
}

const columns = {
  id: tenants.id,
  slug: tenants.slug,
  name: tenants.name,
  public: tenants.public,
  passwordRules: tenants.passwordRules,
  suspendedAt: tenants.suspendedAt,
  revision: tenants.revision,
  createdAt: tenants.createdAt,
}

/** The transaction's own. */
export async function selectTenant(tx: TenantTransaction): Promise<Tenant | undefined> {
  const [tenant] = await tx.select(columns).from(tenants).where(eq(tenants.id, tx.tenantId))
  return tenant
}

/** Undefined where it has another revision. */
export async function updateTenant(
  tx: TenantTransaction,
  { revision, fields }: { revision: number; fields: Partial<TenantFields> },
): Promise<Tenant | undefined> {
  const [tenant] = await tx
    .update(tenants)
    .set({ ...fields, revision: sql`${tenants.revision} + 1` })
    .where(and(eq(tenants.id, tx.tenantId), eq(tenants.revision, revision)))
    .returning(columns)
  return tenant
}

/** False where it was so before. Triggers tell those who let people and devices in. */
export async function setSuspended(tx: TenantTransaction, suspended: boolean): Promise<boolean> {
  const changed = await tx
    .update(tenants)
    .set({ suspendedAt: suspended ? sql`now()` : null, revision: sql`${tenants.revision} + 1` })
    .where(and(eq(tenants.id, tx.tenantId), sql`(${tenants.suspendedAt} is null) = ${suspended}`))
    .returning({ id: tenants.id })
  return changed.length > 0
}

export async function allTenants(tx: AccountTransaction): Promise<Tenant[]> {
  return await tx.select(columns).from(tenants).orderBy(asc(tenants.slug))
}

const counted = {
  sites: 'sites',
  spaces: 'spaces',
  devices: 'devices',
  gateways: 'gateways',
  readings: 'readings',
  events: 'space_events',
  parking_sessions: 'parking_sessions',
  members: 'memberships',
  api_keys: 'api_keys',
} as const

export type TenantCounts = Record<keyof typeof counted, number>

/** What would be lost with it. */
export async function countTenant(tx: TenantTransaction): Promise<TenantCounts> {
  const parts = Object.entries(counted).map(
    ([name, table]) =>
      sql`${name}::text, (select count(*) from ${sql.identifier(table)} where tenant_id = ${tx.tenantId})`,
  )
  const [row] = await tx.execute<{ counts: TenantCounts }>(
    sql`select jsonb_build_object(${sql.join(parts, sql`, `)}) as counts`,
  )
  if (row === undefined) throw new Error('nothing was counted')
  return row.counts
}

/**
 * Takes away all rows of the transaction's tenant, its audit log apart, and says how many of which table. Of a large log
 * that takes longer than a statement may: whoever erases one asks by a client without that limit.
 */
export async function eraseTenantRows(tx: TenantTransaction): Promise<Record<string, number>> {
  const [row] = await tx.execute<{ counts: Record<string, number> }>(
    sql`select erase_tenant(${tx.tenantId}::uuid) as counts`,
  )
  if (row === undefined) throw new Error('nothing was erased')
  return row.counts
}
