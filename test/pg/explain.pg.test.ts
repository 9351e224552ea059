/**
 * What is explained is what was shown: for random logs (late, repeated, out of order, two sensors, timers, overrides and
 * reservations, with and without debouncing) the state at any instant is the one that was recorded then.
 */
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { explain, type Explanation } from '../../src/explain/explain.ts'
import { explanationBody } from '../../src/explain/body.ts'
import { dropOldReadings } from '../../src/jobs/retention.ts'
import { createLog } from '../../src/log.ts'
import type { ReadingInput } from '../../src/occupancy/input.ts'
import { defaultPolicy } from '../../src/occupancy/policy.ts'
import { initialState, nextDeadline, type SpaceState } from '../../src/occupancy/state.ts'
import { step } from '../../src/occupancy/step.ts'
import { redriveDeadLetters } from '../../src/ingest/redrive-run.ts'
import { DeviceDirectory } from '../../src/store/device-directory.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { searchReadings, type ReadingKey } from '../../src/store/reading-search.ts'
import { tenantDatabase, type TenantDatabase, type TenantTransaction } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { randomFrom, type Chance } from '../support/seeded.ts'
import { policyTimeouts, randomLog, setPolicy, spaceOf, type SpaceLog } from './support/space-log.ts'

let baywire: TestIngest
let tenants: TenantDatabase

beforeAll(async () => {
  baywire = await startTestIngest()
  tenants = tenantDatabase({ url: baywire.ownerUrl, max: 4, statementTimeoutMs: 20_000, name: 'test api' })
})
afterEach(() => baywire.expectSound())
afterAll(async () => {
  await tenants.close()
  await baywire.close()
})

async function explained(
  { tenantId, spaceId }: Pick<SpaceLog, 'tenantId' | 'spaceId'>,
  { at, asKnownNow = false }: { at?: number; asKnownNow?: boolean } = {},
): Promise<Explanation> {
  const question = { space: { id: spaceId }, at, asKnownNow, clock: baywire.clock }
  const explanation = await tenants.withTenant(tenantId, (tx) => explain(tx, question))
  if (explanation === undefined) throw new Error('no such space')
  // Nothing of it is left out where it is told.
  expect(explanationBody(explanation).because).not.toBe('')
  return explanation
}

const policies = [
  { name: 'without debouncing', debounce: null },
  { name: 'two readings or 30 s', debounce: { readings: 2, hold_s: 30 } },
  { name: 'three readings or 300 s', debounce: { readings: 3, hold_s: 300 } },
]

/** At any instant of a log, or from some one on, what is explained is what was recorded then. */
async function expectShown(log: SpaceLog, chance: Chance, from = -Infinity): Promise<void> {
  for (const [index, then] of log.shown.entries()) {
    const end = log.shown[index + 1]?.at ?? baywire.clock.now() + 1
    const at = index % 2 === 0 ? then.at : then.at + chance.below(end - then.at)
    if (at < from) continue
    // oxlint-disable-next-line no-await-in-loop -- one after the other, for what fails to be named
    const { state, machine, explainableFrom } = await explained(log, { at })
    expect({ at, state }).toEqual({ at, state: then.columns })
    expect(explainableFrom).toBeUndefined()
    expect(machine?.state.facts.candidate ?? null).toEqual(then.state.facts.candidate)
    expect(machine?.state.newest).toEqual(then.state.newest)
    expect(machine && nextDeadline(machine.state)).toEqual(nextDeadline(then.state))
    expect(machine?.state.reservation).toEqual(then.state.reservation)
  }
}

/** At what seeds the logs begin, and how many: more of them at length. */
const seeds = Array.from({ length: Number(process.env['BAYWIRE_EXPLAIN_LOGS'] ?? 2) }, (_, n) => n + 1)
const turns = ['policy', 'move', 'gateway', 'heartbeat', 'heartbeat', 'heartbeat'] as const

