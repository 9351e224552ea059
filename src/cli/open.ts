import type { Config } from '../config.ts'
import { assertRole, connect, resolveDatabase, type Database } from '../store/client.ts'
import { listen, type Listener } from '../store/listener.ts'
import { rateLimitStore, type RateLimitStore } from '../store/rate-limits.ts'
import { checkSchema, migrate } from '../store/migrations.ts'
import { systemDatabase, tenantDatabase, type SystemDatabase, type TenantDatabase } from '../store/transactions.ts'
import { announce } from './terminal.ts'

/** The database of the settings, migrated and ready, with a door for each kind of transaction. */
export interface OpenDatabase {
  readonly urls: Database
  /** A new client of the role baywire_api; `statementTimeoutMs` as below. */
  tenants(name: string, options?: { statementTimeoutMs?: number }): TenantDatabase
  /** The limits that all processes share. */
  rateLimits(name: string): RateLimitStore
  /**
   * A new client of the role baywire_ingest; `statementTimeoutMs` 0 for work that may take long, `patient` where single
   * statements lift their limit.
   */
  system(name: string, options?: { statementTimeoutMs?: number; patient?: boolean }): SystemDatabase
  /** Told of each NOTIFY on a channel, by a connection of its own with the login of a role; see `listen`. */
  listen(
    name: string,
    options: { channel: string; onNotify: (payload?: string) => void; as?: 'api' | 'ingest' },
  ): Listener
  close(): Promise<void>
}

/**
 * Opens the database. The embedded one is started where it does not run, and migrated; one of `DATABASE_URL` is migrated
 * too, by whoever comes first, and refused where its schema is newer than this program. With the logins of roles
 * alone nothing is migrated: then the schema must be that of this program.
 */
export async function openDatabase(config: Config): Promise<OpenDatabase> {
  const urls = await resolveDatabase(config, { onProgress: announce })
  try {
    const { DATABASE_URL_API, DATABASE_URL_INGEST } = config
    const login = config.DATABASE_URL ?? DATABASE_URL_API ?? DATABASE_URL_INGEST ?? urls.ownerUrl
    const migrates = urls.embedded || config.DATABASE_URL !== undefined
    if (migrates) await migrate(login, { onProgress: announce })
    await checkRoles(config)
    await withLogin(login, checkSchema)
  } catch (error) {
    await urls.stop()
    throw error
  }
  const opened: { close(): Promise<void> }[] = []
  const keep = <T extends { close(): Promise<void> }>(database: T): T => {
    opened.push(database)
    return database
  }
  const limits = { max: config.BAYWIRE_POOL_CONNECTIONS, statementTimeoutMs: config.BAYWIRE_STATEMENT_TIMEOUT_MS }
  return {
    urls,
    tenants: (name, options) => keep(tenantDatabase({ ...limits, ...options, url: urls.apiUrl, name })),
    rateLimits: (name) => keep(rateLimitStore({ ...limits, url: urls.apiUrl, name })),
    system: (name, options) => keep(systemDatabase({ ...limits, ...options, url: urls.ingestUrl, name })),
    listen: (name, { as = 'ingest', ...options }) => {
      const login =
        as === 'api'
          ? { url: urls.apiUrl, role: 'baywire_api' as const }
          : { url: urls.ingestUrl, role: 'baywire_ingest' as const }
      return listen({ ...login, statementTimeoutMs: limits.statementTimeoutMs, name }, options)
    },
    async close() {
      await Promise.all(opened.map((database) => database.close()))
      await urls.stop()
    },
  }
}

/** Logins of their own for api and ingest must not be able to do more than their role. */
async function checkRoles({ DATABASE_URL_API, DATABASE_URL_INGEST }: Config): Promise<void> {
  for (const [setting, url] of Object.entries({ DATABASE_URL_API, DATABASE_URL_INGEST })) {
    if (url !== undefined) {
      await withLogin(url, (sql) => assertRole(sql, setting as 'DATABASE_URL_API' | 'DATABASE_URL_INGEST'))
    }
  }
}

async function withLogin(url: string, work: (sql: ReturnType<typeof connect>) => Promise<void>): Promise<void> {
  const sql = connect({ url, max: 1, statementTimeoutMs: 30_000, name: 'baywire start' })
  try {
    await work(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
