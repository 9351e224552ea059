import type { ReservationPhase } from '../occupancy/input.ts'
import { liveStates, type Reservation } from '../occupancy/reservation-calendar.ts'
import { dueSteps, saysWhoStands, type EvidenceEvent, type SettledReservation } from '../occupancy/reservation-steps.ts'
import { nextDeadline } from '../occupancy/state.ts'
import { plainOf, texts } from './arrays.ts'
import { readEvidence, type SpaceEvidence } from './reservation-evidence.ts'
import type { SpaceKey } from './space-lock.ts'
import type { SpaceTransaction } from './transactions.ts'
import type { SpaceWriter, SteppedSpace } from './writer.ts'

/**
 * What happens to reservations by itself. Whoever calls holds the locks of the spaces, which all who step a space or write a
 * reservation of it take first: so every event of the evidence is applied to a reservation once, in its order, whoever
 * looks, however often, and whatever became of those who looked before.
 */

/** How often each phase was fed. */
export type FedPhases = Partial<Record<ReservationPhase, number>>

export interface Settled {
  readonly fed: FedPhases
  /** Reservations whose row was written. */
  readonly changed: number
}

/**
 * Feeds what is due of the reservations at the writer's spaces, each moment with its own time, and writes their rows. Verbs
 * call it too, before and after they change a reservation, so that what follows does not depend on when a sweep ran. What was
 * stepped is still to be written (`writeStates`, `writeEvents`).
 */
export async function settleReservations(
  tx: SpaceTransaction,
  { writer, now }: { writer: SpaceWriter; now: number },
): Promise<Settled> {
  const rows = await lockNear(tx, { spaces: [...writer.spaces], now })
  const evidence = await readEvidence(tx, { rows, writer })
  const fed: FedPhases = {}
  const changed: (SettledReservation & SpaceKey)[] = []
  for (const space of writer.spaces) {
    const found = rows.filter(({ spaceId }) => spaceId === space.spaceId)
    if (found.length === 0) continue
    fireDeadlines(writer, space, now)
    const known = evidence.filter(({ spaceId }) => spaceId === space.spaceId)
    const { inputs, reservations } = settleOne(space, { rows: found, evidence: known, now })
    for (const input of inputs) {
      writer.step(space, input)
      fed[input.phase] = (fed[input.phase] ?? 0) + 1
    }
    changed.push(...reservations.filter((row, index) => isChanged(row, found[index])))
  }
  await updateRows(tx, changed)
  return { fed, changed: changed.length }
}

type Row = SettledReservation & SpaceKey

/** Of the evidence: what they say counts for reservations at its own time too, whether or not their sweep came by. */
function fireDeadlines(writer: SpaceWriter, space: SteppedSpace, now: number): void {
  for (let next = nextDeadline(space.state); next !== null && next.at <= now; next = nextDeadline(space.state)) {
    writer.step(space, { kind: 'deadline', ...next })
  }
}

function settleOne(
  space: SteppedSpace,
  { rows, evidence, now }: { rows: readonly Row[]; evidence: readonly SpaceEvidence[]; now: number },
) {
  const { state, policy, inputSeq, tenantId, spaceId } = space
  const { inputs, reservations } = dueSteps(
    {
      state,
      policy,
      inputSeq,
      reservations: rows,
      before: evidence.find(({ isBefore }) => isBefore),
      events: [...evidence.filter(({ isBefore }) => !isBefore), ...unwrittenEvidence(space)],
    },
    now,
  )
  return { inputs, reservations: reservations.map((row) => ({ ...row, tenantId, spaceId })) }
}

/** Of this transaction. */
function unwrittenEvidence({ events }: SteppedSpace): EvidenceEvent[] {
  return events
    .map(({ inputSeq, event: { kind, rule, eventTime: at, state } }) => {
      const { occupancy, stale } = state
      return { inputSeq, at, kind, rule, occupancy, stale }
    })
    .filter(saysWhoStands)
}

const epochMs = (tx: SpaceTransaction, column: string) => tx`round(extract(epoch FROM ${tx(column)}) * 1000)::float8`

