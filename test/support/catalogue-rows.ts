import { randomBytes } from 'node:crypto'
import { newId } from '../../src/ids.ts'
import type { Sql } from '../../src/store/client.ts'

/**
 * Rows for any table, made up from the catalogue, so that a table that comes tomorrow is walked by the suites of today. What
 * cannot be guessed has its value in `chosen`; a row that the database refuses fails with the name of its table.
 */
export type Row = Readonly<Record<string, unknown>>

export interface ForeignKey {
  name: string
  table: string
  columns: string[]
  parent: string
  parentColumns: string[]
}

interface Column {
  table: string
  name: string
  type: string
  required: boolean
  key: boolean
  firstAllowed: string | null
}

/** Whose a row is, and the rows that it refers to, by table. */
export interface RowOptions {
  tenantId: string
  /** Part of each text that is free: found again wherever it leaks to. */
  marker: string
  parents: ReadonlyMap<string, Row>
  /** The code of things that have one; otherwise a new one. */
  code?: string
}

let count = 0

/** Values that no type tells. */
const chosen: Record<string, (options: RowOptions & { n: number }) => unknown> = {
  'users.email': ({ marker, n }) => `${marker}-${n}@example.com`.toLowerCase(),
  'tenants.slug': ({ code, n }) => code ?? `tenant-${n}`,
  'tenants.public': () => true,
  'memberships.role': () => 'viewer',
  'invites.role': () => 'viewer',
  'invites.email': ({ marker, n }) => `invited-${marker}-${n}@example.com`.toLowerCase(),
  'invites.expires_at': () => '2999-01-01T00:00:00Z',
  'sessions.idle_expires_at': () => '2999-01-01T00:00:00Z',
  'sessions.expires_at': () => '2999-01-01T00:00:00Z',
  'codes.expires_at': () => '2999-01-01T00:00:00Z',
  'api_keys.scopes': () => ['places:read'],
  'api_keys.created_by': ({ parents }) => parents.get('memberships')?.['user_id'] ?? newId(),
  'orphan_devices.device': ({ code, n }) => code ?? `orphan-${n}`,
  'spaces.zone_id': () => null,
  'device_assignments.assigned_at': () => '2026-11-01T00:00:00Z',
  'readings.received_at': () => new Date().toISOString(),
  // Behind all made up entries, so that the next one that is written has its place.
  'audit_heads.seq': () => 1_000_000,
  // A reason is that of one that failed.
  'redrives.reason': () => null,
  'reservations.starts_at': () => '2998-01-01T00:00:00Z',
  'reservations.ends_at': () => '2998-01-01T01:00:00Z',
  'reservations.state': () => 'confirmed',
  // All tenants see all jobs.
  'jobs.job': ({ n }) => `job-${n}`,
  'policies.scope': () => 'tenant',
  'policies.scope_id': () => null,
}
const named = new Set(['name', 'reason', 'marker'])

export class RowMaker {
  readonly #columns: Map<string, Column[]>
  readonly foreignKeys: readonly ForeignKey[]
  /** Those of the schema, parents first; no partitions. */
  readonly tables: readonly string[]

  private constructor(columns: Map<string, Column[]>, foreignKeys: readonly ForeignKey[]) {
    this.#columns = columns
    this.foreignKeys = foreignKeys
    this.tables = parentsFirst([...columns.keys()], foreignKeys)
  }

