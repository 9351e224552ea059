import { sql, type SQL } from 'drizzle-orm'
import { newId } from '../ids.ts'
import { rfc3339 } from './rfc3339.ts'
import type { TenantTransaction } from './transactions.ts'

/** Where devices stood: history that is only added to, and ended. */
export interface Assignment extends Record<string, unknown> {
  id: string
  space_id: string
  site_id: string
  /** `SITE/SPACE`. */
  space: string
  /** Null where it is taken to have stood there always. */
  assigned_at: string | null
  /** Null while it stands there; the same as `assigned_at` where it was a mistake. */
  unassigned_at: string | null
}

/** Of one device, the newest first, without what was taken back from always on: there it never stood. */
export async function selectAssignments(
  tx: TenantTransaction,
  { deviceId, after, limit }: { deviceId: string; after: string | undefined; limit: number },
): Promise<Assignment[]> {
  return await tx.execute<Assignment>(sql`
    select a.id, a.space_id, p.site_id, sites.code || '/' || p.code as space,
      ${rfc3339(sql`a.assigned_at`)} as assigned_at, ${rfc3339(sql`a.unassigned_at`)} as unassigned_at
    from device_assignments as a
    join spaces as p on p.tenant_id = a.tenant_id and p.id = a.space_id
    join sites on sites.tenant_id = p.tenant_id and sites.id = p.site_id
    where a.tenant_id = ${tx.tenantId} and a.device_id = ${deviceId}::uuid
      and a.unassigned_at is distinct from '-infinity'
      ${after === undefined ? sql`` : sql`and a.id::text collate "C" < ${after}`}
    order by a.id desc limit ${limit}`)
}

export interface Standing {
  /** Where it stands, or where it stands nowhere, undefined. */
  spaceId: string | undefined
  /** The last time that anything began or ended, epoch milliseconds; -Infinity where nothing did, or from always on. */
  changedAt: number
  /** When its code became its own, because another device had it before and was deleted; otherwise -Infinity. */
  ownCodeSince: number
  /** By the clock of the database. */
  now: number
}

/** Of a device that is locked. */
export async function readStanding(tx: TenantTransaction, deviceId: string): Promise<Standing> {
  const [row] = await tx.execute<{
    space_id: string | null
    changed_ms: number | null
    own_code_ms: number | null
    now_ms: number
  }>(sql`
    select (array_agg(space_id) filter (where unassigned_at is null))[1] as space_id,
      ${milliseconds(sql`max(greatest(assigned_at, unassigned_at))`)} as changed_ms,
      (select ${milliseconds(sql`max(earlier.archived_at)`)} from devices as d
        join devices as earlier on earlier.tenant_id = d.tenant_id and earlier.code = d.code
        where d.tenant_id = ${tx.tenantId} and d.id = ${deviceId}::uuid) as own_code_ms,
      ${milliseconds(sql`clock_timestamp()`)} as now_ms
    from device_assignments where tenant_id = ${tx.tenantId} and device_id = ${deviceId}::uuid`)
  return {
    spaceId: row?.space_id ?? undefined,
    changedAt: row?.changed_ms ?? -Infinity,
    ownCodeSince: row?.own_code_ms ?? -Infinity,
    now: row?.now_ms ?? 0,
  }
}

function milliseconds(time: SQL): SQL {
  return sql`case when isfinite(${time}) then floor(extract(epoch from ${time}) * 1000)::double precision end`
}

/** Whether there is such a space; it stays until COMMIT. */
export async function holdSpace(tx: TenantTransaction, spaceId: string): Promise<boolean> {
  const rows = await tx.execute(sql`
    select from spaces where tenant_id = ${tx.tenantId} and id = ${spaceId}::uuid and archived_at is null
    for key share`)
  return rows.length > 0
}

/** @param at epoch milliseconds; -Infinity for always */
export async function beginAssignment(
  tx: TenantTransaction,
  { deviceId, spaceId, at }: { deviceId: string; spaceId: string; at: number },
): Promise<void> {
  await tx.execute(sql`
    insert into device_assignments (tenant_id, id, device_id, space_id, assigned_at)
    values (${tx.tenantId}, ${newId()}, ${deviceId}, ${spaceId}, ${timestamp(at)})`)
}

export async function endAssignment(
  tx: TenantTransaction,
  { deviceId, at }: { deviceId: string; at: number },
): Promise<void> {
  await tx.execute(sql`
    update device_assignments set unassigned_at = ${timestamp(at)}
    where tenant_id = ${tx.tenantId} and device_id = ${deviceId}::uuid and unassigned_at is null`)
}

function timestamp(at: number): SQL {
  return at === -Infinity ? sql`'-infinity'::timestamptz` : sql`${new Date(at).toISOString()}::timestamptz`
}
