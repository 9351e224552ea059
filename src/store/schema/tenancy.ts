import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 })
export const code = (name: string) => text(name).notNull()
export const recorded = (name: string) =>
  instant(name)
    .notNull()
    .default(sql`now()`)

export const tenants = pgTable(
  'tenants',
  {
    id: uuid('id').primaryKey(),
    slug: text('slug').notNull().unique(),
    name: text('name').notNull(),
    /** Opted in to public reading. */
    public: boolean('public').notNull().default(false),
    /** Newest version in `policies`; 0 while the tenant has only the defaults. */
    policyVersion: integer('policy_version').notNull().default(0),
    /** Raised by triggers whenever devices or their assignments change: what was read of them is good for one version. */
    directoryVersion: bigint('directory_version', { mode: 'number' }).notNull().default(0),
    /** Raised by triggers whenever sites, zones or spaces change: what was read of them is good for one version. */
    placesVersion: bigint('places_version', { mode: 'number' }).notNull().default(0),
    /** Nobody but the platform administrator gets in, and its devices neither. */
    suspendedAt: instant('suspended_at'),
    /** Rules that it sets for its members beyond the operator's: stricter only. */
    passwordRules: jsonb('password_rules'),
    revision: integer('revision').notNull().default(1),
    createdAt: recorded('created_at'),
  },
  (table) => [check('tenants_slug_is_a_code', sql`${table.slug} ~ '^[A-Za-z0-9._~-]{1,64}$'`)],
)

/**
 * One row a change, numbered per tenant. The policy in force at version v is, field by field, that of the
 * space, else of its site, else of the tenant, each in its newest row that is not newer than v.
 */
export const policies = pgTable(
  'policies',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    version: integer('version').notNull(),
    scope: text('scope').notNull(),
    /** A site's or a space's id; null for the tenant. */
    scopeId: uuid('scope_id'),
    /** The whole set of overridden fields at this scope; replaces the scope's earlier row. */
    fields: jsonb('fields').notNull(),
    createdAt: recorded('created_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.version] }),
    index('policies_of_a_scope').on(table.tenantId, table.scope, table.scopeId, table.version),
    check(
      'policies_scope',
      sql`${table.scope} in ('tenant', 'site', 'space') and (${table.scope} = 'tenant') = (${table.scopeId} is null)`,
    ),
  ],
)
