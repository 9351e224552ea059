import { newId } from '../ids.ts'
import { plainOf, texts } from './arrays.ts'
import type { SystemTransaction } from './transactions.ts'

/**
 * The runs of jobs that one process does for all of them. A slot is a piece of the database's clock: whoever claims it
 * first runs it, under a lease that must be renewed; when the lease runs out, the slot may be claimed again. All
 * times are the database's, so it does not matter what the clocks of the processes say. A run that somebody asked for is
 * claimed in the same way, at once: what was asked for stands until a run has come to its end.
 */
export interface Slot {
  readonly job: string
  readonly intervalMs: number
  /** Each process does it all the time by itself: no slot of it is claimed, only what is asked for. */
  readonly shared?: boolean
}

export interface Claim {
  readonly runId: string
  /** Beginning of the slot, epoch milliseconds. */
  readonly slot: number
}

export const runResults = ['succeeded', 'found', 'failed', 'lost'] as const
export type RunResult = (typeof runResults)[number]

/** What a run did, for operators: nothing of a tenant. */
export type RunDetail = Readonly<Record<string, string | number | null>>

/** How long a run is safe from being taken over without being renewed. */
export const leaseMs = 9000

/** Tells which jobs there are, so that operators see them, and can ask for one. */
export async function registerJobs(tx: SystemTransaction, jobs: readonly Slot[]): Promise<void> {
  await tx`
    INSERT INTO jobs AS j (job, interval_ms)
    SELECT * FROM unnest(${texts(jobs.map(({ job }) => job))}::text[], ${plainOf(jobs, ({ intervalMs }) => intervalMs)}::bigint[])
    ON CONFLICT (job) DO UPDATE SET interval_ms = excluded.interval_ms WHERE j.interval_ms <> excluded.interval_ms`
}

/**
 * Claims the slot of this moment, or else a run that was asked for. At most one run of a job is under way at a time: the database holds that (23505 where
 * two claim at once: the other one has it). A lease that ends in the far future is from before the clock was set
 * back, and holds nobody up.
 *
 * @returns undefined where the slot has been run, or the job is running
 */
export async function claimSlot(
  tx: SystemTransaction,
  { job, intervalMs, shared = false }: Slot,
  processName: string,
): Promise<Claim | undefined> {
  await tx`
    UPDATE job_runs SET finished_at = now(), result = 'lost'
    WHERE job = ${job} AND finished_at IS NULL
      AND lease_until NOT BETWEEN now() AND now() + ${2 * leaseMs} * interval '1 ms'`
  const [claimed] = await tx<{ run_id: string; slot: Date }[]>`
    WITH regular AS (
      SELECT to_timestamp(floor(extract(epoch FROM now()) * 1000 / ${intervalMs}) * ${intervalMs} / 1000) AS slot
    ), due AS (
      SELECT regular.slot + ${intervalMs} * interval '1 ms' AS next_at, j.request_id, j.requested_by,
        CASE
          WHEN NOT ${shared}::boolean AND NOT EXISTS (
            SELECT FROM job_runs d WHERE d.job = ${job} AND d.slot = regular.slot AND d.result <> 'lost') THEN regular.slot
          WHEN j.request_id IS NOT NULL THEN date_trunc('milliseconds', now())
        END AS slot
      FROM regular LEFT JOIN jobs j ON j.job = ${job}
    )
    INSERT INTO job_runs AS r
      (job, slot, run_id, process, started_at, lease_until, next_at, request_id, requested_by)
    SELECT ${job}, due.slot, ${newId()}, ${processName}, now(), now() + ${leaseMs} * interval '1 ms', due.next_at,
      due.request_id, due.requested_by
    FROM due
    WHERE due.slot IS NOT NULL AND NOT EXISTS (SELECT FROM job_runs WHERE job = ${job} AND finished_at IS NULL)
    ON CONFLICT (job, slot) DO UPDATE SET run_id = excluded.run_id, process = excluded.process,
      started_at = excluded.started_at, lease_until = excluded.lease_until, finished_at = NULL, result = NULL,
      detail = NULL, request_id = excluded.request_id, requested_by = excluded.requested_by
      WHERE r.result = 'lost'
    RETURNING run_id, slot`
  return claimed && { runId: claimed.run_id, slot: claimed.slot.getTime() }
}

