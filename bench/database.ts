import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Sql } from '../src/store/client.ts'
import { createCredential } from '../src/store/credentials.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/store/embedded/embedded.ts'
import { migrate } from '../src/store/migrations.ts'
import { inTenant, provision } from '../src/store/provision.ts'
import { tenantDatabase } from '../src/store/transactions.ts'
import { deviceCodes, fleetOf, gatewayCodes } from './load/fleet.ts'
import type { Gateway } from './load/gateway.ts'
import type { Counter } from './measure.ts'
import { meterOfFamily, parentOf, type Meter } from './processes.ts'

/** What the database says of a moment. */
export interface Moment {
  snapshot: string
  at: Date
}

export interface Latency {
  p50Ms: number | null
  p99Ms: number | null
}

/** Longest that a reading may wait between its arrival and its commit and still be counted. */
const longestWaitS = 60

/**
 * A database of the embedded Postgres in a directory of its own; all that is measured uses this one server, and each target
 * a database of its own in it: Baywire follows the events of all tenants of its database, and so would take part in what is
 * measured of another.
 */
export class BenchDatabase {
  readonly dataDir: string
  readonly url: string
  readonly #close: () => Promise<void>
  readonly #sql: Sql

  private constructor({ dataDir, url, close }: { dataDir: string; url: string; close: () => Promise<void> }) {
    this.dataDir = dataDir
    this.url = url
    this.#close = close
    this.#sql = connect({ url, max: 1, statementTimeoutMs: 0, name: 'baywire bench' })
  }

  static async start(onProgress: (message: string) => void): Promise<BenchDatabase> {
    const dataDir = await mkdtemp(join(tmpdir(), 'baywire-bench-'))
    // The server of root runs as another user.
    await chmod(dataDir, 0o755)
    const server = await startServer(dataDir, onProgress)
    const close = async () => {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    }
    await migrate(server.url, { onProgress })
    return new BenchDatabase({ dataDir, url: server.url, close })
  }

  /** Another database in the same server, to be closed before it. */
  async beside(name: string): Promise<BenchDatabase> {
    await this.#sql`CREATE DATABASE ${this.#sql(name)}`
    const url = new URL(this.url)
    url.pathname = name
    await migrate(url.href, { onProgress: () => {} })
    return new BenchDatabase({ dataDir: this.dataDir, url: url.href, close: async () => {} })
  }

  async version(): Promise<string> {
    const [row] = await this.#sql<{ version: string }[]>`SELECT current_setting('server_version') AS version`
    return row?.version ?? ''
  }

