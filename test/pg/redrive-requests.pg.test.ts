/** Redrives that were asked for: once each, by one process at a time, whatever becomes of the processes. */
import { sql as fragment } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { RedriveRequests, type RedriveRequestsOptions } from '../../src/ingest/redrive-requests.ts'
import { createLog } from '../../src/log.ts'
import { removeLeftovers } from '../../src/store/leftovers.ts'
import { whileAlone } from '../../src/store/redrive-attempts.ts'
import {
  insertRedrive,
  requestCancel,
  selectRedrive,
  type RequestedRedrive,
  type WantedRedrive,
} from '../../src/store/redrive-requests.ts'
import { endRedrive, noteProgress, renewRedrive, takeRedrive } from '../../src/store/redrive-runs.ts'
import {
  systemDatabase,
  tenantDatabase,
  type SystemDatabase,
  type TenantDatabase,
} from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { eventually } from '../support/program.ts'

let baywire: TestIngest
let tenants: TenantDatabase
let number = 0
const processes: { requests: RedriveRequests; clients: SystemDatabase[] }[] = []

beforeAll(async () => {
  baywire = await startTestIngest()
  tenants = tenantDatabase({ url: baywire.ownerUrl, max: 4, statementTimeoutMs: 10_000, name: 'test api' })
})
afterEach(async () => {
  await Promise.all(processes.map(({ requests }) => requests.stop()))
  await Promise.all(processes.splice(0).flatMap(({ clients }) => clients.map((client) => client.close())))
  await baywire.expectSound()
  await baywire.sql`DELETE FROM redrives`
})
afterAll(async () => {
  await tenants.close()
  await baywire.close()
})

function startProcess(options: Partial<RedriveRequestsOptions> = {}): RedriveRequests {
  const client = (name: string) =>
    systemDatabase({ url: baywire.ownerUrl, max: 3, statementTimeoutMs: 20_000, name: `test ${name}` })
  const clients = [client('redrives'), client('locks')] as const
  const requests = new RedriveRequests({
    database: clients[0],
    locks: clients[1],
    clock: baywire.clock,
    log: createLog({ level: 'silent' }),
    mostAttempts: 5,
    mostReadingsAtATime: 20,
    leaseMs: 2000,
    pollMs: 50,
    ...options,
  })
  processes.push({ requests, clients: [...clients] })
  requests.start()
  return requests
}

const at = (offsetS: number) => new Date(baywire.clock.now() + offsetS * 1000).toISOString()

async function newTenant() {
  const slug = `redrive-${++number}`
  const id = await baywire.tenant(slug, [])
  const topic = (device: string) => `parking/v1/${slug}/devices/${device}/reading`
  const shown = async (redrive: string): Promise<RequestedRedrive> => {
    const found = await tenants.withTenant(id, (tx) => selectRedrive(tx, redrive))
    if (found === undefined) throw new Error('no such redrive')
    return found
  }
  return {
    id,
    slug,
    /** Letters of devices that nobody knows. */
    lose: async (count: number, devices = ['G0', 'G1', 'G2', 'G3']) => {
      const sent = Array.from({ length: count }, (_, n) =>
        baywire.deliver(topic(devices[n % devices.length] ?? ''), {
          occupied: n % 3 === 0,
          at: at(n - count - 100),
          seq: n,
          boot: 1,
        }),
      )
      await Promise.all(sent)
    },
    claim: (...codes: string[]) => baywire.tenant(slug, codes.length === 0 ? ['G0', 'G1', 'G2', 'G3'] : codes),
    ask: async (wanted: Partial<WantedRedrive> = {}) => {
      const redrive = { filter: {}, execute: true, force: false, expectedLetters: null, ...wanted }
      const made = { ...redrive, id: newId(), requestedBy: 'user:test' }
      await tenants.withTenant(id, (tx) => insertRedrive(tx, made))
      return made.id
    },
    shown,
    ended: (redrive: string): Promise<RequestedRedrive> =>
      eventually('the redrive ends', async () => {
        const found = await shown(redrive)
        return found.endedAt !== null && found
      }),
    cancel: (redrive: string) => tenants.withTenant(id, (tx) => requestCancel(tx, redrive)),
    redriven: async () =>
      await baywire.sql<{ id: string; part: number }[]>`
        SELECT id, part FROM readings WHERE tenant_id = ${id} AND delivery = 'redrive'`,
    attempts: async () =>
      await baywire.sql<{ attempted_by: string; attempt: number }[]>`
        SELECT attempted_by, attempt FROM redrive_attempts WHERE tenant_id = ${id}`,
  }
}

