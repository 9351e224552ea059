import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  date,
  foreignKey,
  index,
  integer,
  json,
  pgTable,
  primaryKey,
  smallint,
  text,
  uuid,
} from 'drizzle-orm/pg-core'
import { bytes } from './devices.ts'
import { spaces } from './places.ts'
import { instant, recorded, tenants } from './tenancy.ts'

/**
 * The raw log: one row per delivery of a reading, partitioned by day of arrival (drizzle/ says how).
 * A message of many readings has one id and a row per part; its payload stands on part 0 alone.
 * It refers to devices and spaces without foreign keys: a log outlives what it talks about, and a check per
 * row would be paid by every reading, though ids only come from rows of the same tenant.
 */
export const readings = pgTable(
  'readings',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    part: integer('part').notNull().default(0),
    receivedAt: instant('received_at').notNull(),
    /** Evidence time: the device's `at` where trusted, else the arrival. Null where nothing could be decoded. */
    observedAt: instant('observed_at'),
    device: text('device'),
    deviceId: uuid('device_id'),
    session: text('session'),
    counter: bigint('counter', { mode: 'number' }),
    /** What the identity is looked up by: the counter, else `at` as sent, else the arrival (epoch milliseconds). */
    identity: bigint('identity', { mode: 'number' }),
    /** Digest of the reading as sent, where it has no counter: the rest of its identity. */
    content: bigint('content', { mode: 'number' }),
    /** What the device said, where it could be decoded. */
    occupied: boolean('occupied'),
    /** Which clock gave `observed_at`, and why: see `Clock` in occupancy/evidence.ts. */
    clock: text('clock'),
    topic: text('topic').notNull(),
    payload: bytes('payload'),
    /** How it was delivered: `dup`, `retained`, `retain-stripped`; `redrive` where it is no delivery (redrives.ts). */
    delivery: text('delivery'),
    outcome: text('outcome').notNull(),
    reason: text('reason'),
    spaceId: uuid('space_id'),
    inputSeq: bigint('input_seq', { mode: 'number' }),
    policyVersion: integer('policy_version'),
    rulesVersion: smallint('rules_version'),
  },
  (table) => [
    index('readings_identity').on(table.deviceId, table.identity),
    // Nearly free to keep, since rows arrive in its order: for what asks by time of arrival.
    index('readings_arrival').using('brin', table.receivedAt),
    // Of the few readings that had no effect: what `baywire dlq` lists, in its order.
    index('readings_dead_letters')
      .on(table.tenantId, table.receivedAt, table.id, table.part)
      .where(sql`outcome in ('malformed', 'unknown_device', 'retained', 'unassigned')`),
  ],
)

/** Every input of a space's state machine that is not a reading. */
export const spaceInputs = pgTable(
  'space_inputs',
  {
    tenantId: uuid('tenant_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    inputSeq: bigint('input_seq', { mode: 'number' }).notNull(),
    /** The input's own time: a deadline's, the moment of an override. */
    at: instant('at').notNull(),
    input: json('input').notNull(),
    policyVersion: integer('policy_version').notNull(),
    rulesVersion: smallint('rules_version').notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.spaceId, table.inputSeq] }),
    foreignKey({ columns: [table.tenantId, table.spaceId], foreignColumns: [spaces.tenantId, spaces.id] }),
  ],
)

const count = (name: string) =>
  bigint(name, { mode: 'number' })
    .notNull()
    .default(sql`0`)

/** The books: deliveries by minute of arrival, one row a writer so that writers never wait for each other. */
export const ledgerEntries = pgTable(
  'ledger_entries',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    minute: instant('minute').notNull(),
    writer: text('writer').notNull(),
    received: count('received'),
    applied: count('applied'),
    unchanged: count('unchanged'),
    debouncing: count('debouncing'),
    duplicate: count('duplicate'),
    late: count('late'),
    retained: count('retained'),
    unassigned: count('unassigned'),
    unknownDevice: count('unknown_device'),
    malformed: count('malformed'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.minute, table.writer] }),
    check(
      'ledger_entries_balance',
      sql`received = applied + unchanged + debouncing + duplicate + late + retained + unassigned + unknown_device + malformed`,
    ),
  ],
)

/**
 * The books of days whose readings were dropped: one row a tenant and day. Their entries leave `ledger_entries`, which so
 * always has the deliveries that are still in the log, and no others.
 */
export const ledgerDays = pgTable(
  'ledger_days',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    /** Day of arrival, UTC. */
    day: date('day').notNull(),
    received: count('received'),
    applied: count('applied'),
    unchanged: count('unchanged'),
    debouncing: count('debouncing'),
    duplicate: count('duplicate'),
    late: count('late'),
    retained: count('retained'),
    unassigned: count('unassigned'),
    unknownDevice: count('unknown_device'),
    malformed: count('malformed'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.day] })],
)

/** A space's state after an input, kept when the rules change or its inputs are dropped: folding starts behind it. */
export const spaceCheckpoints = pgTable(
  'space_checkpoints',
  {
    tenantId: uuid('tenant_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    inputSeq: bigint('input_seq', { mode: 'number' }).notNull(),
    rulesVersion: smallint('rules_version').notNull(),
    state: json('state').notNull(),
    recordedAt: recorded('recorded_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.spaceId, table.inputSeq] }),
    foreignKey({ columns: [table.tenantId, table.spaceId], foreignColumns: [spaces.tenantId, spaces.id] }),
  ],
)
