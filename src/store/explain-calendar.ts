import { sql } from 'drizzle-orm'
import { epoch, instant } from './explain-space.ts'
import type { TenantTransaction } from './transactions.ts'

/** The override of a space that was in force at a time, and the reservation with an id: what is said of them beside the state. */
export interface ExplainedOverride extends Record<string, unknown> {
  id: string
  kind: 'blocked' | 'out_of_service'
  reason: string | null
  startsAt: number
  endsAt: number | null
  endedAt: number | null
  createdBy: string
}

export async function selectOverrideAt(
  tx: TenantTransaction,
  { spaceId, at }: { spaceId: string; at: number },
): Promise<ExplainedOverride | undefined> {
  const [row] = await tx.execute<ExplainedOverride>(sql`
    select id, kind, reason, ${epoch(sql`starts_at`)} as "startsAt", ${epoch(sql`ends_at`)} as "endsAt",
      ${epoch(sql`ended_at`)} as "endedAt", created_by as "createdBy"
    from overrides
    where tenant_id = ${tx.tenantId} and space_id = ${spaceId}::uuid and starts_at <= ${instant(at)}
    order by starts_at desc, id desc limit 1`)
  return row
}

/** Without whose it is: that is nobody's who asks why a space shows what it shows. */
export interface ExplainedReservation extends Record<string, unknown> {
  id: string
  state: string
  startsAt: number
  endsAt: number
  checkedInAt: number | null
}

export async function selectReservationNamed(
  tx: TenantTransaction,
  id: string,
): Promise<ExplainedReservation | undefined> {
  const [row] = await tx.execute<ExplainedReservation>(sql`
    select id, state, ${epoch(sql`starts_at`)} as "startsAt", ${epoch(sql`ends_at`)} as "endsAt",
      ${epoch(sql`checked_in_at`)} as "checkedInAt"
    from reservations where tenant_id = ${tx.tenantId} and id::text = ${id}`)
  return row
}