/** Whoever is told that the other one has it takes nothing. */
const take = () => baywire.system.withSystem((tx) => takeRedrive(tx, { leaseMs: 10_000 })).catch(() => undefined)

const nothing = { settled: 0, failed: 0, waiting: 0, exhausted: 0, taken: 0, readings: {} }

describe('a redrive that was asked for', () => {
  test('waits while nobody does such work, and is taken up as soon as somebody does', async () => {
    const tenant = await newTenant()
    await tenant.lose(30)
    await tenant.claim()
    const id = await tenant.ask()
    expect(await tenant.shown(id)).toMatchObject({
      status: 'waiting',
      startedAt: null,
      report: null,
      lettersTotal: null,
    })
    startProcess()
    const ended = await tenant.ended(id)
    expect(ended).toMatchObject({ status: 'done', reason: null, lettersTotal: 30, lettersDone: 30 })
    expect(ended.report).toMatchObject({ ...nothing, settled: 30, readings: expect.any(Object) })
    expect(ended.startedAt).toBeGreaterThanOrEqual(ended.requestedAt)
    expect(await tenant.redriven()).toHaveLength(30)
    const by = new Set((await tenant.attempts()).map((row) => row.attempted_by))
    expect([...by]).toEqual([`user:test redrive ${id}`])
  })

  test('of a dry run changes nothing, and says what would be', async () => {
    const tenant = await newTenant()
    await tenant.lose(8)
    await tenant.claim('G0')
    startProcess()
    const { status, report } = await tenant.ended(await tenant.ask({ execute: false }))
    expect(status).toBe('done')
    expect(report).toMatchObject({ ...nothing, settled: 2, waiting: 6, readings: expect.any(Object) })
    expect(await tenant.redriven()).toEqual([])
    expect(await tenant.attempts()).toEqual([])
  })

  test('is narrowed by its filter', async () => {
    const tenant = await newTenant()
    await tenant.lose(8)
    await tenant.claim()
    startProcess()
    const done = async (filter: WantedRedrive['filter']) => (await tenant.ended(await tenant.ask({ filter }))).report
    expect(await done({ outcome: ['malformed', 'retained'] })).toEqual(nothing)
    expect(await done({ topic: 'parking/v1/+/gateways/#' })).toEqual(nothing)
    expect(await done({ from: at(10) })).toEqual(nothing)
    expect(await done({ to: at(-10) })).toEqual(nothing)
    const found = { outcome: ['unknown_device'], device: 'G1', topic: 'parking/v1/+/devices/+/reading', from: at(-1) }
    expect(await done(found as WantedRedrive['filter'])).toMatchObject({ settled: 2 })
  })

  test('does nothing where there are more letters than were expected', async () => {
    const tenant = await newTenant()
    await tenant.lose(5)
    await tenant.claim()
    startProcess()
    const refused = await tenant.ended(await tenant.ask({ expectedLetters: 4 }))
    expect(refused).toMatchObject({ status: 'failed', reason: 'more_letters', lettersTotal: 5, report: null })
    expect(await tenant.attempts()).toEqual([])
    expect(await tenant.ended(await tenant.ask({ expectedLetters: 5 }))).toMatchObject({ status: 'done', reason: null })
  })
})

