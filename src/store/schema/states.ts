import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  json,
  pgTable,
  primaryKey,
  smallint,
  text,
  uuid,
} from 'drizzle-orm/pg-core'
import { spaces } from './places.ts'
import { instant, tenants } from './tenancy.ts'

/**
 * The state of each space: `state` is what the machine steps from (occupancy/state.ts), the columns before it
 * are read off it for people. The row's lock is the lock of the space.
 */
export const spaceStates = pgTable(
  'space_states',
  {
    tenantId: uuid('tenant_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    status: text('status').notNull(),
    occupancy: text('occupancy').notNull(),
    reservation: text('reservation').notNull(),
    override: text('override').notNull(),
    stale: boolean('stale').notNull(),
    /** Since when the status holds, by the evidence; null while nothing is known. */
    since: instant('since'),
    observedAt: instant('observed_at'),
    /** Place of the last input in this space's order. */
    inputSeq: bigint('input_seq', { mode: 'number' }).notNull(),
    /** How many times something visible changed. */
    version: bigint('version', { mode: 'number' }).notNull(),
    /** The rules that its last input was stepped by: whoever steps it by others keeps a checkpoint first. */
    rulesVersion: smallint('rules_version').notNull().default(1),
    /** Start of the parking session that is open now. */
    sessionStartedAt: instant('session_started_at'),
    /** When the jobs role must step this space although nothing was heard. */
    nextDeadlineAt: instant('next_deadline_at'),
    state: json('state').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.spaceId] }),
    foreignKey({ columns: [table.tenantId, table.spaceId], foreignColumns: [spaces.tenantId, spaces.id] }),
  ],
)

/** Last position given out in a tenant's `space_events`. Its row lock is taken last and held until COMMIT. */
export const eventHeads = pgTable('event_heads', {
  tenantId: uuid('tenant_id')
    .primaryKey()
    .references(() => tenants.id),
  position: bigint('position', { mode: 'number' }).notNull(),
  /** Events up to this position were dropped with the log of their day. */
  droppedUntil: bigint('dropped_until', { mode: 'number' }).notNull().default(0),
})

/**
 * What happened, and the outbox: `position` follows the order of commits within a tenant. Like the log it has no foreign key
 * to its space: the writer holds the lock of that space's row in `space_states`, which has one, and a check per
 * row would cost more than the row.
 */
export const spaceEvents = pgTable(
  'space_events',
  {
    tenantId: uuid('tenant_id').notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    spaceId: uuid('space_id').notNull(),
    /** The input that emitted it, and its place among that input's events. */
    inputSeq: bigint('input_seq', { mode: 'number' }).notNull(),
    ordinal: smallint('ordinal').notNull(),
    eventTime: instant('event_time').notNull(),
    recordedAt: instant('recorded_at').notNull(),
    kind: text('kind').notNull(),
    cause: json('cause').notNull(),
    rule: text('rule').notNull(),
    /** The three facts and the status after it. */
    state: json('state').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.position] }),
    index('space_events_of_a_space').on(table.spaceId, table.inputSeq),
    // What was shown at a moment: the last one of each space up to then.
    index('space_events_by_time').on(table.spaceId, table.recordedAt, table.position),
  ],
)

/** From `occupied` to `vacated`, in the order of the evidence; late readings correct them. No foreign key, as above. */
export const parkingSessions = pgTable(
  'parking_sessions',
  {
    tenantId: uuid('tenant_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at'),
    /** The evidence has a gap longer than `unknown_after` in it. */
    uncertain: boolean('uncertain').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.spaceId, table.startedAt] }),
    index('parking_sessions_by_start').on(table.tenantId, table.startedAt, table.spaceId),
    check('parking_sessions_in_order', sql`${table.endedAt} is null or ${table.startedAt} <= ${table.endedAt}`),
  ],
)
