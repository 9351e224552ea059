import { soonAt } from '../occupancy/reservation-calendar.ts'
import type { Reservation } from '../occupancy/reservation-calendar.ts'
import { evidenceKinds, type EvidenceEvent } from '../occupancy/reservation-steps.ts'
import { plainOf, texts } from './arrays.ts'
import type { SpaceKey } from './space-lock.ts'
import type { SpaceTransaction } from './transactions.ts'
import type { SpaceWriter } from './writer.ts'

export type SpaceEvidence = EvidenceEvent & Pick<SpaceKey, 'spaceId'> & { readonly isBefore: boolean }

/**
 * The evidence of each space that has not been applied to all of its reservations yet, in order, and the last before it. A space
 * that is not watched for a reservation yet has been since it was soon, or since the reservation was made.
 */
export async function readEvidence(
  tx: SpaceTransaction,
  { rows, writer }: { rows: readonly (Reservation & SpaceKey)[]; writer: SpaceWriter },
): Promise<SpaceEvidence[]> {
  const wanted = rows.flatMap((row) => {
    const policy = writer.space(row.spaceId)?.policy
    if (policy === undefined || row.state === 'pending') return []
    return [{ ...row, since: Math.max(soonAt(row, policy), row.createdAt) }]
  })
  if (wanted.length === 0) return []
  // As the function of that name in occupancy/reservation-steps.ts.
  const saysWhoStands = tx`e.kind = ANY (${texts(evidenceKinds)}::text[])
    AND (e.kind IN ('occupied', 'vacated') OR e.state ->> 'occupancy' <> 'occupied')`
  return await tx<SpaceEvidence[]>`
    WITH reserved AS (
      SELECT n.tenant_id, n.space_id, min(coalesce(n.evidence_seq, known.input_seq - 1, 0)) AS after
      FROM unnest(${plainOf(wanted, ({ tenantId }) => tenantId)}::uuid[],
                  ${plainOf(wanted, ({ spaceId }) => spaceId)}::uuid[],
                  ${plainOf(wanted, ({ evidenceSeq }) => evidenceSeq)}::bigint[],
                  ${plainOf(wanted, ({ since }) => since)}::float8[]) AS n (tenant_id, space_id, evidence_seq, since)
      LEFT JOIN LATERAL (
        SELECT e.input_seq FROM space_events e
        WHERE n.evidence_seq IS NULL AND e.space_id = n.space_id AND e.tenant_id = n.tenant_id
          AND ${saysWhoStands} AND e.event_time < to_timestamp(n.since / 1000)
        ORDER BY e.input_seq DESC LIMIT 1) known ON true
      GROUP BY n.tenant_id, n.space_id
    ), told AS (
      SELECT e.space_id, e.input_seq, e.ordinal, e.event_time, e.kind, e.rule, e.state, false AS is_before
      FROM reserved n JOIN space_events e
        ON e.space_id = n.space_id AND e.tenant_id = n.tenant_id AND e.input_seq > n.after
        AND ${saysWhoStands}
      UNION ALL
      SELECT e.space_id, e.input_seq, e.ordinal, e.event_time, e.kind, e.rule, e.state, true
      FROM reserved n CROSS JOIN LATERAL (
        SELECT * FROM space_events e
        WHERE e.space_id = n.space_id AND e.tenant_id = n.tenant_id AND e.input_seq <= n.after
          AND ${saysWhoStands}
        ORDER BY e.input_seq DESC, e.ordinal DESC LIMIT 1) e
    )
    SELECT space_id AS "spaceId", input_seq::float8 AS "inputSeq", round(extract(epoch FROM event_time) * 1000)::float8 AS at, kind, rule,
      state ->> 'occupancy' AS occupancy, (state ->> 'stale')::boolean AS stale, is_before AS "isBefore"
    FROM told ORDER BY space_id, input_seq, ordinal`
}