  static async read(sql: Sql): Promise<RowMaker> {
    const columns = await sql<Column[]>`
      SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type,
        a.attnotnull AND NOT a.atthasdef AS required,
        EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey::int2[])) AS key,
        (SELECT substring(pg_get_constraintdef(k.oid) FROM $$ANY [(]+ARRAY[[]'([^']+)'$$) FROM pg_constraint k
          WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum] LIMIT 1) AS "firstAllowed"
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
      ORDER BY c.relname, a.attnum`
    const foreignKeys = await sql<(Omit<ForeignKey, 'columns' | 'parentColumns'> & { pairs: string[][] })[]>`
      SELECT k.conname AS name, k.conrelid::regclass::text AS table, k.confrelid::regclass::text AS parent,
        (SELECT jsonb_agg(jsonb_build_array(a.attname, p.attname) ORDER BY pair.n)
          FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS pair(own, theirs, n)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.own
          JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = pair.theirs) AS pairs
      FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
      WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT c.relispartition
        AND c.relnamespace = 'public'::regnamespace ORDER BY k.conname`
    return new RowMaker(
      new Map(columns.map(({ table }) => [table, columns.filter((column) => column.table === table)])),
      foreignKeys.map(({ pairs, ...key }) => ({
        ...key,
        columns: pairs.map(([own = '']) => own),
        parentColumns: pairs.map(([, theirs = '']) => theirs),
      })),
    )
  }

  columnsOf(table: string): string[] {
    return (this.#columns.get(table) ?? []).map(({ name }) => name)
  }

  make(table: string, options: RowOptions): Row {
    count += 1
    const row: Record<string, unknown> = {}
    for (const column of this.#columns.get(table) ?? []) {
      const value = valueOf(column, { ...options, n: count })
      if (value !== undefined) row[column.name] = value
    }
    for (const { columns, parent, parentColumns } of this.foreignKeys.filter((key) => key.table === table)) {
      const parentRow = options.parents.get(parent)
      columns.forEach((column, at) => {
        const stays = column === 'tenant_id' || row[column] === null
        if (!stays && parentRow !== undefined) row[column] = parentRow[parentColumns[at] ?? '']
      })
    }
    return row
  }

  async insert(sql: Sql, table: string, row: Row): Promise<void> {
    try {
      await sql.unsafe(insertion(table, row))
    } catch (error) {
      throw new Error(`no row can be made up for ${table}: give its values in catalogue-rows.ts`, { cause: error })
    }
  }
}

/** The statement that inserts a row, its values included: for scripts that run it as somebody else. */
export function insertion(table: string, row: Row): string {
  const columns = Object.keys(row).map((column) => `"${column}"`)
  const values = JSON.stringify(row).replaceAll("'", "''")
  return `INSERT INTO "${table}" (${columns.join(', ')})
    SELECT ${columns.map((column) => `r.${column}`).join(', ')} FROM jsonb_populate_record(null::"${table}", '${values}'::jsonb) r`
}

function valueOf(column: Column, options: RowOptions & { n: number }): unknown {
  const choice = chosen[`${column.table}.${column.name}`]
  if (choice !== undefined) return choice(options)
  const { name, required, key, firstAllowed } = column
  if (name === 'tenant_id') return options.tenantId
  if (!required && !key && !named.has(name)) return undefined
  if (name === 'id' && column.table === 'tenants') return options.tenantId
  if (name === 'code') return options.code ?? `code-${options.n}`
  return firstAllowed ?? byType(column, options)
}

function byType({ table, name, type }: Column, { marker, n }: RowOptions & { n: number }): unknown {
  switch (type) {
    case 'uuid':
      return newId()
    case 'text':
      return `${marker} ${n}`
    case 'bytea':
      return `\\x${randomBytes(32).toString('hex')}`
    case 'smallint':
    case 'integer':
    case 'bigint':
      return n
    case 'boolean':
      return false
    case 'jsonb':
    case 'json':
      return {}
    case 'double precision':
    case 'real':
    case 'numeric':
      return 1
    case 'date':
      return '2026-11-01'
    case 'text[]':
      return []
    case 'timestamp with time zone':
      return new Date(Date.UTC(2026, 10, 1) + n).toISOString()
    default:
      throw new Error(`${table}.${name}: no value is known for the type ${type}: add one in catalogue-rows.ts`)
  }
}

function parentsFirst(tables: readonly string[], foreignKeys: readonly ForeignKey[]): string[] {
  const ordered: string[] = []
  const visit = (table: string): void => {
    if (ordered.includes(table)) return
    for (const { parent } of foreignKeys.filter((key) => key.table === table && key.parent !== table)) visit(parent)
    ordered.push(table)
  }
  for (const table of tables.toSorted()) visit(table)
  return ordered
}
