import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { bytes } from './devices.ts'
import { instant, recorded } from './tenancy.ts'

/**
 * People, who belong to no tenant: a membership (members.ts) ties them to each of theirs. Seen only through the door of
 * the accounts (`withAccounts`), but for the names and addresses of a tenant's own members.
 */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    /** In its one form: NFC, lower case, without white space around it. */
    email: text('email').notNull().unique(),
    name: text('name').notNull(),
    emailVerifiedAt: instant('email_verified_at'),
    disabledAt: instant('disabled_at'),
    /** May look across tenants; given and taken by command only. */
    platformAdministrator: boolean('platform_administrator').notNull().default(false),
    /** The next login must set another password. */
    mustChangePassword: boolean('must_change_password').notNull().default(false),
    revision: integer('revision').notNull().default(1),
    createdAt: recorded('created_at'),
    updatedAt: recorded('updated_at'),
  },
  (table) => [
    check('users_email', sql`length(${table.email}) between 3 and 254 and position('@' in ${table.email}) > 1`),
  ],
)

/** The password in force and those before it, as argon2id hashes. */
export const passwords = pgTable(
  'passwords',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    hash: text('hash').notNull(),
    createdAt: recorded('created_at'),
    replacedAt: instant('replaced_at'),
  },
  (table) => [
    uniqueIndex('passwords_one_in_force')
      .on(table.userId)
      .where(sql`${table.replacedAt} is null`),
    index('passwords_of_a_user').on(table.userId, table.createdAt),
  ],
)

/** A login and all that was refreshed from it: the family of its refresh tokens. Tokens are kept as SHA-256. */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** The tenant that it works in; null where the user belongs to none. */
    tenantId: uuid('tenant_id'),
    refreshHash: bytes('refresh_hash').notNull(),
    /** The token before this one, and its successor encrypted under a key derived from that token: for a lost answer. */
    previousHash: bytes('previous_hash'),
    successorSealed: bytes('successor_sealed'),
    rotatedAt: recorded('rotated_at'),
    /** Where it was begun, for its owner to recognise: shortened user agent and the network of the address. */
    device: text('device').notNull(),
    addressArea: text('address_area').notNull(),
    remember: boolean('remember').notNull(),
    createdAt: recorded('created_at'),
    lastUsedAt: recorded('last_used_at'),
    idleExpiresAt: instant('idle_expires_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    endedAt: instant('ended_at'),
    /** `logout`, `ended`, `reused`, `password`, `limit`, `disabled`, `expired`. */
    endedBecause: text('ended_because'),
  },
  (table) => [
    uniqueIndex('sessions_refresh').on(table.refreshHash),
    uniqueIndex('sessions_previous').on(table.previousHash),
    index('sessions_of_a_user').on(table.userId),
    check('sessions_ended', sql`(${table.endedAt} is null) = (${table.endedBecause} is null)`),
  ],
)

/** Refresh tokens that were used long ago: coming again they end their session. */
export const spentTokens = pgTable('spent_tokens', {
  tokenHash: bytes('token_hash').primaryKey(),
  sessionId: uuid('session_id')
    .notNull()
    .references(() => sessions.id, { onDelete: 'cascade' }),
  spentAt: recorded('spent_at'),
})

/** Codes and links that were sent, each good once and for one purpose; only the newest of a purpose is good. */
export const codes = pgTable(
  'codes',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** `reset_password`, `verify_email`. */
    purpose: text('purpose').notNull(),
    /** The address it was sent to. */
    address: text('address').notNull(),
    /** HMAC-SHA-256 with a key outside of the database, over id, purpose, address and code. */
    hash: bytes('hash').notNull(),
    createdAt: recorded('created_at'),
    expiresAt: instant('expires_at').notNull(),
    /** Used, replaced by a newer one, or made worthless by a change of the password. */
    endedAt: instant('ended_at'),
    tries: integer('tries').notNull().default(0),
  },
  (table) => [index('codes_of_a_user').on(table.userId, table.purpose)],
)

/** Wrong guesses, counted before each comparison: of an account, an address, a tenant, each for one mechanism. */
export const guesses = pgTable(
  'guesses',
  {
    /** What was guessed at: `user:…`, `user-device:…`, `address:…`, `tenant:…`; no address of a person. */
    subject: text('subject').notNull(),
    /** `password`, `code`, … */
    mechanism: text('mechanism').notNull(),
    /** Within the window that began at `windowStartedAt`. */
    failures: integer('failures').notNull(),
    /** Since the last success. */
    consecutive: integer('consecutive').notNull(),
    windowStartedAt: instant('window_started_at').notNull(),
    lockedUntil: instant('locked_until'),
  },
  (table) => [primaryKey({ columns: [table.subject, table.mechanism] })],
)

/** Keys that access tokens are signed with. The private half is encrypted under BAYWIRE_SECRET. */
export const signingKeys = pgTable(
  'signing_keys',
  {
    kid: text('kid').primaryKey(),
    publicJwk: jsonb('public_jwk').notNull(),
    privateSealed: bytes('private_sealed').notNull(),
    createdAt: recorded('created_at'),
    /** From when on it signs: the newest that has come signs. */
    signsFrom: instant('signs_from').notNull(),
    /** No longer published, and nothing that it signed is taken. */
    retiredAt: instant('retired_at'),
  },
  (table) => [index('signing_keys_in_use').on(table.signsFrom)],
)

/** Points used up within a window, of rate-limiter-flexible: its own shape. */
export const rateLimits = pgTable('rate_limits', {
  key: text('key').primaryKey(),
  points: integer('points').notNull().default(0),
  expire: instant('expire'),
})
