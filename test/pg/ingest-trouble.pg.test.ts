import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { Ingest } from '../../src/ingest/ingest.ts'
import { createLog } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import { systemDatabase, type SystemDatabase } from '../../src/store/transactions.ts'
import { eventually } from '../support/program.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

let baywire: TestIngest
let number = 0

beforeAll(async () => {
  baywire = await startTestIngest({ BAYWIRE_RETRY_MIN_MS: '10', BAYWIRE_RETRY_MAX_MS: '100' })
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

interface Sent {
  device: string
  reading: { occupied: boolean; at: string; seq: number; boot: number }
}

/** A log of `count` readings over `devices`, each device's in order. */
function logOf(devices: readonly string[], count: number): Sent[] {
  const start = baywire.clock.now() - count * 1000
  return Array.from({ length: count }, (_, n) => ({
    device: devices[n % devices.length] ?? '',
    reading: { occupied: n % 7 < 3, at: new Date(start + n * 1000).toISOString(), seq: n, boot: 1 },
  }))
}

/** Another consumer of the same work, in a process of its own but for the process. */
function anotherIngest(database: SystemDatabase) {
  const config = readConfig({ BAYWIRE_INSTANCE: 'other', BAYWIRE_RETRY_MIN_MS: '10', BAYWIRE_BATCH_READINGS: '20' })
  const log = createLog({ level: 'silent' })
  return new Ingest({ database, config, metrics: createMetrics(), log, clock: baywire.clock })
}

type Answer = 'acknowledged' | 'given up'

function deliverTo(ingest: Ingest, slug: string, { device, reading }: Sent): Promise<Answer> {
  return publishTo(ingest, { topic: `parking/v1/${slug}/devices/${device}/reading`, payload: reading })
}

function publishTo(ingest: Ingest, { topic, payload }: { topic: string; payload: unknown }): Promise<Answer> {
  return new Promise((resolve) => {
    ingest.receive({
      topic,
      payload: Buffer.from(JSON.stringify(payload)),
      receivedAtMs: baywire.clock.now(),
      retained: false,
      retainStripped: false,
      duplicate: false,
      acknowledge: () => resolve('acknowledged'),
      giveUp: () => resolve('given up'),
    })
  })
}

const otherDatabase = () => systemDatabase({ url: baywire.ownerUrl, max: 3, statementTimeoutMs: 20_000, name: 'other' })

async function newTenant(devices: readonly string[]) {
  const slug = `trouble-${++number}`
  const id = await baywire.tenant(slug, devices)
  return {
    slug,
    outcomes: async () =>
      Object.fromEntries(
        (
          await baywire.sql<{ outcome: string; count: number }[]>`
            SELECT outcome, count(*)::int AS count FROM readings WHERE tenant_id = ${id} GROUP BY outcome`
        ).map((row) => [row.outcome, row.count]),
      ),
    states: async () =>
      await baywire.sql`
        SELECT p.code, s.status, s.observed_at FROM space_states s
        JOIN spaces p ON p.tenant_id = s.tenant_id AND p.id = s.space_id WHERE s.tenant_id = ${id} ORDER BY p.code`,
    id,
  }
}

/** The same order on every run, and not that of the log. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  return items
    .map((item, n) => ({ item, key: Math.imul(n + seed, 2_654_435_761) >>> 0 }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item)
}

async function retries(): Promise<number> {
  const { values } = await baywire.metrics.commitRetries.get()
  return values.reduce((sum, { value }) => sum + value, 0)
}

describe('in parallel', () => {
  test('two consumers of the same work corrupt no space, and followers skip no event', async () => {
    const devices = Array.from({ length: 10 }, (_, n) => `D${n}`)
    const [clean, contested] = [await newTenant(devices), await newTenant(devices)]
    const log = logOf(devices, 400)
    for (const sent of log) void deliverTo(baywire.ingest, clean.slug, sent)
    const database = otherDatabase()
    const other = anotherIngest(database)
    const follower = follow(contested.id)
    const answers = await Promise.all([
      ...shuffled(log, 1).map((sent) => deliverTo(baywire.ingest, contested.slug, sent)),
      ...shuffled(log, 2).map((sent) => deliverTo(other, contested.slug, sent)),
    ])
    expect(new Set(answers)).toEqual(new Set(['acknowledged']))
    expect(await contested.states()).toEqual(await clean.states())
    expect((await contested.outcomes())['duplicate']).toBe(400)
    expect(await follower.stop()).toEqual({ skipped: [], complete: true })
    await other.stop()
    await database.close()
  })
})

/** Follows the tenant's events as a reader with a cursor does, all the while they are written. */
function follow(tenantId: string) {
  let running = true
  const read: number[] = []
  const loop = (async () => {
    for (let last = false; !last;) {
      last = !running
      const rows = await baywire.sql<{ position: number }[]>`
        SELECT position FROM space_events WHERE tenant_id = ${tenantId} AND position > ${read.at(-1) ?? 0} ORDER BY position`
      read.push(...rows.map((row) => row.position))
    }
  })()
  return {
    async stop() {
      running = false
      await loop
      const [all] = await baywire.sql<{ positions: number[] }[]>`
        SELECT jsonb_agg(position ORDER BY position) AS positions FROM space_events WHERE tenant_id = ${tenantId}`
      const positions = all?.positions ?? []
      return {
        skipped: positions.filter((position) => !read.includes(position)),
        complete: positions.length > 0 && positions.every((position, n) => position === n + 1),
      }
    },
  }
}

describe('half-way through', () => {
  test('backends that are killed under load lose nothing and take nothing twice', async () => {
    const devices = Array.from({ length: 20 }, (_, n) => `K${n}`)
    const tenant = await newTenant(devices)
    const log = logOf(devices, 2000)
    const deliveries: Promise<string>[] = []
    for (let start = 0; start < log.length; start += 100) {
      deliveries.push(...log.slice(start, start + 100).map((sent) => deliverTo(baywire.ingest, tenant.slug, sent)))
      await baywire.sql`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'test ingest' AND datname = current_database()`
    }
    expect(new Set(await Promise.all(deliveries))).toEqual(new Set(['acknowledged']))
    const { duplicate = 0, ...outcomes } = await tenant.outcomes()
    expect(duplicate).toBe(0)
    expect(Object.values(outcomes).reduce((a, b) => a + b, 0)).toBe(2000)
  })

  test('a commit whose answer is lost is not made again', async () => {
    const tenant = await newTenant(['A1'])
    const database = otherDatabase()
    let lost = 0
    const ingest = anotherIngest({
      ...database,
      async withSystem(work) {
        const result = await database.withSystem(work)
        // The transaction that asks what became of the batch must get its answer, and so must the one that looks for its rows.
        if (lost++ > 0) return result
        throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
      },
    })
    const reading = { occupied: true } as Sent['reading']
    expect(await deliverTo(ingest, tenant.slug, { device: 'A1', reading })).toBe('acknowledged')
    expect(lost).toBe(3)
    expect(await tenant.outcomes()).toEqual({ applied: 1 })
    await ingest.stop()
    await database.close()
  })

  test('what the database refuses is kept as malformed, and what came with it is taken', async () => {
    const tenant = await newTenant(['good', 'poison'])
    await baywire.sql.unsafe(`
      CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22003'; END $$;
      CREATE TRIGGER refuse_poison BEFORE INSERT ON readings
        FOR EACH ROW WHEN (new.device = 'poison') EXECUTE FUNCTION refuse_poison()`)
    const log = logOf(['good', 'poison'], 40)
    const answers = await Promise.all(log.map((sent) => deliverTo(baywire.ingest, tenant.slug, sent)))
    expect(new Set(answers)).toEqual(new Set(['acknowledged']))
    const { malformed, ...taken } = await tenant.outcomes()
    expect(malformed).toBe(20)
    expect(Object.values(taken).reduce((a, b) => a + b, 0)).toBe(20)
    const [kept] = await baywire.sql`
      SELECT reason, payload FROM readings WHERE tenant_id = ${tenant.id} AND outcome = 'malformed' LIMIT 1`
    expect(kept?.['reason']).toBe('could not be stored: 22003')
    expect(kept?.['payload'].length).toBeGreaterThan(10)
  })

  test.each([
    ['53100', 'a full disk'],
    ['53200', 'no memory'],
    ['58030', 'a disk that cannot be read or written'],
    ['57014', 'a statement that ran too long'],
  ])('%s, %s, is no fault of a message: it waits until it can be stored', async (code) => {
    const tenant = await newTenant(['good', 'unlucky'])
    await baywire.sql.unsafe(`
      CREATE FUNCTION run_out() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END $$;
      CREATE TRIGGER run_out BEFORE INSERT ON readings
        FOR EACH ROW WHEN (new.device = 'unlucky') EXECUTE FUNCTION run_out()`)
    const before = await retries()
    const answers = Promise.all(
      logOf(['good', 'unlucky'], 20).map((sent) => deliverTo(baywire.ingest, tenant.slug, sent)),
    )
    await eventually('some attempts', async () => (await retries()) > before + 2)
    await baywire.sql`DROP FUNCTION run_out CASCADE`
    expect(new Set(await answers)).toEqual(new Set(['acknowledged']))
    const { malformed = 0, duplicate = 0, ...taken } = await tenant.outcomes()
    expect({ malformed, duplicate }).toEqual({ malformed: 0, duplicate: 0 })
    expect(Object.values(taken).reduce((a, b) => a + b, 0)).toBe(20)
  })

  test.each<[failure: object, what: string]>([
    [{ code: 'EAI_AGAIN', syscall: 'getaddrinfo' }, 'a name that is not found for a moment'],
    [{ code: 'ENOTFOUND', syscall: 'getaddrinfo' }, 'a name that is gone'],
    [{ code: 'EHOSTUNREACH', syscall: 'connect' }, 'a host that cannot be reached'],
    [{ code: 'ENOENT', syscall: 'connect' }, 'a socket file that is not there'],
    [{ code: '28P01', severity: 'FATAL' }, 'a password that was changed'],
    [{ code: '3D000', severity: 'FATAL' }, 'a database that is being restored'],
    [{ code: '25006', severity: 'ERROR' }, 'a server that only reads'],
    [{ code: '57P05', severity: 'FATAL' }, 'a session that was idle too long'],
    [{ code: 'CERT_HAS_EXPIRED' }, 'a certificate that ran out'],
  ])('%j, %s, is no fault of a message, alone or among others', async (failure) => {
    const tenant = await newTenant(['A1', 'A2'])
    const database = otherDatabase()
    let failures = 6
    const ingest = anotherIngest({
      ...database,
      withSystem: async (work) => {
        if (failures-- > 0) throw Object.assign(new Error('no connection'), failure)
        return await database.withSystem(work)
      },
    })
    const answers = await Promise.all(logOf(['A1', 'A2'], 20).map((sent) => deliverTo(ingest, tenant.slug, sent)))
    expect(new Set(answers)).toEqual(new Set(['acknowledged']))
    expect(failures).toBeLessThan(0)
    const { malformed = 0, duplicate = 0, ...taken } = await tenant.outcomes()
    expect({ malformed, duplicate }).toEqual({ malformed: 0, duplicate: 0 })
    expect(Object.values(taken).reduce((a, b) => a + b, 0)).toBe(20)
    await ingest.stop()
    await database.close()
  })

  test('a batch of few readings goes by kept plans, and a large one by plans of its own', async () => {
    const tenant = await newTenant(['A1'])
    const database = otherDatabase()
    const asked: unknown[] = []
    const ingest = anotherIngest({
      ...database,
      withSystem: async (work, options) => {
        asked.push(options)
        return await database.withSystem(work, options)
      },
    })
    const topic = `parking/v1/${tenant.slug}/gateways/gw-1/readings`
    for (const count of [1, 250, 251]) {
      const readings = logOf(['A1'], count).map(({ device, reading }) => ({ device, ...reading }))
      // oxlint-disable-next-line no-await-in-loop -- a batch each
      expect(await publishTo(ingest, { topic, payload: { readings } })).toBe('acknowledged')
    }
    expect(asked).toEqual([{ fewRows: true }, { fewRows: true }, { fewRows: false }])
    await ingest.stop()
    await database.close()
  })

  test.each([
    ['an error that says nothing', {}],
    ['an error that a server should not have', { code: 'XX000', severity: 'ERROR' }],
  ])('%s, is believed of a message when it comes again and again, and not before', async (_what, failure) => {
    const tenant = await newTenant(['A1'])
    const database = otherDatabase()
    const [first, second] = logOf(['A1'], 2) as [Sent, Sent]
    let failures = 2
    const ingest = anotherIngest({
      ...database,
      withSystem: async (work) => {
        if (failures-- > 0) throw Object.assign(new Error('something else'), failure)
        return await database.withSystem(work)
      },
    })
    expect(await deliverTo(ingest, tenant.slug, first)).toBe('acknowledged')
    expect(await tenant.outcomes()).toEqual({ applied: 1 })
    failures = 3
    expect(await deliverTo(ingest, tenant.slug, second)).toBe('acknowledged')
    expect(await tenant.outcomes()).toEqual({ applied: 1, malformed: 1 })
    await ingest.stop()
    await database.close()
  })

  test('a commit that ends with an error that says nothing is asked about, and not made again', async () => {
    const tenant = await newTenant(['A1'])
    const database = otherDatabase()
    let commits = 0
    const ingest = anotherIngest({
      ...database,
      async withSystem(work) {
        const result = await database.withSystem(work)
        if (commits++ === 0) throw new TypeError('the socket is null')
        return result
      },
    })
    const reading = { occupied: true } as Sent['reading']
    expect(await deliverTo(ingest, tenant.slug, { device: 'A1', reading })).toBe('acknowledged')
    expect(await tenant.outcomes()).toEqual({ applied: 1 })
    await ingest.stop()
    await database.close()
  })

  test('a commit whose answer is lost to a network that is gone is asked about as well', async () => {
    const tenant = await newTenant(['A1'])
    const database = otherDatabase()
    let commits = 0
    const ingest = anotherIngest({
      ...database,
      async withSystem(work) {
        const result = await database.withSystem(work)
        if (commits++ === 0) throw Object.assign(new Error('read EHOSTUNREACH'), { code: 'EHOSTUNREACH' })
        return result
      },
    })
    const reading = { occupied: true } as Sent['reading']
    expect(await deliverTo(ingest, tenant.slug, { device: 'A1', reading })).toBe('acknowledged')
    expect(await tenant.outcomes()).toEqual({ applied: 1 })
    await ingest.stop()
    await database.close()
  })

  test('a day without a partition is given one', async () => {
    const tenant = await newTenant(['A1'])
    const now = baywire.clock.now()
    baywire.clock.advance(100 * 86_400_000)
    const sent = {
      device: 'A1',
      reading: { occupied: true, at: new Date(baywire.clock.now()).toISOString(), seq: 1, boot: 1 },
    }
    expect(await deliverTo(baywire.ingest, tenant.slug, sent)).toBe('acknowledged')
    expect(await tenant.outcomes()).toEqual({ applied: 1 })
    baywire.clock.set(now)
  })

  test('a stop gives up what cannot be committed, unacknowledged', async () => {
    const tenant = await newTenant(['A1'])
    const database = otherDatabase()
    const config = readConfig({ BAYWIRE_INSTANCE: 'stopping', BAYWIRE_STOP_MS: '1000', BAYWIRE_RETRY_MIN_MS: '10' })
    const ingest = new Ingest({
      database: {
        ...database,
        withSystem: () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })),
      },
      config,
      metrics: createMetrics(),
      log: createLog({ level: 'silent' }),
      clock: baywire.clock,
    })
    const [sent] = logOf(['A1'], 1)
    if (sent === undefined) throw new Error('no log')
    const answer = deliverTo(ingest, tenant.slug, sent)
    await ingest.stop()
    expect(await answer).toBe('given up')
    expect(await deliverTo(ingest, tenant.slug, sent)).toBe('given up')
    expect(await tenant.outcomes()).toEqual({})
    await database.close()
  })
})

