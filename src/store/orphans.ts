import { sql } from 'drizzle-orm'
import { sampleOf, type Sample } from './orphan-sample.ts'
import type { PageOfCodes } from './public.ts'
import { rfc3339 } from './rfc3339.ts'
import type { SystemTransaction, TenantTransaction } from './transactions.ts'

/** A device that was heard and is not known; times as RFC 3339. */
export interface Orphan extends Sample {
  code: string
  first_heard_at: string
  last_heard_at: string
  heard: number
  ignored_at: string | null
  /** Of the last message. */
  sample_topic: string
}

/**
 * An orphan that became a device while ingest heard it once more is none, whatever stands in the inbox: ingest may have
 * added it with what it knew before.
 */
const unknownStill = sql`not exists (
  select from devices as d where d.tenant_id = o.tenant_id and d.code = o.device and d.archived_at is null)`

/** By code. */
export async function selectOrphans(
  tx: TenantTransaction,
  { after, limit, ignored, codePrefix }: PageOfCodes & { ignored: boolean; codePrefix?: string | undefined },
): Promise<Orphan[]> {
  const rows = await tx.execute<Omit<Orphan, keyof Sample> & { kept: Buffer }>(sql`
    select o.device as code, o.heard::double precision as heard, o.sample_topic, o.sample_payload as kept,
      ${rfc3339(sql`o.first_heard_at`)} as first_heard_at,
      ${rfc3339(sql`o.last_heard_at`)} as last_heard_at, ${rfc3339(sql`o.ignored_at`)} as ignored_at
    from orphan_devices as o
    where o.tenant_id = ${tx.tenantId} and (o.ignored_at is not null) = ${ignored} and ${unknownStill}
      ${after === undefined ? sql`` : sql`and o.device > ${after}`}
      ${codePrefix === undefined ? sql`` : sql`and starts_with(o.device, ${codePrefix})`}
    order by o.device limit ${limit}`)
  return rows.map(({ kept, ...orphan }) => ({ ...orphan, ...sampleOf(kept) }))
}

/** Whether it is there; nobody else claims or ignores it until COMMIT. */
export async function lockOrphan(tx: TenantTransaction, code: string): Promise<{ ignored: boolean } | undefined> {
  const [row] = await tx.execute<{ ignored: boolean }>(sql`
    select o.ignored_at is not null as ignored from orphan_devices as o
    where o.tenant_id = ${tx.tenantId} and o.device = ${code} and ${unknownStill} for update of o`)
  return row
}

export async function setOrphanIgnored(
  tx: TenantTransaction,
  { code, ignored }: { code: string; ignored: boolean },
): Promise<void> {
  await tx.execute(sql`
    update orphan_devices set ignored_at = ${ignored ? sql`now()` : sql`null`}
    where tenant_id = ${tx.tenantId} and device = ${code}`)
}

/** To be called when a device of this code was made. */
export async function removeOrphan(tx: TenantTransaction, code: string): Promise<void> {
  await tx.execute(sql`delete from orphan_devices where tenant_id = ${tx.tenantId} and device = ${code}`)
}

/** Of a tenant, without those that are ignored: people ignored these, and no sender makes them more. */
export const mostOrphans = 10_000

/**
 * Of tenants that have more orphans than `most`, removes those that were heard of longest ago. Waits for nobody: what ingest or
 * a claim has in hand stays until the next time.
 *
 * @returns how many; fewer than `limit` where there are no more
 */
export async function removeOldestOrphans(
  tx: SystemTransaction,
  { most, limit }: { most: number; limit: number },
): Promise<number> {
  const removed = await tx`
    WITH crowded AS (
      SELECT tenant_id, count(*) - ${most}::bigint AS surplus FROM orphan_devices WHERE ignored_at IS NULL
      GROUP BY tenant_id HAVING count(*) > ${most}::bigint
    ), oldest AS (
      SELECT of_one.tenant_id, of_one.device FROM crowded c CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.device FROM orphan_devices o WHERE o.tenant_id = c.tenant_id AND o.ignored_at IS NULL
        ORDER BY o.last_heard_at, o.device LIMIT c.surplus FOR UPDATE SKIP LOCKED
      ) AS of_one LIMIT ${limit}
    )
    DELETE FROM orphan_devices o USING oldest n WHERE o.tenant_id = n.tenant_id AND o.device = n.device`
  return removed.count
}
