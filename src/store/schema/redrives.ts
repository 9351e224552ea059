import { sql } from 'drizzle-orm'
import { check, foreignKey, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instant, tenants } from './tenancy.ts'

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