test('a transaction takes a bounded number of bytes, and a message beyond it alone', async () => {
  const small = await startTestIngest({ BAYWIRE_BATCH_BYTES: '65536', BAYWIRE_LANES: '1' })
  try {
    await small.tenant('large', ['A1'])
    const sent = Array.from({ length: 5 }, (_, n) =>
      small.deliver('parking/v1/large/devices/A1/reading', {
        occupied: true,
        seq: n,
        boot: 1,
        pad: 'x'.repeat(30_000),
      }),
    )
    expect(new Set(await Promise.all(sent))).toEqual(new Set(['acknowledged']))
    const { values } = await small.metrics.batchSize.get()
    expect(values.find(({ metricName }) => metricName?.endsWith('_count'))?.value).toBe(3)
    await small.expectSound()
  } finally {
    await small.close()
  }
})

test('the door is held while payloads of too many bytes wait, few as they are, and opened when half are committed', async () => {
  const small = await startTestIngest({
    BAYWIRE_BATCH_BYTES: '65536',
    BAYWIRE_LANES: '1',
    BAYWIRE_PENDING_BYTES: '1048576',
  })
  const calls: string[] = []
  const door = { hold: () => calls.push('hold'), release: () => calls.push('release'), close: async () => {} }
  small.ingest.attach(door)
  const send = (n: number) =>
    small.deliver('parking/v1/large/devices/A1/reading', { occupied: true, seq: n, boot: 1, pad: 'x'.repeat(30_000) })
  try {
    await small.tenant('large', ['A1'])
    const sent = Array.from({ length: 34 }, (_, n) => send(n))
    expect(calls).toEqual([])
    sent.push(send(34))
    expect(calls).toEqual(['hold'])
    const answers = sent.map(async (answer, n) => ({ answer: await answer, n, calls: calls.length }))
    const settled = await Promise.all(answers)
    expect(calls).toEqual(['hold', 'release'])
    expect(settled.every(({ answer }) => answer === 'acknowledged')).toBe(true)
    // Not as soon as there is room for one, or it would open and close all the time.
    expect(settled[9]?.calls).toBe(1)
    const more = Array.from({ length: 40 }, (_, n) => send(100 + n))
    const late: string[] = []
    small.ingest.attach({ ...door, hold: () => late.push('hold') })
    expect(late, 'a door that comes when too much waits already').toEqual(['hold'])
    await Promise.all(more)
  } finally {
    await small.close()
  }
})
