import { sql } from 'drizzle-orm'
import type { FinishedRun } from './job-runs.ts'
import type { AccountTransaction } from './transactions.ts'

/** A job as operators see it, of whichever process. Times in epoch milliseconds, by the clock of the database. */
export interface ListedJob {
  job: string
  intervalMs: number
  /** Since when a run is under way; null where none is, or its process is gone. */
  runningSince: number | null
  /** Since when somebody waits for a run. */
  requestedAt: number | null
  /** Null where it never ran. */
  last: (FinishedRun & { requestedBy: string | null }) | null
  lastGoodAt: number | null
}

interface Row extends Record<string, unknown> {
  job: string
  interval_ms: number
  running_ms: number | null
  requested_ms: number | null
  last: FinishedRun | null
  last_requested_by: string | null
  last_good_ms: number | null
}

/** All that any process told of, by name; or the one of that name. */
export async function selectJobs(tx: AccountTransaction, job?: string): Promise<ListedJob[]> {
  const rows = await tx.execute<Row>(sql`
    select j.job, j.interval_ms::double precision as interval_ms, ${milliseconds('j.requested_at')} as requested_ms,
      ${milliseconds('running.started_at')} as running_ms, last.run as last, last.requested_by as last_requested_by,
      ${milliseconds('good.finished_at')} as last_good_ms
    from jobs as j
    left join lateral (
      select started_at from job_runs as r where r.job = j.job and r.finished_at is null and r.lease_until > now()
    ) as running on true
    left join lateral (
      select run_as_json(r) as run, r.requested_by from job_runs as r
      where r.job = j.job and r.finished_at is not null order by r.finished_at desc limit 1
    ) as last on true
    left join lateral (
      select r.finished_at from job_runs as r where r.job = j.job and r.result = 'succeeded'
      order by r.finished_at desc limit 1
    ) as good on true
    ${job === undefined ? sql`` : sql`where j.job = ${job}`}
    order by j.job collate "C"`)
  return rows.map((row) => ({
    job: row.job,
    intervalMs: row.interval_ms,
    runningSince: row.running_ms,
    requestedAt: row.requested_ms,
    last: row.last && { ...row.last, requestedBy: row.last_requested_by },
    lastGoodAt: row.last_good_ms,
  }))
}

/**
 * Asks for a run now, which whoever has the jobs role begins within seconds. Nothing more is asked for while one is awaited or
 * under way. False where there is no such job.
 */
export async function requestJob(tx: AccountTransaction, { job, by }: { job: string; by: string }): Promise<boolean> {
  const [row] = await tx.execute<{ known: boolean }>(sql`select request_job(${job}, ${by}) as known`)
  return row?.known ?? false
}

function milliseconds(column: string) {
  return sql`(extract(epoch from ${sql.raw(column)}) * 1000)::double precision`
}