describe('several at once', () => {
  test('three processes and many tenants: each redrive once, and each letter', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => newTenant()))
    for (const tenant of all) {
      // oxlint-disable-next-line no-await-in-loop
      await tenant.lose(60)
      // oxlint-disable-next-line no-await-in-loop
      await tenant.claim()
    }
    const asked = await Promise.all(
      all.flatMap((tenant) => [0, 1].map(async () => ({ tenant, id: await tenant.ask() }))),
    )
    for (let n = 0; n < 3; n++) startProcess()
    const ended = await Promise.all(asked.map(({ tenant, id }) => tenant.ended(id)))
    expect(ended.map(({ status }) => status)).toEqual(ended.map(() => 'done'))
    expect(ended.reduce((sum, { report }) => sum + (report?.settled ?? 0), 0)).toBe(240)
    expect(ended.reduce((sum, { report }) => sum + (report?.taken ?? 0), 0)).toBe(0)
    for (const tenant of all) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await tenant.attempts()).toHaveLength(60)
    }
  })

  test('two that take in the same moment take two, and of one tenant one', async () => {
    const [one, other] = [await newTenant(), await newTenant()]
    await one.ask()
    await one.ask()
    await other.ask()
    const taken: string[] = []
    for (let round = 0; round < 3; round++) {
      // oxlint-disable-next-line no-await-in-loop
      const both = await Promise.all([take(), take()])
      taken.push(...both.flatMap((redrive) => redrive?.tenantId ?? []))
    }
    expect(taken.toSorted()).toEqual([one.id, other.id].toSorted())
  })

  test('one waits while the command redrives the same tenant', async () => {
    const tenant = await newTenant()
    await tenant.lose(4)
    await tenant.claim()
    let id = ''
    await whileAlone(baywire.system, tenant.id, async () => {
      id = await tenant.ask()
      startProcess()
      await eventually('it was put back', async () => {
        const rows = await baywire.sql`SELECT FROM redrives WHERE status = 'waiting' AND lease_until IS NOT NULL`
        return rows.length > 0
      })
      expect(await tenant.attempts()).toEqual([])
    })
    expect((await tenant.ended(id)).report).toMatchObject({ settled: 4 })
  })
})

describe('half-way', () => {
  test('a process that stops leaves the rest to another one, and every letter is counted once', async () => {
    const tenant = await newTenant()
    await tenant.lose(1200)
    await tenant.claim()
    const id = await tenant.ask()
    const first = startProcess()
    await eventually('it is under way', async () => (await tenant.attempts()).length > 100)
    await first.stop()
    expect(await tenant.shown(id)).toMatchObject({ status: 'waiting', endedAt: null, report: expect.anything() })
    expect((await tenant.redriven()).length).toBeLessThan(1200)
    startProcess()
    const { status, report, lettersTotal, lettersDone } = await tenant.ended(id)
    expect({ status, lettersTotal, lettersDone }).toEqual({ status: 'done', lettersTotal: 1200, lettersDone: 1200 })
    expect(report).toMatchObject({ ...nothing, settled: 1200, readings: expect.any(Object) })
    expect(Object.values(report?.readings ?? {}).reduce((sum, count) => sum + count, 0)).toBe(1200)
    expect(await tenant.attempts()).toHaveLength(1200)
  })

  test('one whose process is gone is taken over once its lease is over, and by nobody before', async () => {
    const tenant = await newTenant()
    await tenant.lose(4)
    await tenant.claim()
    const id = await tenant.ask()
    const gone = await baywire.system.withSystem((tx) => takeRedrive(tx, { leaseMs: 60_000 }))
    expect(gone?.id).toBe(id)
    expect(await baywire.system.withSystem((tx) => takeRedrive(tx, { leaseMs: 60_000 }))).toBeUndefined()
    await baywire.sql`UPDATE redrives SET lease_until = now() - interval '1 s'`
    startProcess()
    expect(await tenant.ended(id)).toMatchObject({ status: 'done', report: { settled: 4 } })
    if (gone === undefined) throw new Error('not taken')
    // It comes back, and has nothing to say any more.
    await baywire.system.withSystem(async (tx) => {
      expect(await renewRedrive(tx, { ...gone, leaseMs: 1000 })).toBeUndefined()
      const progress = { until: 0, after: null, lettersDone: 0, report: { ...nothing } }
      expect(await noteProgress(tx, gone, progress)).toBe(false)
      await endRedrive(tx, gone, { reason: 'internal', lettersDone: 0, report: null })
    })
    expect(await tenant.shown(id)).toMatchObject({ status: 'done', lettersDone: 4, report: { settled: 4 } })
  })

  test('one that takes process after process with it is given up', async () => {
    const tenant = await newTenant()
    const id = await tenant.ask()
    await baywire.sql`
      UPDATE redrives SET status = 'running', run_id = gen_random_uuid(), lease_until = now() - interval '1 s', takeovers = 5`
    startProcess()
    expect(await tenant.ended(id)).toMatchObject({ status: 'failed', reason: 'given_up' })
  })

  test('what cannot be understood fails, and does not come again', async () => {
    const tenant = await newTenant()
    const id = await tenant.ask({ filter: { topic: 'a/#/b' } })
    startProcess()
    expect(await tenant.ended(id)).toMatchObject({ status: 'failed', reason: 'internal' })
  })
})