/** Those of the spaces whose moments may have come, locked, in the order in which they begin. */
async function lockNear(
  tx: SpaceTransaction,
  { spaces, now }: { spaces: readonly SteppedSpace[]; now: number },
): Promise<Row[]> {
  if (spaces.length === 0) return []
  const near = (space: SteppedSpace) => now + space.policy.reserved_soon_s * 1000
  return await tx<Row[]>`
    SELECT r.tenant_id AS "tenantId", r.space_id AS "spaceId", r.id, r.state,
      least(${epochMs(tx, 'r.created_at')}, ${now}) AS "createdAt", ${epochMs(tx, 'r.starts_at')} AS "startsAt",
      ${epochMs(tx, 'r.ends_at')} AS "endsAt", ${epochMs(tx, 'r.hold_expires_at')} AS "holdExpiresAt",
      ${epochMs(tx, 'r.checked_in_at')} AS "checkedInAt", ${epochMs(tx, 'r.checked_out_at')} AS "checkedOutAt",
      ${epochMs(tx, 'r.arrived_at')} AS "arrivedAt", ${epochMs(tx, 'r.contested_at')} AS "contestedAt",
      ${epochMs(tx, 'r.overstayed_at')} AS "overstayedAt", ${epochMs(tx, 'r.ended_at')} AS "endedAt",
      r.evidence_seq::float8 AS "evidenceSeq", ${epochMs(tx, 'r.next_due_at')} AS "nextDueAt"
    FROM unnest(${plainOf(spaces, ({ tenantId }) => tenantId)}::uuid[],
                ${plainOf(spaces, ({ spaceId }) => spaceId)}::uuid[],
                ${plainOf(spaces, near)}::float8[]) AS n (tenant_id, space_id, near)
    JOIN reservations r ON r.tenant_id = n.tenant_id AND r.space_id = n.space_id
    WHERE r.state = ANY (${texts(liveStates)}::text[])
      AND (r.starts_at <= to_timestamp(n.near / 1000) OR r.next_due_at <= to_timestamp(${now}::bigint / 1000.0))
    ORDER BY r.starts_at, r.id
    FOR UPDATE OF r`
}

/** What people see of a reservation, and what only the calendar does. */
const shown = [
  'state',
  'checkedInAt',
  'checkedOutAt',
  'contestedAt',
  'overstayedAt',
  'endedAt',
] as const satisfies readonly (keyof Reservation)[]
const kept = [...shown, 'arrivedAt', 'evidenceSeq', 'nextDueAt'] as const satisfies readonly (keyof Row)[]

function isChanged(row: Row, before: Row | undefined): boolean {
  return before === undefined || kept.some((field) => row[field] !== before[field])
}

/** The revision says that something changed that people see. */
async function updateRows(tx: SpaceTransaction, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return
  await tx`
    UPDATE reservations r SET
      revision = r.revision + CASE WHEN (r.state, r.checked_in_at, r.checked_out_at, r.contested_at, r.overstayed_at)
        IS DISTINCT FROM (n.state, n.checked_in_at, n.checked_out_at, n.contested_at, n.overstayed_at) THEN 1 ELSE 0 END,
      state = n.state, checked_in_at = n.checked_in_at, checked_out_at = n.checked_out_at, arrived_at = n.arrived_at,
      contested_at = n.contested_at, overstayed_at = n.overstayed_at, ended_at = n.ended_at,
      next_due_at = n.next_due_at, evidence_seq = n.evidence_seq
    FROM json_to_recordset(${JSON.stringify(rows.map(columnsOf))}::text::json) AS n (
      tenant_id uuid, id uuid, state text, checked_in_at timestamptz(3), checked_out_at timestamptz(3),
      arrived_at timestamptz(3), contested_at timestamptz(3), overstayed_at timestamptz(3), ended_at timestamptz(3),
      next_due_at timestamptz(3), evidence_seq bigint)
    WHERE r.tenant_id = n.tenant_id AND r.id = n.id`
}

const time = (at: number | null) => (at === null ? null : new Date(at).toISOString())

function columnsOf(row: Row): Record<string, string | number | null> {
  return {
    tenant_id: row.tenantId,
    id: row.id,
    state: row.state,
    checked_in_at: time(row.checkedInAt),
    checked_out_at: time(row.checkedOutAt),
    arrived_at: time(row.arrivedAt),
    contested_at: time(row.contestedAt),
    overstayed_at: time(row.overstayedAt),
    ended_at: time(row.endedAt),
    next_due_at: time(row.nextDueAt),
    evidence_seq: row.evidenceSeq,
  }
}
