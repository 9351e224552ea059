import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { instant, recorded, tenants } from './tenancy.ts'

/**
 * Attempts to redrive a reading that had no effect, each committed before it is made. A reading that reached `step` so
 * stands in `readings` under `redriven_id`, with `delivery` = `redrive`, the arrival of the original and no payload of its own:
 * this table says where its payload is, so a row lives as long as the reading that it is of.
 */
export const redriveAttempts = pgTable(
  'redrive_attempts',
  {
    tenantId: uuid('tenant_id').notNull(),
    /** The original: message id and part, and its arrival, which names the partition. */
    readingId: uuid('reading_id').notNull(),
    part: integer('part').notNull(),
    receivedAt: instant('received_at').notNull(),
    attempt: integer('attempt').notNull(),
    /** One a message, however often it is tried and whichever of its parts. */
    redrivenId: uuid('redriven_id').notNull(),
    attemptedBy: text('attempted_by').notNull(),
    startedAt: instant('started_at').notNull(),
    /** Null, with the outcome, while it is being made, and for good where it was cut off. */
    endedAt: instant('ended_at'),
    outcome: text('outcome'),
    reason: text('reason'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.readingId, table.part, table.attempt] }),
    foreignKey({ columns: [table.tenantId], foreignColumns: [tenants.id] }),
    index('redrive_attempts_redriven').on(table.redrivenId),
    check('redrive_attempts_ended', sql`(${table.endedAt} is null) = (${table.outcome} is null)`),
  ],
)

/**
 * Redrives that were asked for over the API. The API writes what is asked for and that it is to end; a process with the
 * ingest role takes it up, at most one of a tenant at a time, and writes how it goes on. A row is kept for 90 days after its end.
 */
export const redrives = pgTable(
  'redrives',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    id: uuid('id').notNull(),
    filter: jsonb('filter').notNull(),
    execute: boolean('execute').notNull(),
    force: boolean('force').notNull(),
    /** More than these, and nothing is done. */
    expectedLetters: integer('expected_letters'),
    requestedBy: text('requested_by').notNull(),
    requestedAt: recorded('requested_at'),
    cancelRequestedAt: instant('cancel_requested_at'),
    status: text('status').notNull().default('waiting'),
    startedAt: instant('started_at'),
    endedAt: instant('ended_at'),
    lettersTotal: integer('letters_total'),
    lettersDone: integer('letters_done').notNull().default(0),
    report: jsonb('report'),
    /** Behind which letter whoever takes it over goes on. */
    position: jsonb('position'),
    /** Why it failed. */
    reason: text('reason'),
    /** Of whoever runs it: another one each time that it is taken up. */
    runId: uuid('run_id'),
    /** Until when it is theirs unless they renew it; of one that waits: until when nobody takes it up. */
    leaseUntil: instant('lease_until'),
    /** How often somebody who ran it was gone. */
    takeovers: integer('takeovers').notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    index('redrives_open')
      .on(table.requestedAt)
      .where(sql`${table.status} in ('waiting', 'running')`),
    uniqueIndex('redrives_one_runs')
      .on(table.tenantId)
      .where(sql`${table.status} = 'running'`),
    check('redrives_status', sql`${table.status} in ('waiting', 'running', 'done', 'failed')`),
    check('redrives_ended', sql`(${table.status} in ('done', 'failed')) = (${table.endedAt} is not null)`),
    check('redrives_reason', sql`(${table.status} = 'failed') = (${table.reason} is not null)`),
    check('redrives_run', sql`(${table.status} = 'running') = (${table.runId} is not null)`),
  ],
)