  /** Rows that are committed to a table with a column `received_at`; taking a mark costs next to nothing. */
  committed(table: string): Counter<Moment> {
    return {
      mark: async () => {
        const [moment] = await this.#sql<Moment[]>`
          SELECT pg_current_snapshot()::text AS snapshot, clock_timestamp() AS at`
        if (moment === undefined) throw new Error('no snapshot')
        return moment
      },
      amount: async (from, until) => {
        const [row] = await this.#sql<{ count: number }[]>`
          SELECT count(*) FROM ${this.#sql(table)} WHERE ${this.#committedBetween(from, until)}`
        return row?.count ?? 0
      },
    }
  }

  /** Topics of the readings that were committed between two moments: by transaction, as they came. */
  async batches(from: Moment, until: Moment): Promise<string[][]> {
    const rows = await this.#sql<{ topics: string }[]>`
      SELECT string_agg(topic, ' ' ORDER BY id) AS topics FROM readings WHERE ${this.#committedBetween(from, until)}
      GROUP BY xmin::text ORDER BY min(received_at)`
    return rows.map(({ topics }) => topics.split(' '))
  }

  #committedBetween(from: Moment, until: Moment) {
    return this.#sql`
      received_at BETWEEN ${from.at}::timestamptz - make_interval(secs => ${longestWaitS}) AND ${until.at}
        AND pg_visible_in_snapshot(xmin::text::xid8, ${until.snapshot}::text::pg_snapshot)
        AND NOT pg_visible_in_snapshot(xmin::text::xid8, ${from.snapshot}::text::pg_snapshot)`
  }

  /**
   * From a reading's own time, which is when it was due to be sent, until its transaction committed, of those that
   * were due in a period. The commit's time is Postgres's own (`track_commit_timestamp`), taken as it begins to write
   * the commit to disk.
   */
  async commitLatency({ tenant, from, until }: { tenant: string; from: Date; until: Date }): Promise<Latency> {
    const [row] = await this.#sql<{ p50: number | null; p99: number | null }[]>`
      SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) AS p50, percentile_disc(0.99) WITHIN GROUP (ORDER BY ms) AS p99
      FROM (
        SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin) - observed_at) * 1000)::double precision AS ms
        FROM readings
        WHERE tenant_id = (SELECT id FROM tenants WHERE slug = ${tenant})
          AND received_at >= ${from} AND observed_at >= ${from} AND observed_at < ${until}
      ) AS taken`
    return { p50Ms: row?.p50 ?? null, p99Ms: row?.p99 ?? null }
  }

  /** How many readings of a tenant are in its books: asked many times a second, so not counted in the log. */
  async booked(tenant: string): Promise<number> {
    const [row] = await this.#sql<{ received: number | null }[]>`
      SELECT sum(received)::bigint AS received FROM ledger_entries
      WHERE tenant_id = (SELECT id FROM tenants WHERE slug = ${tenant})`
    return row?.received ?? 0
  }

  /** The last number that a table's identity column gave out: what its inserts have come to. */
  async lastId(table: string): Promise<number> {
    const [row] = await this.#sql<{ last: number | null }[]>`
      SELECT pg_sequence_last_value(pg_get_serial_sequence(${table}, 'id')) AS last`
    return row?.last ?? 0
  }

  async tenantId(tenant: string): Promise<string> {
    const [row] = await this.#sql<{ id: string }[]>`SELECT id FROM tenants WHERE slug = ${tenant}`
    if (row === undefined) throw new Error(`there is no tenant ${tenant}`)
    return row.id
  }

  async count(table: string, tenant: string): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      SELECT count(*) FROM ${this.#sql(table)} WHERE tenant_id = (SELECT id FROM tenants WHERE slug = ${tenant})`
    return row?.count ?? 0
  }

  /** Of the whole server. */
  async meter(): Promise<Meter> {
    const [row] = await this.#sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
    return meterOfFamily(await parentOf(row?.pid ?? 0))
  }

  /**
   * As a server that has run for a while: what was written before is written back, and the planner knows the tables,
   * which it otherwise learns at some moment in the middle of a measurement.
   */
  async settle(): Promise<void> {
    await this.#sql`VACUUM ANALYZE`
    await this.#sql`CHECKPOINT`
  }

  async execute(statements: string): Promise<void> {
    await this.#sql.unsafe(statements)
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 5 })
    await this.#close()
  }
}

/** With the times of commits kept, which takes a restart; nothing else differs from what `baywire start` runs on. */
async function startServer(dataDir: string, onProgress: (message: string) => void): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, onProgress })
  const sql = connect({ url: server.url, max: 1, statementTimeoutMs: 0, name: 'baywire bench' })
  await sql`ALTER SYSTEM SET track_commit_timestamp = on`
  await sql.end({ timeout: 5 })
  await server.stop()
  return await startEmbeddedPostgres({ dataDir, onProgress })
}

/** A tenant with a space for each device, and gateways ready to connect. */
export async function provisionFleet(url: string, tenant: string): Promise<Gateway[]> {
  const database = tenantDatabase({ url, max: 1, statementTimeoutMs: 0, name: 'baywire bench' })
  const sensors = deviceCodes()
  try {
    return await inTenant(database, { slug: tenant, create: { name: tenant, public: false } }, async (tx) => {
      await provision(tx, {
        sites: [{ code: 'main' }],
        spaces: sensors.map((code) => ({ site: 'main', code })),
        devices: sensors.map((code) => ({ code, at: { site: 'main', space: code } })),
        gateways: gatewayCodes(),
      })
      return await fleetOf(tenant, (code) => createCredential(tx, { kind: 'gateways', code }))
    })
  } finally {
    await database.close()
  }
}