describe.each(policies)('$name', ({ debounce }) => {
  test.each(seeds)('log %i: at any instant, what was shown then', async (seed) => {
    const chance = randomFrom(seed * 1000 + (debounce?.readings ?? 0))
    const slug = `random-${seed}-${debounce?.readings ?? 0}`
    const log = await randomLog(baywire, { slug, chance, steps: 70, debounce, also: seed % 2 === 0 ? turns : [] })
    await expectShown(log, chance)
    const last = await explained(log)
    expect(last.state).toEqual(log.shown.at(-1)?.columns)
    expect((await explained(log, { at: log.start - 1 })).state).toMatchObject({ status: 'unknown', version: 0 })
  })
})

/** Readings in the order of their evidence and no other, each taken as of then, through the state machine from nothing on. */
async function reference({ tenantId, spaceId }: SpaceLog, at: number): Promise<SpaceState> {
  const evidence = await evidenceUntil(spaceId, at)
  const cache = new PolicyCache()
  const versions = [...new Set(evidence.map(({ policy_version: version }) => version))]
  const [site] = await baywire.sql<{ site_id: string }[]>`SELECT site_id FROM spaces WHERE id = ${spaceId}`
  await baywire.system.withSystem((tx) =>
    cache.load(
      tx,
      versions.map((version) => ({ tenantId, version })),
    ),
  )
  let state = initialState
  for (const row of evidence) {
    const heard = row.observed_at.getTime()
    const own = row.clock === 'device'
    const input: ReadingInput = {
      kind: 'reading',
      id: 'reading',
      part: 0,
      device: row.device,
      occupied: row.occupied,
      session: row.session,
      counter: row.counter,
      at: own ? heard : null,
      receivedAt: heard,
      heartbeat: row.payload.includes('heartbeat'),
    }
    const place = { tenantId, spaceId, siteId: site?.site_id ?? '' }
    // A clock that was judged once is not judged again, and no reading of the log was the same as another.
    const sources = state.sources.map((source) => ({ ...source, session: 'none', counter: null, aheadUntil: null }))
    state = step({ ...state, sources }, input, cache.policyOf(place, row.policy_version)).state
  }
  return step(state, { kind: 'deadline', deadline: 'unknown_after', at }, defaultPolicy).state
}

interface EvidenceRow {
  device: string
  occupied: boolean
  session: string | null
  counter: number | null
  clock: string
  observed_at: Date
  policy_version: number
  payload: string
}

async function evidenceUntil(spaceId: string, at: number): Promise<EvidenceRow[]> {
  return await baywire.sql<EvidenceRow[]>`
    SELECT device, occupied, session, counter, clock, observed_at, policy_version, (
      SELECT CASE WHEN f.topic LIKE '%/readings' THEN convert_from(f.payload, 'UTF8')::json -> 'readings' -> r.part
        ELSE convert_from(f.payload, 'UTF8')::json END::text
      FROM readings f WHERE f.id = r.id AND f.part = 0) AS payload
    FROM readings r
    WHERE space_id = ${spaceId} AND input_seq IS NOT NULL AND observed_at <= ${new Date(at)}
    ORDER BY observed_at, coalesce(session, '') COLLATE "C", device COLLATE "C", counter NULLS FIRST, input_seq`
}