/** @returns false where the run was taken for lost: another process may be running the slot */
export async function renewLease(tx: SystemTransaction, runId: string): Promise<boolean> {
  const rows = await tx`
    UPDATE job_runs SET lease_until = now() + ${leaseMs} * interval '1 ms'
    WHERE run_id = ${runId} AND finished_at IS NULL RETURNING 1`
  return rows.length > 0
}

export async function finishRun(
  tx: SystemTransaction,
  runId: string,
  { result, detail }: { result: RunResult; detail: RunDetail },
): Promise<void> {
  await tx`
    WITH ended AS (
      UPDATE job_runs SET finished_at = now(), result = ${result}, detail = ${JSON.stringify(detail)}::text::jsonb
      WHERE run_id = ${runId} AND finished_at IS NULL RETURNING job, request_id
    )
    UPDATE jobs j SET request_id = NULL, requested_at = NULL, requested_by = NULL FROM ended
    WHERE j.job = ended.job AND j.request_id = ended.request_id AND ${result} <> 'lost'`
}

/** Notes the first of the many runs that a job shared by all processes has in a slot. */
export async function noteSharedRun(
  tx: SystemTransaction,
  { job, intervalMs, processName, seconds }: Slot & { processName: string; seconds: number },
): Promise<void> {
  await tx`
    INSERT INTO job_runs (job, slot, run_id, process, started_at, lease_until, finished_at, result, detail, next_at)
    SELECT ${job}, n.slot, ${newId()}, ${processName}, now() - ${seconds} * interval '1 s', now(), now(), 'succeeded', '{}',
      n.slot + ${intervalMs} * interval '1 ms'
    FROM (SELECT to_timestamp(floor(extract(epoch FROM now()) * 1000 / ${intervalMs}) * ${intervalMs} / 1000) AS slot) n
    ON CONFLICT DO NOTHING`
}

export interface FinishedRun {
  readonly startedAt: number
  readonly finishedAt: number
  readonly result: RunResult
  readonly detail: RunDetail
  readonly nextAt: number
}

export interface JobState {
  readonly job: string
  readonly last: FinishedRun
  /** The last run that succeeded. */
  readonly lastGood: FinishedRun | null
  /** The last run that came to its end, whether it found a fault or not: what it says holds until another does. */
  readonly lastWord: FinishedRun | null
}

/** How each of the given jobs stands; those that never finished are left out. */
export async function readJobStates(tx: SystemTransaction, jobs: readonly string[]): Promise<JobState[]> {
  const rows = await tx<
    { job: string; last: FinishedRun; last_good: FinishedRun | null; last_word: FinishedRun | null }[]
  >`
    SELECT n.job, last.run AS last, good.run AS last_good, word.run AS last_word
    FROM unnest(${texts(jobs)}::text[]) AS n (job)
    CROSS JOIN LATERAL (
      SELECT run_as_json(r) AS run FROM job_runs r WHERE r.job = n.job AND r.finished_at IS NOT NULL
      ORDER BY r.finished_at DESC LIMIT 1) last
    LEFT JOIN LATERAL (
      SELECT run_as_json(r) AS run FROM job_runs r WHERE r.job = n.job AND r.result = 'succeeded'
      ORDER BY r.finished_at DESC LIMIT 1) good ON true
    LEFT JOIN LATERAL (
      SELECT run_as_json(r) AS run FROM job_runs r WHERE r.job = n.job AND r.result IN ('succeeded', 'found')
      ORDER BY r.finished_at DESC LIMIT 1) word ON true`
  return rows.map(({ job, last, last_good, last_word }) => ({ job, last, lastGood: last_good, lastWord: last_word }))
}

/** Keeps a week, and of each job what operators and the books begin from: its last runs, good and any. */
export async function removeOldRuns(tx: SystemTransaction): Promise<number> {
  const rows = await tx`
    DELETE FROM job_runs r
    WHERE r.finished_at < now() - interval '7 days'
      AND EXISTS (SELECT FROM job_runs o WHERE o.job = r.job AND o.finished_at > r.finished_at)
      AND (r.result <> 'succeeded' OR EXISTS (
        SELECT FROM job_runs o WHERE o.job = r.job AND o.result = 'succeeded' AND o.finished_at > r.finished_at))
    RETURNING 1`
  return rows.length
}
