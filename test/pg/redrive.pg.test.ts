import { sql as fragment } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { redriveDeadLetters, type RedriveOptions } from '../../src/ingest/redrive-run.ts'
import { type RedriveContext } from '../../src/ingest/redrive.ts'
import { sweepDeadlines } from '../../src/jobs/deadlines.ts'
import { readDeadLetters, type DeadLetterFilter } from '../../src/store/dead-letters.ts'
import { readMessage } from '../../src/store/dead-message.ts'
import { DeviceDirectory } from '../../src/store/device-directory.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { beginAttempts, readOriginals, whileAlone } from '../../src/store/redrive-attempts.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { systemDatabase, tenantDatabase } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

let baywire: TestIngest
let number = 0

beforeAll(async () => {
  baywire = await startTestIngest()
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

const at = (offsetS: number) => new Date(baywire.clock.now() + offsetS * 1000).toISOString()
const date = (offsetS: number) => new Date(baywire.clock.now() + offsetS * 1000)

/** A process that redrives: it remembers nothing of the others. */
function redriver(overrides: Partial<RedriveContext> = {}): RedriveContext {
  return {
    database: baywire.system,
    memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
    directory: new DeviceDirectory(),
    clock: baywire.clock,
    by: 'test',
    ...overrides,
  }
}

interface LogRow {
  id: string
  part: number
  device: string
  outcome: string
  delivery: string | null
  received_at: Date
}

type Options = Partial<Omit<RedriveOptions, 'filter'>> & { filter?: DeadLetterFilter }

async function newTenant(devices: readonly string[] = ['A1']) {
  const slug = `dlq-${++number}`
  const id = await baywire.tenant(slug, devices)
  const redrive = async ({ filter, ...options }: Options = {}, context = redriver()) => {
    const { readings, ...counts } = await redriveDeadLetters(context, {
      filter: { ...filter, tenantId: id },
      execute: true,
      force: false,
      mostAttempts: 5,
      mostReadingsAtATime: 2000,
      onProgress: () => {},
      ...options,
    })
    return { ...counts, readings: Object.fromEntries(readings) }
  }
  return {
    id,
    slug,
    redrive,
    gateway: `parking/v1/${slug}/gateways/gw-1/readings`,
    send: (device: string, reading: unknown, options = {}) =>
      baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, reading, options),
    /** Makes devices known, each at a space of its code. */
    claim: (...codes: string[]) => baywire.tenant(slug, codes),
    letters: async (filter: DeadLetterFilter = {}) =>
      await baywire.system.withSystem((tx) =>
        readDeadLetters(tx, {
          filter: { ...filter, tenantId: id },
          order: 'oldest first',
          after: undefined,
          limit: 1000,
        }),
      ),
    log: async () =>
      await baywire.sql<LogRow[]>`
        SELECT id, part, device, outcome, delivery, received_at, observed_at, payload, space_id IS NOT NULL AS placed
        FROM readings WHERE tenant_id = ${id} ORDER BY received_at, id, part`,
    attempts: async () =>
      Array.from(
        await baywire.sql<{ part: number; attempt: number; outcome: string | null; reason: string | null }[]>`
          SELECT part, attempt, outcome, reason FROM redrive_attempts WHERE tenant_id = ${id}
          ORDER BY received_at, reading_id, part, attempt`,
      ),
    state: async (space = 'A1') => {
      const [row] = await baywire.sql`
        SELECT s.status, s.since, s.observed_at, s.input_seq FROM space_states s
        JOIN spaces p ON p.tenant_id = s.tenant_id AND p.id = s.space_id WHERE s.tenant_id = ${id} AND p.code = ${space}`
      return row
    },
    events: async () =>
      (
        await baywire.sql`
          SELECT kind, event_time FROM space_events WHERE tenant_id = ${id} ORDER BY position`
      ).map((row) => `${row['kind']} ${(row['event_time'].getTime() - baywire.clock.now()) / 1000}`),
    sessions: async () =>
      await baywire.sql`
        SELECT started_at, ended_at, uncertain FROM parking_sessions WHERE tenant_id = ${id} ORDER BY started_at`,
    ledger: async () => {
      const [row] = await baywire.sql`
        SELECT sum(received)::int AS received, sum(unknown_device)::int AS unknown_device, sum(applied)::int AS applied
        FROM ledger WHERE tenant_id = ${id}`
      return row
    },
  }
}

const nothing = { settled: 0, failed: 0, waiting: 0, exhausted: 0, taken: 0, readings: {} }

describe('a cause that was mended', () => {
  test('a device that was claimed: its readings count as of their arrival, in their order', async () => {
    const tenant = await newTenant()
    for (const [n, occupied] of [true, true, false, true].entries()) {
      await tenant.send('ghost', { occupied, at: at(n * 10 - 100), seq: n, boot: 1 })
    }
    expect(await tenant.redrive()).toEqual({ ...nothing, waiting: 4, readings: { unknown_device: 4 } })
    expect(await tenant.attempts()).toEqual([])
    await tenant.claim('ghost')
    const foreseen = { ...nothing, settled: 4, readings: { applied: 3, unchanged: 1 } }
    const before = await tenant.log()
    expect(await tenant.redrive({ execute: false })).toEqual(foreseen)
    expect(await tenant.log()).toEqual(before)
    expect(await tenant.state('ghost')).toMatchObject({ status: 'unknown' })
    expect(await tenant.redrive()).toEqual(foreseen)
    expect(await tenant.events()).toEqual(['occupied -100', 'vacated -80', 'occupied -70'])
    expect(await tenant.state('ghost')).toMatchObject({ status: 'occupied', since: date(-70), input_seq: 4 })
    expect(await tenant.ledger()).toEqual({ received: 4, unknown_device: 4, applied: 0 })
    expect(await tenant.letters()).toEqual([])
    expect(await tenant.redrive()).toEqual(nothing)
  })

  test('a redriven reading has its arrival and its part, and no second copy of the payload', async () => {
    const tenant = await newTenant(['A1'])
    const readings = [
      { device: 'A1', occupied: true, at: at(-20), seq: 1, boot: 1 },
      { device: 'ghost', occupied: true, at: at(-20), seq: 1, boot: 1 },
      { device: 'A1', occupied: 'perhaps' },
    ]
    await baywire.deliver(tenant.gateway, { readings })
    await tenant.claim('ghost')
    expect(await tenant.redrive()).toMatchObject({ settled: 1, waiting: 1, readings: { applied: 1, malformed: 1 } })
    const [first, , , redriven, ...more] = await tenant.log()
    expect(redriven).toMatchObject({
      part: 1,
      device: 'ghost',
      outcome: 'applied',
      delivery: 'redrive',
      payload: null,
      placed: true,
      received_at: first?.received_at,
    })
    expect(more).toEqual([])
    const id = redriven?.id ?? ''
    const events = await baywire.sql`
      SELECT e.cause FROM space_events e JOIN spaces s ON s.tenant_id = e.tenant_id AND s.id = e.space_id
      WHERE e.tenant_id = ${tenant.id} AND s.code = 'ghost'`
    expect([...events]).toMatchObject([{ cause: { id, part: 1 } }])
    const originals = await baywire.system.withSystem((tx) => readOriginals(tx, [id]))
    expect(originals.get(id)).toBe(first?.id)
  })

  test('a device that was assigned: the space where it stood at that time', async () => {
    const tenant = await newTenant([])
    await baywire.sql`INSERT INTO devices (tenant_id, id, code) VALUES (${tenant.id}, ${newId()}, 'A1')`
    await tenant.send('A1', { occupied: true, at: at(-10), seq: 1, boot: 1 })
    await tenant.send('A1', { occupied: false })
    expect((await tenant.letters()).map(({ outcome }) => outcome)).toEqual(['unassigned', 'unassigned'])
    await tenant.claim('A1')
    expect(await tenant.redrive()).toMatchObject({ settled: 2, readings: { applied: 2 } })
    expect(await tenant.state()).toMatchObject({ status: 'free', since: date(0) })
  })

  test('what a device said that was deleted is not said by another one of its code', async () => {
    const tenant = await newTenant()
    await baywire.sql`UPDATE device_assignments SET unassigned_at = ${date(-100)} WHERE tenant_id = ${tenant.id}`
    await baywire.sql`UPDATE tenants SET directory_version = directory_version + 1 WHERE id = ${tenant.id}`
    await tenant.send('A1', { occupied: true, at: at(-50), seq: 1, boot: 1 })
    await baywire.sql`UPDATE devices SET archived_at = ${date(-40)} WHERE tenant_id = ${tenant.id}`
    await tenant.send('A1', { occupied: true, at: at(-30), seq: 2, boot: 1 })
    await tenant.claim('A1')
    expect(await tenant.redrive()).toMatchObject({ readings: { unassigned: 1, applied: 1 } })
    expect(await tenant.state()).toMatchObject({ status: 'occupied', since: date(-30) })
  })

  test('a decoder that reads now what it could not: all readings of the message', async () => {
    const tenant = await newTenant(['A1', 'A2'])
    const readings = [
      { device: 'A1', occupied: true, at: at(-20), seq: 1, boot: 1 },
      { device: 'A2', occupied: true },
      { device: 'ghost', occupied: true },
    ]
    await logAsMalformed(tenant, JSON.stringify({ readings }))
    expect(await tenant.redrive()).toEqual({
      ...nothing,
      failed: 1,
      readings: { applied: 2, unknown_device: 1 },
    })
    expect(await tenant.attempts()).toEqual([
      { part: 0, attempt: 1, outcome: 'unknown_device', reason: 'no device ghost' },
    ])
    // What had its effect is not tried again: A2's reading has nothing that would tell a second one apart.
    expect(await tenant.redrive()).toEqual({ ...nothing, waiting: 1, readings: { unknown_device: 1 } })
    await tenant.claim('ghost')
    expect(await tenant.redrive()).toEqual({ ...nothing, settled: 1, readings: { applied: 1 } })
    const redriven = (await tenant.log()).filter(({ delivery }) => delivery === 'redrive')
    expect(redriven.map(({ part, device, outcome }) => `${part} ${device} ${outcome}`)).toEqual([
      '0 A1 applied',
      '1 A2 applied',
      '2 ghost applied',
    ])
    expect(new Set(redriven.map((row) => row.id))).toHaveLength(1)
    expect(await tenant.letters()).toEqual([])
  })

  test('a retained message counts by its own clock or not at all', async () => {
    const tenant = await newTenant(['A1', 'A2', 'A3'])
    await tenant.send('A1', { occupied: true, at: at(-500), seq: 1, boot: 1 }, { retained: true })
    await tenant.send('A2', { occupied: true }, { retained: true })
    await tenant.send('A3', { occupied: true, at: at(9000), seq: 1, boot: 1 }, { retained: true })
    expect(await tenant.redrive()).toMatchObject({ settled: 1, waiting: 2, readings: { applied: 1, retained: 2 } })
    expect(await tenant.state('A1')).toMatchObject({ status: 'occupied', since: date(-500) })
    expect(await tenant.state('A2')).toMatchObject({ status: 'unknown', input_seq: 0 })
    expect(await tenant.redrive({ force: true })).toMatchObject({ failed: 2, readings: { retained: 2 } })
    expect(await tenant.state('A3')).toMatchObject({ status: 'unknown', input_seq: 0 })
  })
})

/** As an older decoder would have logged it, which could read nothing of it. */
async function logAsMalformed(tenant: { id: string; gateway: string }, payload: string): Promise<void> {
  const receivedAt = new Date(baywire.clock.now())
  const minute = new Date(receivedAt.getTime() - (receivedAt.getTime() % 60_000))
  await baywire.sql`
    INSERT INTO readings (tenant_id, id, received_at, topic, payload, outcome, reason)
    VALUES (${tenant.id}, ${newId()}, ${receivedAt}, ${tenant.gateway}, ${Buffer.from(payload)}, 'malformed', 'old')`
  await baywire.sql`
    INSERT INTO ledger_entries (tenant_id, minute, writer, received, malformed)
    VALUES (${tenant.id}, ${minute}, 'older', 1, 1)`
}

describe('late, twice, in parallel', () => {
  test('an old reading never moves a newer state, and corrects the sessions', async () => {
    const tenant = await newTenant()
    await tenant.send('ghost', { occupied: true, at: at(-300), seq: 1, boot: 1 })
    await tenant.send('ghost', { occupied: false, at: at(-200), seq: 2, boot: 1 })
    await tenant.claim('ghost')
    await tenant.send('ghost', { occupied: true, at: at(-100), seq: 3, boot: 1 })
    const state = await tenant.state('ghost')
    expect(await tenant.redrive({ execute: false })).toMatchObject({ settled: 2, readings: { late: 2 } })
    expect(await tenant.redrive()).toMatchObject({ settled: 2, readings: { late: 2 } })
    expect(await tenant.state('ghost')).toEqual({ ...state, input_seq: 3 })
    expect(await tenant.sessions()).toEqual([
      { started_at: date(-300), ended_at: date(-200), uncertain: false },
      { started_at: date(-100), ended_at: null, uncertain: false },
    ])
  })

  test('a deadline that fired for want of a reading is taken back, and what is due by it fires again', async () => {
    const hourMs = 3_600_000
    const tenant = await newTenant()
    const now = baywire.clock.now()
    const reading = (hours: number, seq: number) => ({
      device: 'A1',
      occupied: false,
      at: new Date(now - hours * hourMs).toISOString(),
      seq,
      boot: 1,
    })
    baywire.clock.set(now - 60 * hourMs)
    await baywire.system.withSystem((tx) => ensurePartitions(tx, baywire.clock.now()))
    await tenant.send('A1', reading(60, 1))
    baywire.clock.set(now - 30 * hourMs)
    await logAsMalformed(tenant, JSON.stringify({ readings: [reading(30, 2)] }))
    baywire.clock.set(now - hourMs * 10)
    await sweepDeadlines(redriver())
    expect(await tenant.state()).toMatchObject({ status: 'unknown', observed_at: new Date(now - 60 * hourMs) })
    expect(await tenant.redrive()).toMatchObject({ settled: 1, readings: { unchanged: 1 } })
    expect(await tenant.state()).toMatchObject({ status: 'free', observed_at: new Date(now - 30 * hourMs) })
    baywire.clock.set(now)
    await sweepDeadlines(redriver())
    expect(await tenant.state()).toMatchObject({ status: 'unknown', observed_at: new Date(now - 30 * hourMs) })
  })

  test('what was sent again in the meantime, and taken, is a duplicate and leaves the list', async () => {
    const tenant = await newTenant()
    const reading = { occupied: true, at: at(-300), seq: 1, boot: 1 }
    await tenant.send('ghost', reading)
    await tenant.send('ghost', reading, { duplicate: true })
    await tenant.claim('ghost')
    await tenant.send('ghost', reading)
    expect(await tenant.redrive({ execute: false })).toMatchObject({ settled: 2, readings: { duplicate: 2 } })
    expect(await tenant.redrive()).toMatchObject({ settled: 2, readings: { duplicate: 2 } })
    expect(await tenant.state('ghost')).toMatchObject({ input_seq: 1 })
    expect(await tenant.letters()).toEqual([])
  })

  test('the same reading twice among the dead is taken once, also by a rehearsal of many batches', async () => {
    const tenant = await newTenant()
    const reading = { occupied: true, at: at(-300), seq: 1, boot: 1 }
    for (let n = 0; n < 3; n++) await tenant.send('ghost', reading)
    await tenant.claim('ghost')
    const once = { settled: 3, readings: { applied: 1, duplicate: 2 } }
    expect(await tenant.redrive({ execute: false, mostReadingsAtATime: 1 })).toMatchObject(once)
    expect(await tenant.redrive({ mostReadingsAtATime: 1 })).toMatchObject(once)
  })

  test('several redrives at once, beside live readings: each letter once', async () => {
    const codes = ['G0', 'G1', 'G2', 'G3']
    const tenant = await newTenant([])
    const messages = Array.from({ length: 300 }, (_, n) =>
      // Without a time and a counter nothing but the attempts tells a second redrive from the first.
      tenant.send(codes[n % 4] ?? '', n % 2 ? { occupied: n % 3 === 0 } : { occupied: true, at: at(n - 400), seq: n }),
    )
    await Promise.all(messages)
    await tenant.claim(...codes)
    const database = systemDatabase({ url: baywire.ownerUrl, max: 3, statementTimeoutMs: 20_000, name: 'other' })
    const [live, ...reports] = await Promise.all([
      Promise.all(codes.map((code) => tenant.send(code, { occupied: false, at: at(0), seq: 999 }))),
      ...[baywire.system, database, baywire.system].map((one) =>
        tenant.redrive({ mostReadingsAtATime: 20 }, redriver({ database: one })),
      ),
    ])
    expect(new Set(live)).toEqual(new Set(['acknowledged']))
    expect(reports.reduce((sum, { settled }) => sum + settled, 0)).toBe(300)
    const redriven = (await tenant.log()).filter(({ delivery }) => delivery === 'redrive')
    expect(redriven).toHaveLength(300)
    expect(new Set(redriven.map((row) => row.id))).toHaveLength(300)
    expect(await tenant.letters()).toEqual([])
    await database.close()
  })

  test('while one has the lock of a tenant, another is refused, and a third tenant is not', async () => {
    const [one, other] = [await newTenant(), await newTenant()]
    const answers = await whileAlone(baywire.system, one.id, async () => [
      await whileAlone(baywire.system, one.id, () => Promise.resolve('second')),
      await whileAlone(baywire.system, other.id, () => Promise.resolve('other')),
    ])
    expect(answers?.result).toEqual([undefined, { result: 'other' }])
    expect(await whileAlone(baywire.system, one.id, () => Promise.resolve('after'))).toEqual({ result: 'after' })
  })

  test("another tenant's letters stay, of a device with the same name", async () => {
    const [one, other] = [await newTenant(), await newTenant()]
    for (const tenant of [one, other]) {
      await tenant.send('ghost', { occupied: true, at: at(-10), seq: 1, boot: 1 })
      await tenant.claim('ghost')
    }
    expect(await one.redrive()).toMatchObject({ settled: 1 })
    expect(await other.letters()).toHaveLength(1)
    expect(await other.state('ghost')).toMatchObject({ status: 'unknown' })
    expect(await other.redrive()).toMatchObject({ settled: 1 })
  })
})

test('the API sees the attempts of one tenant, and changes none', async () => {
  const [one, other] = [await newTenant(), await newTenant()]
  for (const tenant of [one, other]) {
    await tenant.send('ghost', { occupied: true })
    await tenant.redrive({ force: true })
  }
  const api = tenantDatabase({ url: baywire.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'test api' })
  const rows = await api.withTenant(one.id, (tx) => tx.execute(fragment`select tenant_id from redrive_attempts`))
  expect([...rows]).toEqual([{ tenant_id: one.id }])
  const change = api.withTenant(one.id, (tx) => tx.execute(fragment`update redrive_attempts set reason = 'none'`))
  await expect(change).rejects.toMatchObject({ cause: { code: '42501' } })
  await api.close()
})

describe('half-way through a crash', () => {
  test('an attempt that was begun and cut off is made again, and counted', async () => {
    const tenant = await newTenant()
    await tenant.send('ghost', { occupied: true })
    await tenant.claim('ghost')
    const [letter] = await tenant.letters()
    if (letter === undefined) throw new Error('no letter')
    const redrivenId = newId()
    const begin = { by: 'crashed', at: baywire.clock.now() }
    await baywire.system.withSystem((tx) => beginAttempts(tx, [{ ...letter, attempt: 1, redrivenId }], begin))
    expect(await tenant.redrive()).toMatchObject({ settled: 1, readings: { applied: 1 } })
    expect(await tenant.attempts()).toEqual([
      { part: 0, attempt: 1, outcome: null, reason: null },
      { part: 0, attempt: 2, outcome: 'applied', reason: null },
    ])
    const [, redriven, ...more] = await tenant.log()
    expect(redriven).toMatchObject({ id: redrivenId, delivery: 'redrive' })
    expect(more).toEqual([])
  })

  test('an answer to COMMIT that is lost leaves nothing to be done twice', async () => {
    const tenant = await newTenant()
    await tenant.send('ghost', { occupied: true })
    await tenant.send('ghost', { occupied: false })
    await tenant.claim('ghost')
    let transactions = 0
    const forgetful = {
      ...baywire.system,
      withSystem: async <T>(work: Parameters<typeof baywire.system.withSystem<T>>[0]) => {
        const result = await baywire.system.withSystem(work)
        // Page, rehearsal, beginning, then the one that logs.
        if (++transactions === 4) throw Object.assign(new Error('lost'), { code: 'CONNECTION_CLOSED' })
        return result
      },
    }
    await expect(tenant.redrive({}, redriver({ database: forgetful }))).rejects.toThrow('lost')
    expect(transactions).toBe(4)
    expect(await tenant.redrive()).toEqual(nothing)
    expect((await tenant.log()).filter(({ delivery }) => delivery === 'redrive')).toHaveLength(2)
  })
})

describe('nothing goes round in circles', () => {
  test('what the database refuses ends as malformed alone, and is not tried for ever', async () => {
    const tenant = await newTenant(['good', 'poison'])
    await baywire.sql.unsafe(`
      CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22003'; END $$;
      CREATE TRIGGER refuse_poison BEFORE INSERT ON readings
        FOR EACH ROW WHEN (new.device = 'poison') EXECUTE FUNCTION refuse_poison()`)
    await tenant.send('ghost', { occupied: true, at: at(-30), seq: 1, boot: 1 })
    await tenant.send('poison', { occupied: true, at: at(-20), seq: 1, boot: 1 })
    await tenant.send('ghost', { occupied: false, at: at(-10), seq: 2, boot: 1 })
    await tenant.claim('ghost')
    expect(await tenant.redrive({ mostAttempts: 2 })).toEqual({
      ...nothing,
      settled: 2,
      failed: 1,
      readings: { applied: 2, malformed: 1 },
    })
    expect(await tenant.redrive({ mostAttempts: 2 })).toMatchObject({ failed: 1 })
    expect(await tenant.redrive({ mostAttempts: 2 })).toEqual({ ...nothing, exhausted: 1 })
    expect(await tenant.redrive({ mostAttempts: 2, force: true })).toEqual({ ...nothing, exhausted: 1 })
    await baywire.sql.unsafe('DROP TRIGGER refuse_poison ON readings; DROP FUNCTION refuse_poison()')
    expect(await tenant.redrive({ mostAttempts: 3 })).toMatchObject({ settled: 1, readings: { applied: 1 } })
    expect((await tenant.attempts()).map(({ outcome }) => outcome)).toEqual([
      'applied',
      'malformed',
      'malformed',
      'applied',
      'applied',
    ])
  })

  test('a message that cannot even be judged holds up no other', async () => {
    const tenant = await newTenant()
    await tenant.send('ghost', { occupied: true })
    await tenant.send('ghost', { occupied: false })
    await tenant.claim('ghost')
    let transactions = 0
    const refusing = {
      ...baywire.system,
      withSystem: async <T>(work: Parameters<typeof baywire.system.withSystem<T>>[0]) => {
        // The rehearsal of both, then that of the first alone.
        if ([2, 3].includes(++transactions)) throw Object.assign(new Error('refused'), { code: '22021' })
        return await baywire.system.withSystem(work)
      },
    }
    const context = redriver({ database: refusing })
    expect(await tenant.redrive({}, context)).toMatchObject({ settled: 1, waiting: 1, readings: { applied: 1 } })
    expect(await tenant.letters()).toHaveLength(1)
  })

  test('an attempt that would have no effect is made when asked for, and recorded', async () => {
    const tenant = await newTenant()
    await tenant.send('ghost', { occupied: true })
    expect(await tenant.redrive({ force: true })).toEqual({ ...nothing, failed: 1, readings: { unknown_device: 1 } })
    expect(await tenant.letters()).toMatchObject([
      { attempts: 1, lastOutcome: 'unknown_device', lastReason: 'no device ghost' },
    ])
    expect(await tenant.log()).toHaveLength(1)
  })

  test('more letters than fit in a page', async () => {
    const tenant = await newTenant([])
    await Promise.all(
      Array.from({ length: 1100 }, (_, n) =>
        tenant.send('ghost', { occupied: n % 2 === 0, at: at(n - 1200), seq: n, boot: 1 }),
      ),
    )
    await tenant.claim('ghost')
    expect(await tenant.redrive({ execute: false })).toEqual({ ...nothing, settled: 1100, readings: { applied: 1100 } })
    expect(await tenant.redrive()).toEqual({ ...nothing, settled: 1100, readings: { applied: 1100 } })
  })
})

describe('the list', () => {
  test('takes what the filter takes, in either direction, page by page', async () => {
    const tenant = await newTenant()
    const start = baywire.clock.now()
    await tenant.send('ghost', { occupied: true })
    baywire.clock.advance(1000)
    await tenant.send('A1', 'no JSON')
    baywire.clock.advance(1000)
    await baywire.deliver(tenant.gateway, { readings: [{ device: 'ghost', occupied: true }, { occupied: true }] })
    await tenant.send('A1', { occupied: true, at: at(-5) })
    await tenant.send('A1', { occupied: true, at: at(-6) })
    const outcomesOf = async (filter: DeadLetterFilter) => (await tenant.letters(filter)).map(({ outcome }) => outcome)
    expect(await outcomesOf({})).toEqual(['unknown_device', 'malformed', 'unknown_device', 'malformed'])
    expect(await outcomesOf({ outcomes: ['malformed'] })).toHaveLength(2)
    expect(await outcomesOf({ outcomes: ['late', 'duplicate'] })).toEqual(['late'])
    expect(await outcomesOf({ device: 'ghost' })).toEqual(['unknown_device', 'unknown_device'])
    expect(await outcomesOf({ topic: '^parking/v1/[^/]*/gateways/.*$' })).toEqual(['unknown_device', 'malformed'])
    expect(await outcomesOf({ since: start + 1, until: start + 1001 })).toEqual(['malformed'])
    const page = async (after: Awaited<ReturnType<typeof tenant.letters>>[number] | undefined) =>
      await baywire.system.withSystem((tx) =>
        readDeadLetters(tx, { filter: { tenantId: tenant.id }, order: 'newest first', after, limit: 3 }),
      )
    const first = await page(undefined)
    const second = await page(first.at(-1))
    expect([...first, ...second]).toEqual((await tenant.letters()).toReversed())
  })

  test('a message is shown with its payload, its parts and what was tried', async () => {
    const tenant = await newTenant()
    const payload = JSON.stringify({
      readings: [
        { device: 'A1', occupied: true },
        { device: 'ghost', occupied: true },
      ],
    })
    await baywire.deliver(tenant.gateway, payload)
    await tenant.redrive({ force: true })
    const [letter] = await tenant.letters()
    const message = await baywire.system.withSystem((tx) =>
      readMessage(tx, { id: letter?.id ?? '', tenantId: tenant.id }),
    )
    expect(message?.payload.toString()).toBe(payload)
    expect(message).toMatchObject({
      topic: tenant.gateway,
      parts: [
        { part: 0, outcome: 'applied', attempts: [] },
        { part: 1, outcome: 'unknown_device', attempts: [{ attempt: 1, by: 'test', outcome: 'unknown_device' }] },
      ],
    })
    const foreign = { id: letter?.id ?? '', tenantId: newId() }
    expect(await baywire.system.withSystem((tx) => readMessage(tx, foreign))).toBeUndefined()
  })
})