describe('by all that is known now', () => {
  test.each(policies.flatMap(({ debounce }) => seeds.map((seed) => ({ debounce, seed }))))(
    'log $seed, $debounce: what a fold of all evidence in its order comes to',
    async ({ debounce, seed }) => {
      const chance = randomFrom(seed * 77 + (debounce?.readings ?? 0))
      const slug = `reference-${seed}-${debounce?.readings ?? 0}`
      const log = await randomLog(baywire, { slug, chance, steps: 60, debounce, also: seed % 2 === 0 ? turns : [] })
      for (const { at } of log.shown) {
        // oxlint-disable-next-line no-await-in-loop -- for what fails to be named
        const [{ state, machine, nextTimer }, wanted] = await Promise.all([
          explained(log, { at, asKnownNow: true }),
          reference(log, at),
        ])
        const { occupancy, stale, candidate } = wanted.facts
        expect({ at, ...state }).toMatchObject({ at, occupancy, stale, observed_at: wanted.newest?.at ?? null })
        expect(machine?.state.facts.candidate ?? null).toEqual(candidate)
        expect(machine && nextDeadline(machine.state)).toEqual(nextDeadline(wanted))
        // Once that is known, since when, too; what calendar and operators say covers it.
        const isCovered = state?.override !== 'none' || state.reservation !== 'none'
        const since = machine?.state.facts.since
        if (!isCovered && since !== null && since !== undefined && nextTimer !== null)
          expect(since).toBe(wanted.facts.since)
      }
    },
  )

  test.each([5, 6])('log %i: the last reading by its own time decides, whenever it came', async (seed) => {
    const chance = randomFrom(seed)
    const log = await randomLog(baywire, { slug: `known-${seed}`, chance, steps: 60, debounce: null })
    for (const { at } of log.shown) {
      // oxlint-disable-next-line no-await-in-loop -- for what fails to be named
      const [known, last] = await Promise.all([explained(log, { at, asKnownNow: true }), lastByItsOwnTime(log, at)])
      expect({ at, ...known.state }).toMatchObject({ at, ...expectedOf(last, at) })
      const { occupancy } = known.shown ?? {}
      if (occupancy === known.state?.occupancy) continue
      // Nothing but evidence that was not heard yet, or a timer that nobody had fed, makes a difference.
      const late = last !== undefined && (last.received > at || last.outcome === 'late')
      expect(late || known.state?.occupancy === 'unknown', `at ${at}`).toBe(true)
    }
  })

  test('a change counts from its first reading once it is known to be confirmed', async () => {
    const chance = randomFrom(7)
    const log = await randomLog(baywire, {
      slug: 'known-debounced',
      chance,
      steps: 50,
      debounce: { readings: 2, hold_s: 60 },
    })
    for (const { at } of log.shown) {
      // oxlint-disable-next-line no-await-in-loop
      const { state, machine } = await explained(log, { at, asKnownNow: true })
      // Whatever was read shows: what is held, or what waits.
      // oxlint-disable-next-line no-await-in-loop
      const last = await lastByItsOwnTime(log, at)
      if (last === undefined || at - last.observed >= 600_000) continue
      const waiting = machine?.state.facts.candidate?.occupancy
      expect([waiting ?? state?.occupancy]).toEqual([last.occupied ? 'occupied' : 'vacant'])
    }
  })
})

interface LastReading {
  occupied: boolean
  observed: number
  received: number
  outcome: string
}

async function lastByItsOwnTime({ spaceId }: SpaceLog, at: number): Promise<LastReading | undefined> {
  const [row] = await baywire.sql<
    (Omit<LastReading, 'observed' | 'received'> & { observed_at: Date; received_at: Date })[]
  >`
    SELECT occupied, observed_at, received_at, outcome FROM readings
    WHERE space_id = ${spaceId} AND input_seq IS NOT NULL AND observed_at <= ${new Date(at)}
    ORDER BY observed_at DESC, coalesce(session, '') COLLATE "C" DESC, device COLLATE "C" DESC, coalesce(counter, 0) DESC, input_seq DESC LIMIT 1`
  return (
    row && {
      occupied: row.occupied,
      outcome: row.outcome,
      observed: row.observed_at.getTime(),
      received: row.received_at.getTime(),
    }
  )
}

function expectedOf(last: LastReading | undefined, at: number) {
  if (last === undefined) return { occupancy: 'unknown' }
  const age = at - last.observed
  const occupancy = age >= 1_500_000 ? 'unknown' : last.occupied ? 'occupied' : 'vacant'
  return { occupancy, stale: age >= 600_000, observed_at: last.observed }
}

const dropTo = (days: number) =>
  dropOldReadings(
    { database: baywire.system, log: createLog({ level: 'silent' }), signal: new AbortController().signal },
    { days },
  )

const dayMs = 86_400_000

