import { liveStates } from '../occupancy/reservation-calendar.ts'
import { evidenceKinds } from '../occupancy/reservation-steps.ts'
import { texts } from './arrays.ts'
import type { SpaceKey } from './space-lock.ts'
import type { SystemTransaction } from './transactions.ts'

/** Which spaces the calendar of reservations must look at: by the clock, and by what their sensors said. */

/** Locks spaces with a reservation whose moment has come, those that nobody else has locked. */
export async function lockSpacesWithDueReservations(
  tx: SystemTransaction,
  { now, limit }: { now: number; limit: number },
): Promise<SpaceKey[]> {
  return await tx<SpaceKey[]>`
    SELECT s.tenant_id AS "tenantId", s.space_id AS "spaceId"
    FROM reservations r JOIN space_states s ON s.tenant_id = r.tenant_id AND s.space_id = r.space_id
    WHERE r.next_due_at <= to_timestamp(${now}::bigint / 1000.0) AND r.state = ANY (${texts(liveStates)}::text[])
    ORDER BY r.next_due_at LIMIT ${limit}
    FOR UPDATE OF s SKIP LOCKED`
}

const follower = 'reservations'

/** Tenants with events that have not been looked at, and with a space that is watched for a reservation. */
export async function tenantsWithNews(tx: SystemTransaction): Promise<string[]> {
  const rows = await tx<{ tenant_id: string }[]>`
    SELECT h.tenant_id FROM event_heads h
    LEFT JOIN event_cursors c ON c.tenant_id = h.tenant_id AND c.follower = ${follower}
    WHERE h.position > coalesce(c.position, 0) AND EXISTS (
      SELECT FROM reservations r
      WHERE r.tenant_id = h.tenant_id AND r.evidence_seq IS NOT NULL AND r.state IN ('confirmed', 'active'))
    ORDER BY h.tenant_id`
  return rows.map((row) => row.tenant_id)
}

/** By these a space tells of evidence, or that it is free for its next reservation. */
const news = texts([...evidenceKinds, 'released', 'no_show'])

/**
 * The tenant's watched spaces with events that were not applied to their reservations, and up to which position that is all. Events become
 * visible in the order of their positions, so none up to there comes later.
 */
export async function spacesWithNews(
  tx: SystemTransaction,
  { tenantId, limit }: { tenantId: string; limit: number },
): Promise<{ position: number; spaces: SpaceKey[] }> {
  const [head] = await tx<{ position: number }[]>`
    SELECT position::float8 AS position FROM event_heads WHERE tenant_id = ${tenantId}`
  const spaces = await tx<SpaceKey[]>`
    SELECT DISTINCT r.tenant_id AS "tenantId", r.space_id AS "spaceId" FROM reservations r
    WHERE r.tenant_id = ${tenantId} AND r.evidence_seq IS NOT NULL AND r.state IN ('confirmed', 'active')
      AND EXISTS (
        SELECT FROM space_events e
        WHERE e.space_id = r.space_id AND e.tenant_id = r.tenant_id AND e.input_seq > r.evidence_seq
          AND e.kind = ANY (${news}::text[]))
    LIMIT ${limit}`
  return { position: head?.position ?? 0, spaces }
}

/** To be called when all up to there has been applied, in the same transaction. */
export async function advanceCursor(
  tx: SystemTransaction,
  { tenantId, position }: { tenantId: string; position: number },
): Promise<void> {
  await tx`
    INSERT INTO event_cursors AS c (tenant_id, follower, position) VALUES (${tenantId}, ${follower}, ${position})
    ON CONFLICT (tenant_id, follower) DO UPDATE
      SET position = excluded.position, updated_at = now() WHERE c.position < excluded.position`
}
