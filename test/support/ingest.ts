import { expect } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { Ingest } from '../../src/ingest/ingest.ts'
import { createLog } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import { verify } from '../../src/replay/verify.ts'
import { connect } from '../../src/store/client.ts'
import { inTenant, provision } from '../../src/store/provision.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { compareBooks } from '../../src/store/reconcile.ts'
import { systemDatabase, tenantDatabase } from '../../src/store/transactions.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'

/** A clock that stands still until it is told. */
export class TestClock implements Clock {
  #now: number
  constructor(now: number) {
    this.#now = now
  }
  now(): number {
    return this.#now
  }
  set(now: number): void {
    this.#now = now
  }
  advance(milliseconds: number): void {
    this.#now += milliseconds
  }
}

export interface TestIngest {
  clock: TestClock
  /** As superuser. */
  sql: ReturnType<typeof connect>
  system: ReturnType<typeof systemDatabase>
  ingest: Ingest
  metrics: ReturnType<typeof createMetrics>
  ownerUrl: string
  /** Sends a message as a broker would; resolves when it is acknowledged or given up. */
  deliver(topic: string, payload: unknown, options?: DeliverOptions): Promise<'acknowledged' | 'given up'>
  /** Makes a tenant with devices, each at a space of the same code at site `main`. */
  tenant(slug: string, devices: readonly string[]): Promise<string>
  /** The books agree with the log, and folding the kept inputs again gives what was recorded. */
  expectSound(): Promise<void>
  close(): Promise<void>
}

export interface DeliverOptions {
  duplicate?: boolean
  retained?: boolean
  retainStripped?: boolean
}

export async function startTestIngest(
  settings: Record<string, string> = {},
  createDatabase: () => Promise<TestDatabase> = createTestDatabase,
): Promise<TestIngest> {
  const database = await createDatabase()
  const config = readConfig({ BAYWIRE_INSTANCE: 'test', ...settings })
  const common = { url: database.ownerUrl, max: 4, statementTimeoutMs: 20_000 }
  const sql = connect({ ...common, name: 'test owner' })
  const system = systemDatabase({ ...common, name: 'test ingest' })
  const tenants = tenantDatabase({ ...common, name: 'test api' })
  const clock = new TestClock(Date.now())
  const metrics = createMetrics()
  const log = createLog({ level: process.env['TEST_LOG'] ?? 'silent' })
  const ingest = new Ingest({ database: system, config, metrics, log, clock })
  await system.withSystem((tx) => ensurePartitions(tx, clock.now()))
  return {
    clock,
    sql,
    system,
    ingest,
    metrics,
    ownerUrl: database.ownerUrl,
    deliver: (topic, payload, options = {}) =>
      new Promise((resolve) => {
        const bytes = Buffer.isBuffer(payload)
          ? payload
          : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
        ingest.receive({
          topic,
          payload: bytes,
          receivedAtMs: clock.now(),
          retained: false,
          retainStripped: false,
          duplicate: false,
          ...options,
          acknowledge: () => resolve('acknowledged'),
          giveUp: () => resolve('given up'),
        })
      }),
    async tenant(slug, devices) {
      const create = { name: slug, public: true }
      return await inTenant(tenants, { slug, create }, async (tx) => {
        await provision(tx, {
          sites: [{ code: 'main' }],
          spaces: devices.map((code) => ({ site: 'main', code })),
          devices: devices.map((code) => ({ code, at: { site: 'main', space: code } })),
          gateways: ['gw-1'],
        })
        return tx.tenantId
      })
    },
    async expectSound() {
      const books = await system.withSnapshot((tx) => compareBooks(tx, {}))
      expect(books.ledger).toEqual(books.readings)
      const verification = await verify(system)
      expect(verification.first_difference).toBeNull()
    },
    async close() {
      await ingest.stop()
      await Promise.all([system.close(), tenants.close(), sql.end({ timeout: 5 })])
      await database.drop()
    },
  }
}
