import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator'
import { z } from 'zod'
import { BaywireError, describeError } from '../errors.ts'
import { connect, type Sql } from './client.ts'
import { connectionError, errorCodeOf } from './connection-error.ts'

/**
 * The schema's versions. Migrations run under an advisory lock, all pending ones in one transaction. Drizzle
 * itself compares only the newest time and would pass over a migration that was merged late; program and
 * database are therefore compared entry by entry, before migrating and at every start.
 */
export interface Migration {
  name: string
  /** When it was written; Drizzle's identity and order of a migration. */
  createdAt: number
  hash: string
}

export type AppliedMigration = Omit<Migration, 'name'>

const ownFolder = fileURLToPath(new URL('../../drizzle', import.meta.url))

/** Any number, the same in every program that migrates this schema. */
const LOCK_KEY = 7_229_841_203

export interface MigrateOptions {
  onProgress: (message: string) => void
  migrationsFolder?: string
}

/** Brings the schema to the version of this program; answers the names of what was applied. */
export async function migrate(
  ownerUrl: string,
  { onProgress, migrationsFolder = ownFolder }: MigrateOptions,
): Promise<{ applied: string[] }> {
  const known = await readMigrations(migrationsFolder)
  const sql = connect({ url: ownerUrl, max: 1, statementTimeoutMs: 0, name: 'baywire migrate' })
  try {
    await lock(sql, onProgress)
    const pending = findPending(known, await readApplied(sql))
    if (pending.length === 0) return { applied: [] }
    onProgress(`migrating the database: ${pending.map(({ name }) => name).join(', ')}`)
    // Drizzle replaces the parsers of its client: what follows reads nothing.
    await runMigrations(drizzle(sql), { migrationsFolder })
    await sql`grant usage on schema drizzle to public`
    await sql`grant select on drizzle.__drizzle_migrations to public`
    return { applied: pending.map(({ name }) => name) }
  } catch (error) {
    throw migrationError(connectionError(error, { setting: 'DATABASE_URL', url: ownerUrl }))
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/** Held by the connection until it ends. */
async function lock(sql: Sql, onProgress: (message: string) => void): Promise<void> {
  const [row] = await sql<{ locked: boolean }[]>`select pg_try_advisory_lock(${LOCK_KEY}::bigint) as locked`
  if (row?.locked) return
  onProgress('waiting for another process to finish migrating the database')
  await sql`select pg_advisory_lock(${LOCK_KEY}::bigint)`
}

/** Throws unless the schema is exactly the one that this program was made for. */
export async function checkSchema(
  sql: Sql,
  { migrationsFolder = ownFolder }: { migrationsFolder?: string } = {},
): Promise<void> {
  const pending = findPending(await readMigrations(migrationsFolder), await readApplied(sql))
  if (pending.length === 0) return
  throw new BaywireError(`the database lacks ${pending.map(({ name }) => name).join(', ')}`, {
    advice: 'run `baywire migrate`',
  })
}

/** What is to be applied. Throws where applying it would not give the schema that this program knows. */
export function findPending(known: Migration[], applied: AppliedMigration[]): Migration[] {
  const byTime = new Map(applied.map((entry) => [entry.createdAt, entry.hash]))
  const newest = Math.max(0, ...byTime.keys())
  const pending = known.filter(({ createdAt }) => !byTime.has(createdAt))
  const unknown = applied.find(({ createdAt }) => !known.some((entry) => entry.createdAt === createdAt))
  if (unknown !== undefined) {
    const time = new Date(unknown.createdAt).toISOString()
    throw new BaywireError(`the database has a migration of ${time} that this program does not know`, {
      advice: 'run the newer Baywire that made it; going back needs a backup from before',
    })
  }
  const changed = known.find(({ createdAt, hash }) => (byTime.get(createdAt) ?? hash) !== hash)
  if (changed !== undefined) {
    throw new BaywireError(`the migration ${changed.name} was changed after this database applied it`, {
      advice: 'restore the file, or use a new database',
    })
  }
  const late = pending.find(({ createdAt }) => createdAt < newest)
  if (late !== undefined) {
    throw new BaywireError(`the migration ${late.name} is older than one that this database has already applied`, {
      advice: 'generate it again, so that it comes last',
    })
  }
  return pending
}

const journalShape = z.object({ entries: z.array(z.object({ tag: z.string(), when: z.number() })) })

async function readMigrations(migrationsFolder: string): Promise<Migration[]> {
  const journal: unknown = JSON.parse(await readFile(join(migrationsFolder, 'meta', '_journal.json'), 'utf8'))
  const { entries } = journalShape.parse(journal)
  const files = readMigrationFiles({ migrationsFolder })
  return entries.map(({ tag, when }, index) => ({ name: tag, createdAt: when, hash: files[index]?.hash ?? '' }))
}

async function readApplied(sql: Sql): Promise<AppliedMigration[]> {
  const [table] = await sql<{ name: string | null }[]>`select to_regclass('drizzle.__drizzle_migrations') as name`
  if (!table?.name) return []
  return await sql<AppliedMigration[]>`
    select created_at as "createdAt", hash from drizzle.__drizzle_migrations order by created_at`
}

/** Drizzle's error has the whole statement in its message: the database's own line says more. */
function migrationError(error: unknown): unknown {
  if (error instanceof BaywireError) return error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return new BaywireError(`the database could not be migrated: ${describeError(cause)}`, {
    advice: `nothing was changed; the login of DATABASE_URL must own the database (${errorCodeOf(cause) ?? 'no code'})`,
    cause,
  })
}
