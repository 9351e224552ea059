/**
 * What is explained is what was shown: for random logs (late, repeated, out of order, two sensors, timers, overrides and
 * reservations, with and without debouncing) the state at any instant is the one that was recorded then.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { explain, type Explanation } from '../../src/explain/explain.ts'
import { explanationBody } from '../../src/explain/body.ts'
import { dropOldReadings } from '../../src/jobs/retention.ts'
import { createLog } from '../../src/log.ts'
import { nextDeadline } from '../../src/occupancy/state.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { randomFrom } from '../support/seeded.ts'
import { randomLog, spaceOf, type SpaceLog } from './support/space-log.ts'

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

describe.each(policies)('$name', ({ debounce }) => {
  test.each([1, 2])('log %i: at any instant, what was shown then', async (seed) => {
    const chance = randomFrom(seed * 1000 + (debounce?.readings ?? 0))
    const slug = `random-${seed}-${debounce?.readings ?? 0}`
    const log = await randomLog(baywire, { slug, chance, steps: 70, debounce })
    for (const [index, then] of log.shown.entries()) {
      const end = log.shown[index + 1]?.at ?? baywire.clock.now() + 1
      const at = index % 2 === 0 ? then.at : then.at + chance.below(end - then.at)
      // oxlint-disable-next-line no-await-in-loop -- one after the other, for what fails to be named
      const { state, machine, explainableFrom } = await explained(log, { at })
      expect({ at, state }).toEqual({ at, state: then.columns })
      expect(explainableFrom).toBeUndefined()
      expect(machine?.state.facts.candidate ?? null).toEqual(then.state.facts.candidate)
      expect(machine?.state.newest).toEqual(then.state.newest)
      expect(machine && nextDeadline(machine.state)).toEqual(nextDeadline(then.state))
      expect(machine?.state.reservation).toEqual(then.state.reservation)
    }
    const last = await explained(log)
    expect(last.state).toEqual(log.shown.at(-1)?.columns)
    expect((await explained(log, { at: log.start - 1 })).state).toMatchObject({ status: 'unknown', version: 0 })
  })
})

describe('by all that is known now', () => {
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

describe('where the log ends', () => {
  const dayMs = 86_400_000
  const dropTo = (days: number) =>
    dropOldReadings(
      { database: baywire.system, log: createLog({ level: 'silent' }), signal: new AbortController().signal },
      { days },
    )

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