describe('cancelled', () => {
  test('before anybody began it, it has ended at once', async () => {
    const tenant = await newTenant()
    const id = await tenant.ask()
    expect(await tenant.cancel(id)).toBe(true)
    expect(await tenant.shown(id)).toMatchObject({ status: 'failed', reason: 'cancelled', startedAt: null })
    expect(await tenant.cancel(id)).toBe(false)
  })

  test('on its way, it ends behind its batch, and what was done stays', async () => {
    const tenant = await newTenant()
    await tenant.lose(1200)
    await tenant.claim()
    const id = await tenant.ask()
    const running = startProcess({ leaseMs: 60_000 })
    await eventually('it is under way', async () => (await tenant.attempts()).length > 40)
    expect(await tenant.cancel(id)).toBe(true)
    running.woken()
    const { status, reason, report } = await tenant.ended(id)
    expect({ status, reason }).toEqual({ status: 'failed', reason: 'cancelled' })
    const redriven = await tenant.redriven()
    expect(report?.settled).toBe(redriven.length)
    expect(redriven.length).toBeLessThan(1200)
    expect(await tenant.cancel(id)).toBe(false)
  })
})

describe('the rows', () => {
  test('are of one tenant, to the API, which says nothing of how they go on', async () => {
    const [one, other] = [await newTenant(), await newTenant()]
    const id = await one.ask()
    expect(await tenants.withTenant(other.id, (tx) => selectRedrive(tx, id))).toBeUndefined()
    expect(await tenants.withTenant(other.id, (tx) => requestCancel(tx, id))).toBe(false)
    for (const statement of [
      fragment`update redrives set status = 'done'`,
      fragment`update redrives set filter = '{}'`,
      fragment`delete from redrives`,
    ]) {
      const change = tenants.withTenant(one.id, (tx) => tx.execute(statement))
      // oxlint-disable-next-line no-await-in-loop
      await expect(change).rejects.toMatchObject({ cause: { code: '42501' } })
    }
    expect(await one.shown(id)).toMatchObject({ status: 'waiting' })
  })

  test('go 90 days after their end', async () => {
    const tenant = await newTenant()
    const [old, recent, open] = [await tenant.ask(), await tenant.ask(), await tenant.ask()]
    await tenant.cancel(old)
    await tenant.cancel(recent)
    await baywire.sql`UPDATE redrives SET ended_at = now() - interval '91 days' WHERE id = ${old}`
    await baywire.sql`UPDATE redrives SET requested_at = now() - interval '91 days' WHERE id = ${open}`
    expect(await baywire.system.withSystem(removeLeftovers)).toMatchObject({ redrives: 1 })
    const rows = await baywire.sql<{ id: string }[]>`SELECT id FROM redrives ORDER BY id`
    expect(rows.map((row) => row.id)).toEqual([recent, open].toSorted())
  })
})
