import { sql } from 'drizzle-orm'
import {
  bigint,
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
import { users } from './accounts.ts'
import { bytes } from './devices.ts'
import { spaces } from './places.ts'
import { instant, recorded, tenants } from './tenancy.ts'

const tenantId = () =>
  uuid('tenant_id')
    .notNull()
    .references(() => tenants.id)
const isRole = (column: Parameters<typeof sql>[1]) =>
  sql`${column} in ('owner', 'admin', 'operator', 'viewer', 'driver')`

/** Who belongs to a tenant, as what. */
export const memberships = pgTable(
  'memberships',
  {
    tenantId: tenantId(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    role: text('role').notNull(),
    revision: integer('revision').notNull().default(1),
    createdAt: recorded('created_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.userId] }),
    index('memberships_of_a_user').on(table.userId),
    check('memberships_role', isRole(table.role)),
  ],
)

/** Invitations, each bound to an address and good once; the token is kept as SHA-256. */
export const invites = pgTable(
  'invites',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull(),
    email: text('email').notNull(),
    role: text('role').notNull(),
    tokenHash: bytes('token_hash').notNull(),
    invitedBy: uuid('invited_by').notNull(),
    createdAt: recorded('created_at'),
    expiresAt: instant('expires_at').notNull(),
    acceptedAt: instant('accepted_at'),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('invites_token').on(table.tokenHash),
    uniqueIndex('invites_one_open')
      .on(table.tenantId, table.email)
      .where(sql`${table.acceptedAt} is null and ${table.revokedAt} is null`),
    check('invites_role', isRole(table.role)),
  ],
)

/** Keys of programs: 256 bits, shown once, kept as SHA-256. */
export const apiKeys = pgTable(
  'api_keys',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    /** What is shown of it, for people to tell keys apart. */
    prefix: text('prefix').notNull(),
    keyHash: bytes('key_hash').notNull(),
    /** Permissions, none of which its maker lacks (auth/permissions.ts). */
    scopes: text('scopes').array().notNull(),
    /** A trigger requires their membership, and another one revokes the key with it: it has no more rights than its maker. */
    createdBy: uuid('created_by').notNull(),
    createdAt: recorded('created_at'),
    lastUsedAt: instant('last_used_at'),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
    revision: integer('revision').notNull().default(1),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] }), uniqueIndex('api_keys_key').on(table.keyHash)],
)

/** Overrides of spaces, each until its end or for good; at most one of a space is in force. */
export const overrides = pgTable(
  'overrides',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull(),
    spaceId: uuid('space_id').notNull(),
    kind: text('kind').notNull(),
    reason: text('reason'),
    startsAt: instant('starts_at').notNull(),
    /** When it ends by itself; null for good. */
    endsAt: instant('ends_at'),
    endedAt: instant('ended_at'),
    createdBy: text('created_by').notNull(),
    createdAt: recorded('created_at'),
    revision: integer('revision').notNull().default(1),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    foreignKey({ columns: [table.tenantId, table.spaceId], foreignColumns: [spaces.tenantId, spaces.id] }),
    uniqueIndex('overrides_one_in_force')
      .on(table.tenantId, table.spaceId)
      .where(sql`${table.endedAt} is null`),
    check('overrides_kind', sql`${table.kind} in ('blocked', 'out_of_service')`),
    check('overrides_in_order', sql`${table.endsAt} is null or ${table.startsAt} < ${table.endsAt}`),
  ],
)

/**
 * What was done, by whom: written in the transaction of what it records, by `record_audit` alone, and never changed. Each
 * entry's hash covers the one before it. It outlives its tenant, so it has no foreign key.
 */
export const auditLog = pgTable(
  'audit_log',
  {
    tenantId: uuid('tenant_id').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    at: instant('at').notNull(),
    /** `user`, `api_key`, `command`, `system`. */
    actorKind: text('actor_kind').notNull(),
    actorId: text('actor_id').notNull(),
    action: text('action').notNull(),
    targetKind: text('target_kind').notNull(),
    targetId: text('target_id').notNull(),
    /** What changed; nothing secret, no personal data. */
    detail: jsonb('detail').notNull(),
    requestId: text('request_id'),
    previousHash: bytes('previous_hash').notNull(),
    hash: bytes('hash').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.seq] }),
    index('audit_log_by_target').on(table.tenantId, table.targetKind, table.targetId),
  ],
)

/** The end of each tenant's chain. */
export const auditHeads = pgTable('audit_heads', {
  tenantId: uuid('tenant_id').primaryKey(),
  seq: bigint('seq', { mode: 'number' }).notNull(),
  hash: bytes('hash').notNull(),
})

/** Answers to requests that carried an Idempotency-Key, and the leases of those that run. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    tenantId: tenantId(),
    /** `user:…` or `api_key:…`. */
    principal: text('principal').notNull(),
    method: text('method').notNull(),
    route: text('route').notNull(),
    key: text('key').notNull(),
    fingerprint: bytes('fingerprint').notNull(),
    leaseUntil: instant('lease_until').notNull(),
    createdAt: recorded('created_at'),
    /** Null while it runs. */
    status: integer('status'),
    headers: jsonb('headers'),
    body: bytes('body'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.principal, table.method, table.route, table.key] }),
    index('idempotency_keys_by_age').on(table.createdAt),
  ],
)
