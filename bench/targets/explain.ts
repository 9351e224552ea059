import { sql } from 'drizzle-orm'
import { systemClock } from '../../src/clock.ts'
import { explain } from '../../src/explain/explain.ts'
import { commitBatch } from '../../src/ingest/commit.ts'
import type { Received } from '../../src/ingest/message.ts'
import { receive } from '../../src/ingest/receive.ts'
import { DeviceDirectory } from '../../src/store/device-directory.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { inTenant, provision } from '../../src/store/provision.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { systemDatabase, tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import type { Run } from './target.ts'

/**
 * How long it takes to explain a space that has had many inputs, at any moment of its past, beside one indexed query of its
 * device's last reading; each in a transaction of its tenant as the API makes it, one after the other in turn.
 */
export interface Explained {
  inputs: number
  /** In the whole log, and on how many days. */
  readings: number
  days: number
  questions: number
  indexed: Percentiles
  explain: Percentiles
  /** Of the slowest in a hundred. */
  times: number
}

export interface Percentiles {
  p50Ms: number
  p99Ms: number
}

const slug = 'explain'
const device = 'asked'
const inputs = 10_000
const others = 50
const otherReadings = 2000
const days = 30
const dayMs = 86_400_000
const questions = 1000
const warmUps = 100
const batchReadings = 2000

export async function measureExplain({
  database,
  onProgress,
}: Pick<Run, 'database' | 'onProgress'>): Promise<Explained> {
  const tenants = tenantDatabase({ url: database.url, max: 1, statementTimeoutMs: 0, name: 'baywire bench' })
  try {
    const readings = inputs + others * otherReadings
    onProgress(`explain: a log of ${readings} readings on ${days} days, ${inputs} of them of one space`)
    const tenantId = await makeLog(tenants, database.url)
    await database.settle()
    onProgress(`explain: ${questions} questions`)
    return { inputs, readings, days, questions, ...(await ask(tenants, tenantId)) }
  } finally {
    await tenants.close()
  }
}

async function makeLog(tenants: TenantDatabase, url: string): Promise<string> {
  const devices = [device, ...Array.from({ length: others }, (_, n) => `other-${n}`)]
  const tenantId = await inTenant(tenants, { slug, create: { name: slug, public: false } }, async (tx) => {
    const places = devices.map((code) => ({ code, at: { site: 'main', space: code } }))
    const spaces = devices.map((code) => ({ site: 'main', code }))
    await provision(tx, { sites: [{ code: 'main' }], spaces, devices: places, gateways: [] })
    return tx.tenantId
  })
  const system = systemDatabase({ url, max: 1, statementTimeoutMs: 0, name: 'baywire bench' })
  const clock = { now: () => time }
  let time = systemClock.now() - days * dayMs
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  const context = { database: system, memory, directory: new DeviceDirectory(), clock, writer: 'bench-explain' }
  try {
    for (let day = 0; day <= days; day++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await system.withSystem((tx) => ensurePartitions(tx, time + day * dayMs))
    }
    for (const batch of batches(time)) {
      time = batch.at
      // oxlint-disable-next-line no-await-in-loop -- in order
      await commitBatch(context, batch.messages)
    }
  } finally {
    await system.close()
  }
  return tenantId
}

/** Readings of all devices in the order in which they were measured, evenly over the days. One in five is a change, the others are heartbeats. */
function* batches(start: number): Generator<{ at: number; messages: Received[] }> {
  const all = inputs + others * otherReadings
  const every = Math.round(all / inputs)
  const sent = new Map<string, number>()
  let messages: Received[] = []
  for (let n = 0; n < all; n++) {
    const at = start + Math.floor((n * (days * dayMs - 60_000)) / all)
    const code = n % every === 0 ? device : `other-${n % others}`
    const seq = (sent.get(code) ?? 0) + 1
    sent.set(code, seq)
    messages.push(messageOf({ code, seq, at }))
    if (messages.length < batchReadings && n < all - 1) continue
    yield { at, messages }
    messages = []
  }
}

function messageOf({ code, seq, at }: { code: string; seq: number; at: number }): Received {
  const reading = {
    occupied: Math.floor(seq / 5) % 2 === 0,
    at: new Date(at).toISOString(),
    seq,
    boot: 1,
    kind: seq % 5 === 0 ? 'change' : 'heartbeat',
  }
  const message = receive({
    topic: `parking/v1/${slug}/devices/${code}/reading`,
    payload: Buffer.from(JSON.stringify(reading)),
    receivedAtMs: at,
    retained: false,
    duplicate: false,
    acknowledge: () => {},
    giveUp: () => {},
  })
  if (typeof message === 'string') throw new Error(message)
  return message
}

async function ask(
  tenants: TenantDatabase,
  tenantId: string,
): Promise<Pick<Explained, 'indexed' | 'explain' | 'times'>> {
  const space = { site: 'main', space: device }
  const indexed: number[] = []
  const explained: number[] = []
  const now = systemClock.now()
  for (let n = -warmUps; n < questions; n++) {
    // Spread over the whole of the log, in no order; one in ten asks about now.
    const at = n % 10 === 0 ? undefined : now - (((n + warmUps) * 7919 * 60_000) % (days * dayMs - dayMs)) - 1
    /* oxlint-disable no-await-in-loop -- one after the other, in turn */
    const one = await timed(() => tenants.withTenant(tenantId, lastReading))
    const other = await timed(() =>
      tenants.withTenant(tenantId, (tx) => explain(tx, { space, at, asKnownNow: false, clock: systemClock })),
    )
    /* oxlint-enable no-await-in-loop */
    if (n < 0) continue
    indexed.push(one)
    explained.push(other)
  }
  const [a, b] = [percentilesOf(indexed), percentilesOf(explained)]
  return { indexed: a, explain: b, times: b.p99Ms / a.p99Ms }
}

async function lastReading(tx: Parameters<Parameters<TenantDatabase['withTenant']>[1]>[0]): Promise<void> {
  const rows = await tx.execute(sql`
    select r.* from readings r
    where r.device_id = (select id from devices where tenant_id = ${tx.tenantId} and code = ${device})
    order by r.identity desc limit 1`)
  if (rows.length !== 1) throw new Error('no reading')
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}
