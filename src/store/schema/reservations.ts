import { sql } from 'drizzle-orm'
import { bigint, check, foreignKey, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { spaces } from './places.ts'
import { instant, recorded, tenants } from './tenancy.ts'

const tenantId = () =>
  uuid('tenant_id')
    .notNull()
    .references(() => tenants.id)

/**
 * Bookings of spaces, for a time `[starts_at, ends_at)` of whole milliseconds. `reservations_never_overlap`, written by hand in
 * its migration, excludes two live ones (pending, confirmed, active) of one space whose times overlap: that, and no code, is
 * what prevents it.
 */
export const reservations = pgTable(
  'reservations',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull(),
    spaceId: uuid('space_id').notNull(),
    /** Whose it is: `user` or `api_key`. */
    holderKind: text('holder_kind').notNull(),
    holderId: uuid('holder_id').notNull(),
    vehicle: text('vehicle'),
    /** What was asked for where the space was chosen by us: what an equivalent space must have. */
    features: text('features')
      .array()
      .notNull()
      .default(sql`'{}'`),
    state: text('state').notNull(),
    startsAt: instant('starts_at').notNull(),
    endsAt: instant('ends_at').notNull(),
    /** Of a pending one: when it stops to hold its space. */
    holdExpiresAt: instant('hold_expires_at'),
    checkedInAt: instant('checked_in_at'),
    checkedOutAt: instant('checked_out_at'),
    /** Somebody else stood in the space when it was to begin. */
    contestedAt: instant('contested_at'),
    /** Its holder stood there still when it was over. */
    overstayedAt: instant('overstayed_at'),
    /** When it became completed, cancelled, expired or no_show. */
    endedAt: instant('ended_at'),
    /** The calendar's next moment of it, for the jobs role; null where there is none. */
    nextDueAt: instant('next_due_at'),
    revision: integer('revision').notNull().default(1),
    createdAt: recorded('created_at'),
    /** When the car that stands in the space came for it, by the evidence. */
    arrivedAt: instant('arrived_at'),
    /** The input of its space up to which evidence was applied to it; null before its space is watched for it. */
    evidenceSeq: bigint('evidence_seq', { mode: 'number' }),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    foreignKey({ columns: [table.tenantId, table.spaceId], foreignColumns: [spaces.tenantId, spaces.id] }),
    index('reservations_of_a_space').on(table.tenantId, table.spaceId, table.startsAt),
    index('reservations_live')
      .on(table.tenantId, table.spaceId, table.startsAt)
      .where(sql`${table.state} in ('pending', 'confirmed', 'active')`),
    index('reservations_of_a_holder').on(table.tenantId, table.holderId, table.id),
    index('reservations_due')
      .on(table.nextDueAt)
      .where(sql`${table.nextDueAt} is not null`),
    index('reservations_watched')
      .on(table.tenantId, table.spaceId)
      .where(sql`${table.evidenceSeq} is not null and ${table.state} in ('confirmed', 'active')`),
    check('reservations_holder', sql`${table.holderKind} in ('user', 'api_key')`),
    check(
      'reservations_state',
      sql`${table.state} in ('pending', 'confirmed', 'active', 'completed', 'cancelled', 'expired', 'no_show')`,
    ),
    check('reservations_in_order', sql`${table.startsAt} < ${table.endsAt}`),
    check('reservations_hold', sql`(${table.state} <> 'pending') or ${table.holdExpiresAt} is not null`),
    check(
      'reservations_ended',
      sql`(${table.state} in ('completed', 'cancelled', 'expired', 'no_show')) = (${table.endedAt} is not null)`,
    ),
  ],
)

/** How far a follower of a tenant's events has come, where that outlives its process. */
export const eventCursors = pgTable(
  'event_cursors',
  {
    tenantId: tenantId(),
    /** Who follows: `reservations`, `mqtt`. */
    follower: text('follower').notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    updatedAt: recorded('updated_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.follower] })],
)

/** What one process does for all, as long as it renews it. */
export const leases = pgTable('leases', {
  name: text('name').primaryKey(),
  holder: text('holder').notNull(),
  expiresAt: instant('expires_at').notNull(),
})

/**
 * Retained topics that a broker of its own may have of us. Without a reference to its tenant, and kept when that is erased: what
 * it names is to be cleared on the broker, and forgotten here then.
 */
export const publishedTopics = pgTable(
  'published_topics',
  {
    tenantId: uuid('tenant_id').notNull(),
    topic: text('topic').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.topic] })],
)
