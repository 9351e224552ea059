import { sql } from 'drizzle-orm'
import {
  check,
  doublePrecision,
  foreignKey,
  integer,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { code, instant, recorded, tenants } from './tenancy.ts'

const tenantId = () =>
  uuid('tenant_id')
    .notNull()
    .references(() => tenants.id)

export const sites = pgTable(
  'sites',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull(),
    code: code('code'),
    name: text('name').notNull(),
    lat: doublePrecision('lat'),
    lon: doublePrecision('lon'),
    timezone: text('timezone').notNull().default('UTC'),
    revision: integer('revision').notNull().default(1),
    /** Deleted; some of its spaces have a history. */
    archivedAt: instant('archived_at'),
    createdAt: recorded('created_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('sites_code_in_use')
      .on(table.tenantId, table.code)
      .where(sql`${table.archivedAt} is null`),
    check('sites_code', sql`${table.code} ~ '^[A-Za-z0-9._~-]{1,64}$'`),
  ],
)

export const zones = pgTable(
  'zones',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull(),
    siteId: uuid('site_id').notNull(),
    code: code('code'),
    name: text('name').notNull(),
    revision: integer('revision').notNull().default(1),
    createdAt: recorded('created_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    unique().on(table.tenantId, table.siteId, table.code),
    // What spaces refer to: a zone of the space's own site.
    unique().on(table.tenantId, table.siteId, table.id),
    foreignKey({ columns: [table.tenantId, table.siteId], foreignColumns: [sites.tenantId, sites.id] }),
    check('zones_code', sql`${table.code} ~ '^[A-Za-z0-9._~-]{1,64}$'`),
  ],
)

export const spaces = pgTable(
  'spaces',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull(),
    siteId: uuid('site_id').notNull(),
    zoneId: uuid('zone_id'),
    code: code('code'),
    name: text('name').notNull(),
    level: text('level'),
    lat: doublePrecision('lat'),
    lon: doublePrecision('lon'),
    /** Position on the floor plan of the level, in metres. */
    planX: doublePrecision('plan_x'),
    planY: doublePrecision('plan_y'),
    features: text('features')
      .array()
      .notNull()
      .default(sql`'{}'`),
    revision: integer('revision').notNull().default(1),
    /** Deleted: nobody sees it, but its log is kept and still folded, and its code is free again. */
    archivedAt: instant('archived_at'),
    createdAt: recorded('created_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('spaces_code_in_use')
      .on(table.tenantId, table.siteId, table.code)
      .where(sql`${table.archivedAt} is null`),
    foreignKey({ columns: [table.tenantId, table.siteId], foreignColumns: [sites.tenantId, sites.id] }),
    foreignKey({
      columns: [table.tenantId, table.siteId, table.zoneId],
      foreignColumns: [zones.tenantId, zones.siteId, zones.id],
    }),
    check('spaces_code', sql`${table.code} ~ '^[A-Za-z0-9._~-]{1,64}$'`),
  ],
)