describe.each(policies)('what other rules decided, $name', ({ debounce }) => {
  /** As a database has it that was installed when heartbeats taught nothing. */
  async function decidedByFirstRules({ tenantId, spaceId }: { tenantId: string; spaceId: string }): Promise<void> {
    const fields = { ...policyTimeouts, debounce }
    await baywire.sql`UPDATE readings SET rules_version = 1 WHERE space_id = ${spaceId} AND input_seq IS NOT NULL`
    await baywire.sql`UPDATE space_inputs SET rules_version = 1 WHERE space_id = ${spaceId}`
    await baywire.sql`UPDATE space_states SET rules_version = 1 WHERE space_id = ${spaceId}`
    await baywire.sql`
      UPDATE policies SET fields = ${JSON.stringify(fields)}::text::jsonb WHERE tenant_id = ${tenantId} AND version = 1`
    await setPolicy(baywire, { tenantId, fields, version: 2 })
  }
  const also = ['gateway', 'heartbeat', 'heartbeat', 'heartbeat', 'heartbeat'] as const

  test.each(seeds)('log %i: is explained by those rules, and what came after by ours', async (seed) => {
    const chance = randomFrom(seed * 313)
    const slug = `rules-${seed}-${debounce?.readings ?? 0}`
    const wanted = { slug, chance, steps: 70, debounce, also, learns: false }
    const log = await randomLog(baywire, { ...wanted, halfWay: decidedByFirstRules })
    const checkpoints = await baywire.sql`SELECT input_seq FROM space_checkpoints WHERE space_id = ${log.spaceId}`
    expect(checkpoints).toHaveLength(1)
    await expectShown(log, chance)
    // Rules that nobody knows any more: what was shown is known.
    await baywire.sql`UPDATE readings SET rules_version = 0 WHERE space_id = ${log.spaceId} AND rules_version = 1`
    await baywire.sql`UPDATE space_inputs SET rules_version = 0 WHERE space_id = ${log.spaceId} AND rules_version = 1`
    const then = log.shown[10]
    const unknown = await explained(log, { at: then?.at ?? 0 })
    expect(unknown.state).toEqual(then?.columns)
    expect(explanationBody(unknown)).toMatchObject({
      rules_version: 0,
      because: expect.stringContaining('rules of version 0, which are not known here'),
    })
  })
})

describe('where the log ends', () => {
  test.each(seeds)('log %i: what is left is explained as it was shown', async (seed) => {
    const today = Math.floor(Date.now() / dayMs) * dayMs
    baywire.clock.set(today - 20 * dayMs + dayMs / 2)
    const chance = randomFrom(seed * 717)
    const debounce = { readings: 3, hold_s: 300 }
    // The first half goes with its day, and is all that there is of some facts of the second.
    const second = today - 20 * dayMs + 10 * dayMs
    const halfWay = () => Promise.resolve(baywire.clock.set(second + chance.below(dayMs / 2)))
    const log = await randomLog(baywire, { slug: `left-${seed}`, chance, steps: 60, debounce, also: turns, halfWay })
    await dropTo(12)
    await expectShown(log, chance, second)
    const gone = log.shown[5]
    expect(await explained(log, { at: gone?.at ?? 0 })).toMatchObject({
      machine: undefined,
      shown: { status: gone?.columns['status'] },
    })
    baywire.clock.set(Date.now())
  })

  test('after a day was dropped, what is left is explained, and from when on is said', async () => {
    const today = Math.floor(Date.now() / dayMs) * dayMs
    const old = today - 20 * dayMs
    baywire.clock.set(old + 3_600_000)
    const tenantId = await baywire.tenant('dropped', ['A1', 'A2'])
    const spaceId = await spaceOf(baywire, { tenantId, code: 'A1' })
    const hear = async (occupied: boolean, device = 'A1') => {
      const body = { occupied, at: new Date(baywire.clock.now()).toISOString() }
      expect(await baywire.deliver(`parking/v1/dropped/devices/${device}/reading`, body)).toBe('acknowledged')
    }
    await hear(true)
    baywire.clock.set(today - 3 * dayMs)
    await hear(true, 'A2')
    const quiet = baywire.clock.now()
    baywire.clock.set(today - 2 * dayMs)
    await hear(false)
    const free = baywire.clock.now()
    baywire.clock.set(Date.now())
    const place = { tenantId, spaceId }
    expect(await explained(place, { at: quiet })).toMatchObject({ state: { occupancy: 'occupied' } })
    await dropTo(10)

    const gone = await explained(place, { at: old + 2 * 3_600_000 })
    expect(gone).toMatchObject({ shown: { status: 'occupied' }, machine: undefined })
    expect(gone.explainableFrom).toBeGreaterThan(old)
    expect(explanationBody(gone).because).toContain('not kept any more')
    const begin = gone.explainableFrom ?? 0
    const known = await explained(place, { at: old + 2 * 3_600_000, asKnownNow: true })
    expect(known).toMatchObject({ state: null, explainableFrom: begin })

    // No message of that time is kept, but what the space held is.
    const between = await explained(place, { at: quiet })
    expect(between).toMatchObject({
      state: { occupancy: 'occupied', observed_at: old + 3_600_000 },
      explainableFrom: undefined,
    })
    expect(between.machine?.won).toBeUndefined()
    // By all that is known, silence had made it unknown by then, though no timer had been fed.
    expect(await explained(place, { at: quiet, asKnownNow: true })).toMatchObject({ state: { occupancy: 'unknown' } })
    expect(await explained(place, { at: free })).toMatchObject({
      state: { status: 'free' },
      explainableFrom: undefined,
    })
  })
})

