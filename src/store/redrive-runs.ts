import { newId } from '../ids.ts'
import { deadOutcomes, type DeadLetterKey } from './dead-letters.ts'
import type { Outcome } from './books.ts'
import type { RedriveFailure, StoredReport, WantedRedrive } from './redrive-requests.ts'
import type { SystemTransaction } from './transactions.ts'

/**
 * Redrives that were asked for, as the processes see them that do them. Whoever takes one up has it under a lease, which must
 * be renewed; when it runs out, another one takes it over and goes on behind the position. All times are the database's.
 */
export interface TakenRedrive extends WantedRedrive {
  readonly tenantId: string
  readonly id: string
  readonly runId: string
  readonly requestedBy: string
  /** How often somebody who ran it was gone. */
  readonly takeovers: number
  readonly isCancelled: boolean
  readonly lettersTotal: number | null
  readonly progress: RedriveProgress | null
}

/** How far it has come, with what became of the letters up to there. */
export interface RedriveProgress {
  /** Letters that arrived from then on (epoch milliseconds) are not of this redrive. */
  readonly until: number
  /** The last letter that was looked at. */
  readonly after: DeadLetterKey | null
  readonly lettersDone: number
  readonly report: StoredReport
}

interface Row extends Omit<TakenRedrive, 'progress'> {
  position: Pick<RedriveProgress, 'until' | 'after'> | null
  lettersDone: number
  report: StoredReport | null
}

/**
 * Takes up the oldest that waits, or whose process is gone; of each tenant one at a time, which the database holds (23505 where
 * two take at once: the other one has it). A lease that ends in the far future is from before the clock was set back, and holds
 * nobody up.
 */
export async function takeRedrive(
  tx: SystemTransaction,
  { leaseMs }: { leaseMs: number },
): Promise<TakenRedrive | undefined> {
  const lease = tx`${leaseMs} * interval '1 ms'`
  const isOver = tx`r.lease_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + 2 * ${lease}`
  const [row] = await tx<Row[]>`
    WITH next AS (
      SELECT r.tenant_id, r.id, r.status FROM redrives r
      WHERE (r.status = 'running' AND ${isOver})
        OR (r.status = 'waiting' AND (r.lease_until IS NULL OR ${isOver})
          AND NOT EXISTS (SELECT FROM redrives o WHERE o.tenant_id = r.tenant_id AND o.status = 'running'))
      ORDER BY r.requested_at, r.id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE redrives r SET status = 'running', run_id = ${newId()}, lease_until = clock_timestamp() + ${lease},
      started_at = coalesce(r.started_at, now()), takeovers = r.takeovers + (next.status = 'running')::integer
    FROM next WHERE r.tenant_id = next.tenant_id AND r.id = next.id
    RETURNING r.tenant_id AS "tenantId", r.id, r.run_id AS "runId", r.filter, r.execute, r.force,
      r.expected_letters AS "expectedLetters", r.requested_by AS "requestedBy", r.takeovers,
      r.cancel_requested_at IS NOT NULL AS "isCancelled", r.letters_total AS "lettersTotal",
      r.letters_done AS "lettersDone", r.report, r.position`
  if (row === undefined) return undefined
  const { position, lettersDone, report, ...taken } = row
  return { ...taken, progress: position && report && { ...position, lettersDone, report } }
}

type Run = Pick<TakenRedrive, 'tenantId' | 'id' | 'runId'>

/** Renews the lease, and tells whether an end was asked for meanwhile; undefined where another one has taken it over. */
export async function renewRedrive(
  tx: SystemTransaction,
  { tenantId, id, runId, leaseMs }: Run & { leaseMs: number },
): Promise<{ isCancelled: boolean } | undefined> {
  const [row] = await tx<{ isCancelled: boolean }[]>`
    UPDATE redrives SET lease_until = clock_timestamp() + ${leaseMs} * interval '1 ms'
    WHERE tenant_id = ${tenantId} AND id = ${id} AND run_id = ${runId}
    RETURNING cancel_requested_at IS NOT NULL AS "isCancelled"`
  return row
}

export async function noteLetters(tx: SystemTransaction, { tenantId, id, runId }: Run, total: number): Promise<void> {
  await tx`
    UPDATE redrives SET letters_total = ${total} WHERE tenant_id = ${tenantId} AND id = ${id} AND run_id = ${runId}`
}

/** @returns false where another one has taken it over */
export async function noteProgress(
  tx: SystemTransaction,
  { tenantId, id, runId }: Run,
  { until, after, lettersDone, report }: RedriveProgress,
): Promise<boolean> {
  const rows = await tx`
    UPDATE redrives SET letters_done = ${lettersDone}, report = ${JSON.stringify(report)}::text::jsonb,
      position = ${JSON.stringify({ until, after })}::text::jsonb
    WHERE tenant_id = ${tenantId} AND id = ${id} AND run_id = ${runId} RETURNING 1`
  return rows.length > 0
}

export interface RedriveEnd {
  /** Null where it is done. */
  readonly reason: RedriveFailure | null
  /** Null where nothing was looked at: what is noted already stays. */
  readonly lettersDone: number | null
  readonly report: StoredReport | null
}

/** Ends it, unless another one has taken it over. */
export async function endRedrive(
  tx: SystemTransaction,
  { tenantId, id, runId }: Run,
  { reason, lettersDone, report }: RedriveEnd,
): Promise<void> {
  await tx`
    UPDATE redrives SET status = ${reason === null ? 'done' : 'failed'}, reason = ${reason}, ended_at = now(), run_id = NULL,
      lease_until = NULL, letters_done = coalesce(${lettersDone}::integer, letters_done),
      report = coalesce(${report === null ? null : JSON.stringify(report)}::text::jsonb, report)
    WHERE tenant_id = ${tenantId} AND id = ${id} AND run_id = ${runId}`
}

/** Lets it wait again, for whoever comes after `pauseMs`: it goes on from where it stands. */
export async function putBackRedrive(
  tx: SystemTransaction,
  { tenantId, id, runId, pauseMs }: Run & { pauseMs: number },
): Promise<void> {
  await tx`
    UPDATE redrives SET status = 'waiting', run_id = NULL, lease_until = clock_timestamp() + ${pauseMs} * interval '1 ms',
      started_at = CASE WHEN position IS NULL THEN NULL ELSE started_at END
    WHERE tenant_id = ${tenantId} AND id = ${id} AND run_id = ${runId}`
}

/** What attempts of `by` settled behind a letter: of a run that was cut off before it could note them. */
export async function settledBehind(
  tx: SystemTransaction,
  { tenantId, by, after }: { tenantId: string; by: string; after: DeadLetterKey | null },
): Promise<{ outcome: Outcome; count: number }[]> {
  const behind =
    after === null
      ? tx``
      : tx`AND (received_at, reading_id, part) > (${new Date(after.receivedAt)}::timestamptz, ${after.id}::uuid, ${after.part}::integer)`
  return await tx<{ outcome: Outcome; count: number }[]>`
    SELECT outcome, count(*)::integer AS count FROM redrive_attempts
    WHERE tenant_id = ${tenantId} AND attempted_by = ${by} AND outcome NOT IN ${tx([...deadOutcomes])} ${behind}
    GROUP BY outcome`
}
