import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Sql } from '../src/store/client.ts'
import { createCredential } from '../src/store/credentials.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/store/embedded/embedded.ts'
import { migrate } from '../src/store/migrations.ts'
import { inTenant, provision } from '../src/store/provision.ts'
import { tenantDatabase } from '../src/store/transactions.ts'
import { cpuOfFamily, parentOf, type CpuMeter } from './cpu.ts'
import type { Gateway } from './load/gateway.ts'

/** The embedded Postgres in a directory of its own, with nothing in it; all that is measured uses this one server. */
export class BenchDatabase {
  readonly dataDir: string
  readonly #server: EmbeddedPostgres
  readonly #sql: Sql

  private constructor(dataDir: string, server: EmbeddedPostgres) {
    this.dataDir = dataDir
    this.#server = server
    this.#sql = connect({ url: server.url, max: 1, statementTimeoutMs: 0, name: 'baywire bench' })
  }

  static async start(onProgress: (message: string) => void): Promise<BenchDatabase> {
    const dataDir = await mkdtemp(join(tmpdir(), 'baywire-bench-'))
    // The server of root runs as another user.
    await chmod(dataDir, 0o755)
    const database = new BenchDatabase(dataDir, await startEmbeddedPostgres({ dataDir, onProgress }))
    await migrate(database.url, { onProgress })
    return database
  }

  get url(): string {
    return this.#server.url
  }

  async version(): Promise<string> {
    const [row] = await this.#sql<{ version: string }[]>`SELECT current_setting('server_version') AS version`
    return row?.version ?? ''
  }

  /** What was committed until now, to be named later: taking it costs nothing while something is measured. */
  async snapshot(): Promise<string> {
    const [row] = await this.#sql<{ snapshot: string }[]>`SELECT pg_current_snapshot()::text AS snapshot`
    return row?.snapshot ?? ''
  }

  /** Rows of a table that were committed between two snapshots, counted afterwards. */
  async committedBetween(table: string, [from, until]: readonly [string, string]): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      SELECT count(*) FROM ${this.#sql(table)}
      WHERE pg_visible_in_snapshot(xmin::text::xid8, ${until}::text::pg_snapshot)
        AND NOT pg_visible_in_snapshot(xmin::text::xid8, ${from}::text::pg_snapshot)`
    return row?.count ?? 0
  }

  async count(table: string, tenant: string): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      SELECT count(*) FROM ${this.#sql(table)} WHERE tenant_id = (SELECT id FROM tenants WHERE slug = ${tenant})`
    return row?.count ?? 0
  }

  /** Of the whole server. */
  async cpu(): Promise<CpuMeter> {
    const [row] = await this.#sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
    return cpuOfFamily(await parentOf(row?.pid ?? 0))
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
    await this.#server.stop()
    await rm(this.dataDir, { recursive: true, force: true })
  }
}

export interface Fleet {
  tenant: string
  gateways: number
  devices: number
}

/** A tenant with a space for each device, and gateways that share the devices evenly, ready to connect. */
export async function provisionFleet(url: string, { tenant, gateways, devices }: Fleet): Promise<Gateway[]> {
  const fleet = codes('gateway', gateways).map((code, index) => ({
    code,
    devices: codes('sensor', devices).filter((_, device) => device % gateways === index),
  }))
  const database = tenantDatabase({ url, max: 1, statementTimeoutMs: 0, name: 'baywire bench' })
  const boot = Math.floor(Date.now() / 1000)
  try {
    return await inTenant(database, { slug: tenant, create: { name: tenant, public: false } }, async (tx) => {
      const sensors = fleet.flatMap((gateway) => gateway.devices)
      await provision(tx, {
        sites: [{ code: 'main' }],
        spaces: sensors.map((code) => ({ site: 'main', code })),
        devices: sensors.map((code) => ({ code, at: { site: 'main', space: code } })),
        gateways: fleet.map(({ code }) => code),
      })
      const connections: Gateway[] = []
      for (const { code, devices: own } of fleet) {
        // oxlint-disable-next-line no-await-in-loop -- one transaction, one statement after the other
        const secret = await createCredential(tx, { kind: 'gateways', code })
        const topic = `parking/v1/${tenant}/gateways/${code}/readings`
        connections.push({ username: `${tenant}/gateways/${code}`, secret, topic, devices: own, boot })
      }
      return connections
    })
  } finally {
    await database.close()
  }
}

/** Of one length, in order. */
export function codes(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${String(index + 1).padStart(5, '0')}`)
}