test('of a long log, the days concerned alone are looked at', async () => {
  const start = Date.now() - 5 * dayMs
  baywire.clock.set(start)
  const tenantId = await baywire.tenant('long', ['A1'])
  const spaceId = await spaceOf(baywire, { tenantId, code: 'A1' })
  for (let day = -30; day <= 0; day += 7) {
    // oxlint-disable-next-line no-await-in-loop -- eight days at a time
    await baywire.system.withSystem((tx) => ensurePartitions(tx, start + day * dayMs))
  }
  for (const occupied of [true, false]) {
    // oxlint-disable-next-line no-await-in-loop -- in order
    await baywire.deliver('parking/v1/long/devices/A1/reading', {
      occupied,
      at: new Date(baywire.clock.now()).toISOString(),
    })
    baywire.clock.advance(600_000)
  }
  const questions: ((tx: TenantTransaction) => Promise<unknown>)[] = [undefined, start + 1000, start + 900_000].map(
    (at) => (tx) => explain(tx, { space: { id: spaceId }, at, asKnownNow: false, clock: baywire.clock }),
  )
  const period = { from: start - dayMs, to: start + 1_200_000 }
  const filter = { topic: undefined, device: undefined, space: undefined, outcomes: undefined, ...period }
  const signal = new AbortController().signal
  questions.push((tx) => searchReadings(tx, { filter, before: undefined, limit: 10, signal }))
  for (const question of questions) {
    // oxlint-disable-next-line no-await-in-loop -- each in a transaction of its own
    const days = await tenants.withTenant(tenantId, async (tx) => {
      await question(tx)
      // What a statement does not leave out when it is planned, it locks.
      const [row] = await tx.execute<{ days: number; all: number }>(sql`
        select (select count(distinct c.oid)::int from pg_locks l join pg_class c on c.oid = l.relation
            where l.pid = pg_backend_pid() and c.relkind = 'r' and c.relname ~ '^readings_[0-9]{8}$') as days,
          (select count(*)::int from pg_inherits where inhparent = 'readings'::regclass) as all`)
      return row
    })
    expect(days?.days).toBeGreaterThan(0)
    expect(days?.days).toBeLessThanOrEqual(3)
    expect(days?.all).toBeGreaterThan(30)
  }
})

