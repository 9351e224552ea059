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

/** How many readings and events it has, as its books say: counting them would be reading the log of all tenants. */
export async function sizeOfLog(tx: TenantTransaction): Promise<number> {
  const [row] = await tx.execute<{ size: number }>(sql`
    select (
      coalesce((select sum(received) from ledger_entries where tenant_id = ${tx.tenantId}), 0) +
      coalesce((select position - dropped_until from event_heads where tenant_id = ${tx.tenantId}), 0)
    )::float8 as size`)
  return row?.size ?? 0
}

/** Rows of one table that one part of a log may have: a moment for which those who write the same minutes wait. */
const rowsOfPart = 10_000

/**
 * Takes away the oldest part of the log of the transaction's tenant, which is suspended, and says how many rows of which table;
 * where they are none, only the last minutes are left. The very last part reads the whole log once: whoever erases asks by a
 * client without a limit on statements.
 */
export async function eraseLogPart(tx: TenantTransaction): Promise<Record<string, number>> {
  const [row] = await tx.execute<{ counts: Record<string, number> }>(
    sql`select erase_log_part(${tx.tenantId}::uuid, ${rowsOfPart}) as counts`,
  )
  if (row === undefined) throw new Error('nothing was erased')
  return row.counts
}

/**
 * Takes away all rows of the transaction's tenant, its audit log apart, and says how many of which table. Whoever writes
 * readings waits meanwhile, those of other tenants too: a large log is erased in parts before.
 */
export async function eraseTenantRows(tx: TenantTransaction): Promise<Record<string, number>> {
  const [row] = await tx.execute<{ counts: Record<string, number> }>(
    sql`select erase_tenant(${tx.tenantId}::uuid) as counts`,
  )
  if (row === undefined) throw new Error('nothing was erased')
  return row.counts
}
