import { sql } from 'drizzle-orm'
import {
  bigint,
  check,
  customType,
  foreignKey,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { spaces } from './places.ts'
import { code, instant, recorded, tenants } from './tenancy.ts'

const tenantId = () =>
  uuid('tenant_id')
    .notNull()
    .references(() => tenants.id)
export const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

const speaker = {
  tenantId: tenantId(),
  id: uuid('id').notNull(),
  code: code('code'),
  /** What its status topic last said, last will included: `online`, `offline`, or null when it never spoke. */
  presence: text('presence'),
  presenceAt: instant('presence_at'),
  name: text('name'),
  /** Raised by whoever administers it, and not by what it says. */
  revision: integer('revision').notNull().default(1),
  createdAt: recorded('created_at'),
}

export const devices = pgTable(
  'devices',
  {
    ...speaker,
    /** Deleted, but kept for where it stood, by which its readings are found in the log. */
    archivedAt: instant('archived_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('devices_one_of_a_code')
      .on(table.tenantId, table.code)
      .where(sql`${table.archivedAt} is null`),
    check('devices_code', sql`${table.code} ~ '^[A-Za-z0-9._~-]{1,64}$'`),
  ],
)

export const gateways = pgTable(
  'gateways',
  {
    ...speaker,
    /** What it may send to the embedded broker, where that is not the default. */
    messagesPerS: integer('messages_per_s'),
    /** Publishes that may be unacknowledged. */
    inFlight: integer('in_flight'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    unique().on(table.tenantId, table.code),
    check('gateways_code', sql`${table.code} ~ '^[A-Za-z0-9._~-]{1,64}$'`),
    check('gateways_messages_per_s', sql`${table.messagesPerS} between 1 and 1000000`),
    check('gateways_in_flight', sql`${table.inFlight} between 1 and 65535`),
  ],
)

/**
 * Where a device stood, and when: [assigned_at, unassigned_at). An exclusion constraint keeps a device at one space at
 * a time. Rows stay: one that was a mistake ends where it began.
 */
export const deviceAssignments = pgTable(
  'device_assignments',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull(),
    deviceId: uuid('device_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    /** `-infinity` where the device is taken to have stood there always. */
    assignedAt: instant('assigned_at').notNull(),
    unassignedAt: instant('unassigned_at'),
    createdAt: recorded('created_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    foreignKey({ columns: [table.tenantId, table.deviceId], foreignColumns: [devices.tenantId, devices.id] }),
    foreignKey({ columns: [table.tenantId, table.spaceId], foreignColumns: [spaces.tenantId, spaces.id] }),
    index().on(table.tenantId, table.deviceId),
    index().on(table.tenantId, table.spaceId),
    check(
      'device_assignments_in_order',
      sql`${table.unassignedAt} is null or ${table.assignedAt} <= ${table.unassignedAt}`,
    ),
  ],
)

/** How a device, gateway or app proves who it is: a verifier as in Mosquitto's password file, never the secret. */
export const credentials = pgTable(
  'credentials',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull(),
    kind: text('kind').notNull(),
    /** The device's, gateway's or app's code: with the tenant and the kind it makes the username. */
    code: code('code'),
    verifier: text('verifier').notNull(),
    createdAt: recorded('created_at'),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('credentials_one_in_force')
      .on(table.tenantId, table.kind, table.code)
      .where(sql`${table.revokedAt} is null`),
    check('credentials_kind', sql`${table.kind} in ('devices', 'gateways', 'apps')`),
  ],
)

/** Devices that were heard but are unknown, each with a sample; they wait here to be claimed. */
export const orphanDevices = pgTable(
  'orphan_devices',
  {
    tenantId: tenantId(),
    device: text('device').notNull(),
    firstHeardAt: instant('first_heard_at').notNull(),
    lastHeardAt: instant('last_heard_at').notNull(),
    heard: bigint('heard', { mode: 'number' }).notNull(),
    /** An operator does not want to hear of it. */
    ignoredAt: instant('ignored_at'),
    sampleTopic: text('sample_topic').notNull(),
    /** The beginning of a message, as `keptOf` has it. */
    samplePayload: bytes('sample_payload').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.device] })],
)