test('what was redriven counts from then on, and by all that is known from when it was measured', async () => {
  const start = Date.now() - 6 * 3_600_000
  baywire.clock.set(start)
  const tenantId = await baywire.tenant('redriven', [])
  for (let n = 0; n < 2; n++) {
    const body = { occupied: true, at: new Date(baywire.clock.now()).toISOString(), seq: n + 1, boot: 1 }
    // oxlint-disable-next-line no-await-in-loop -- in order
    await baywire.deliver('parking/v1/redriven/devices/A1/reading', body)
    baywire.clock.advance(60_000)
  }
  await baywire.tenant('redriven', ['A1'])
  const place = { tenantId, spaceId: await spaceOf(baywire, { tenantId, code: 'A1' }) }
  baywire.clock.set(start + 3 * 3_600_000)
  const context = {
    database: baywire.system,
    memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
    directory: new DeviceDirectory(),
    clock: baywire.clock,
    by: 'test',
  }
  const options = { execute: true, force: false, mostAttempts: 5, mostReadingsAtATime: 2000, onProgress: () => {} }
  expect(await redriveDeadLetters(context, { filter: { tenantId }, ...options })).toMatchObject({ settled: 2 })
  const redrivenAt = baywire.clock.now()
  baywire.clock.advance(3_600_000)

  const before = await explained(place, { at: redrivenAt - 3_600_000 })
  expect(before).toMatchObject({ state: { status: 'unknown', version: 0 }, inputs: [] })
  const then = await explained(place, { at: redrivenAt - 3_600_000, asKnownNow: true })
  expect(then).toMatchObject({
    state: { status: 'occupied', observed_at: start + 60_000 },
    shown: { status: 'unknown' },
  })
  for (const at of [redrivenAt, undefined]) {
    // oxlint-disable-next-line no-await-in-loop
    const after = await explained(place, at === undefined ? {} : { at })
    expect(after).toMatchObject({ state: { status: 'occupied', observed_at: start + 60_000, since: start } })
    expect(explanationBody(after).evidence).toMatchObject({ delivery: 'redrive', outcome: 'unchanged' })
    expect(explanationBody(after).evidence?.payload?.text).toContain('"seq":2')
  }
})

test('beside readings that come meanwhile, each answer is of one moment', async () => {
  const tenantId = await baywire.tenant('busy', ['A1'])
  const place = { tenantId, spaceId: await spaceOf(baywire, { tenantId, code: 'A1' }) }
  baywire.clock.set(Date.now() - 3_600_000)
  const hearing = (async () => {
    for (let n = 0; n < 150; n++) {
      baywire.clock.advance(1000)
      const body = { occupied: n % 3 !== 0, at: new Date(baywire.clock.now()).toISOString() }
      // oxlint-disable-next-line no-await-in-loop -- in order
      await baywire.deliver('parking/v1/busy/devices/A1/reading', body)
    }
  })()
  const asking = Array.from({ length: 4 }, async () => {
    for (let n = 0; n < 20; n++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { state, machine, event } = await explained(place)
      expect(state?.status).toBe(event?.state.status ?? 'unknown')
      expect(machine?.won?.occupied).toBe(event && event.state.occupancy === 'occupied')
    }
  })
  await Promise.all([hearing, ...asking])
})

test('a search that is out of time goes on where it ended', async () => {
  const start = Date.now() - 20 * 3_600_000
  baywire.clock.set(start)
  const tenantId = await baywire.tenant('searched', ['A1'])
  for (let n = 0; n < 7; n++) {
    // oxlint-disable-next-line no-await-in-loop -- in order
    await baywire.deliver('parking/v1/searched/devices/A1/reading', { occupied: true })
    baywire.clock.advance(2.5 * 3_600_000)
  }
  const from = start - 3_600_000
  const filter = {
    topic: '^parking/.*$',
    device: undefined,
    space: undefined,
    outcomes: undefined,
    from,
    to: Date.now(),
  }
  const search = (signal: AbortSignal, before?: ReadingKey) =>
    tenants.withTenant(tenantId, (tx) => searchReadings(tx, { filter, before, limit: 3, signal }))
  const ids: string[] = []
  let pages = 0
  for (let next: ReadingKey | undefined, more = true; more; more = next !== undefined, pages++) {
    // oxlint-disable-next-line no-await-in-loop -- each begins where the one before ended
    const found = await search(AbortSignal.abort(), next)
    ids.push(...found.readings.map(({ id }) => id))
    next = found.next
  }
  expect(pages).toBeGreaterThan(4)
  const rows = await baywire.sql`SELECT id FROM readings WHERE tenant_id = ${tenantId} ORDER BY received_at DESC`
  expect(ids).toEqual(rows.map(({ id }) => id))
})
