import { sql } from 'drizzle-orm'
import { check, index, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { instant } from './tenancy.ts'

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
