import type { Reservation } from '../occupancy/reservation-calendar.ts'
import { evidenceKinds, type EvidenceEvent } from '../occupancy/reservation-steps.ts'
import { plain, texts } from './arrays.ts'
import type { SnapshotTransaction } from './transactions.ts'

/** Reservations, and what was known of who stands in their spaces, as they were recorded. Times in epoch milliseconds. */
export interface RecordedReservation extends Reservation {
  readonly spaceId: string
}

interface Period {
  readonly spaceIds: readonly string[]
  readonly from: number
  readonly to: number
}

const epochMs = (tx: SnapshotTransaction, column: string) => tx`round(extract(epoch FROM ${tx(column)}) * 1000)::float8`

/** Those that took any of the time, but for holds that nobody confirmed; in the order in which they began. */
export async function readReservationsIn(
  tx: SnapshotTransaction,
  { spaceIds, from, to }: Period,
): Promise<RecordedReservation[]> {
  return await tx<RecordedReservation[]>`
    SELECT r.space_id AS "spaceId", r.id, r.state, ${epochMs(tx, 'r.created_at')} AS "createdAt",
      ${epochMs(tx, 'r.starts_at')} AS "startsAt", ${epochMs(tx, 'r.ends_at')} AS "endsAt",
      ${epochMs(tx, 'r.hold_expires_at')} AS "holdExpiresAt", ${epochMs(tx, 'r.checked_in_at')} AS "checkedInAt",
      ${epochMs(tx, 'r.checked_out_at')} AS "checkedOutAt", ${epochMs(tx, 'r.arrived_at')} AS "arrivedAt",
      ${epochMs(tx, 'r.contested_at')} AS "contestedAt", ${epochMs(tx, 'r.overstayed_at')} AS "overstayedAt",
      ${epochMs(tx, 'r.ended_at')} AS "endedAt", r.evidence_seq::float8 AS "evidenceSeq"
    FROM reservations r
    WHERE r.space_id = ANY (${plain(spaceIds)}::uuid[]) AND r.state NOT IN ('pending', 'expired')
      AND r.starts_at < ${new Date(to)} AND r.ends_at > ${new Date(from)}
    ORDER BY r.starts_at, r.id`
}

export type RecordedEvidence = EvidenceEvent & { readonly spaceId: string; readonly isBefore: boolean }

/** What says who stands in each space from a time on, in order, and the last of it before. */
export async function readRecordedEvidence(
  tx: SnapshotTransaction,
  { spaceIds, from, to }: Period,
): Promise<RecordedEvidence[]> {
  // As the function of that name in occupancy/reservation-steps.ts.
  const saysWhoStands = tx`e.kind = ANY (${texts(evidenceKinds)}::text[])
    AND (e.kind IN ('occupied', 'vacated') OR e.state ->> 'occupancy' <> 'occupied')`
  return await tx<RecordedEvidence[]>`
    SELECT told.space_id AS "spaceId", told.input_seq::float8 AS "inputSeq", ${epochMs(tx, 'told.event_time')} AS at,
      told.kind, told.rule, told.state ->> 'occupancy' AS occupancy, (told.state ->> 'stale')::boolean AS stale,
      told.is_before AS "isBefore"
    FROM unnest(${plain(spaceIds)}::uuid[]) AS n (space_id) CROSS JOIN LATERAL (
      (SELECT e.*, true AS is_before FROM space_events e
        WHERE e.space_id = n.space_id AND e.event_time < ${new Date(from)} AND ${saysWhoStands}
        ORDER BY e.input_seq DESC, e.ordinal DESC LIMIT 1)
      UNION ALL
      (SELECT e.*, false FROM space_events e
        WHERE e.space_id = n.space_id AND e.event_time >= ${new Date(from)} AND e.event_time <= ${new Date(to)}
          AND ${saysWhoStands})) AS told
    ORDER BY told.space_id, told.input_seq, told.ordinal`
}
