import { sql } from 'drizzle-orm'
import { bigint, check, index, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { instant } from './tenancy.ts'

/**
 * The jobs that there are, as the processes with the jobs role told; that of a version that has a job no more is taken away by
 * its migration. `request_id` stands until a run that it asked for has come to its end, whichever process began it.
 */
export const jobs = pgTable(
  'jobs',
  {
    job: text('job').primaryKey(),
    intervalMs: bigint('interval_ms', { mode: 'number' }).notNull(),
    requestId: uuid('request_id'),
    requestedAt: instant('requested_at'),
    /** `user:` and an id, or `command`. */
    requestedBy: text('requested_by'),
  },
  (table) => [
    check(
      'jobs_request',
      sql`(${table.requestId} is null) = (${table.requestedAt} is null) and (${table.requestId} is null) = (${table.requestedBy} is null)`,
    ),
  ],
)

/**
 * The runs of jobs that one process does for all: a row a job and slot, so that no slot is run twice. It is no
 * tenant's. A run holds a lease by the clock of the database; whoever finds it expired may run the slot again.
 */
export const jobRuns = pgTable(
  'job_runs',
  {
    job: text('job').notNull(),
    /** Beginning of the interval that the run is for. */
    slot: instant('slot').notNull(),
    /** Tells this attempt from one that took the slot over. */
    runId: uuid('run_id').notNull(),
    /** Who runs it, for people. */
    process: text('process').notNull(),
    startedAt: instant('started_at').notNull(),
    leaseUntil: instant('lease_until').notNull(),
    finishedAt: instant('finished_at'),
    /** `succeeded`, `found` (it ran, and found a fault), `failed`, `lost` (its process was gone); null while it runs. */
    result: text('result'),
    /** What it did or why it failed; nothing of a tenant. */
    detail: jsonb('detail'),
    /** Beginning of the next slot. */
    nextAt: instant('next_at').notNull(),
    /** What asked for this run, and who: null where it was due. */
    requestId: uuid('request_id'),
    requestedBy: text('requested_by'),
  },
  (table) => [
    primaryKey({ columns: [table.job, table.slot] }),
    check('job_runs_result', sql`${table.result} in ('succeeded', 'found', 'failed', 'lost')`),
    check('job_runs_finished', sql`(${table.finishedAt} is null) = (${table.result} is null)`),
    // A run that takes longer than its slot is not overtaken by the next.
    uniqueIndex('job_runs_one_at_a_time')
      .on(table.job)
      .where(sql`${table.finishedAt} is null`),
    index('job_runs_last').on(table.job, table.finishedAt),
  ],
)
