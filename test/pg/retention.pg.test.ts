/**
 * Readings are dropped by their day of arrival, with a checkpoint of each space left behind: what is folded before and
 * after is equal, whatever the order in which readings came, and wherever it stops half-way.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { sweepDeadlines } from '../../src/jobs/deadlines.ts'
import { dropOldReadings } from '../../src/jobs/retention.ts'
import { createLog } from '../../src/log.ts'
import { rulesVersion } from '../../src/occupancy/step.ts'
import { keepCheckpoints } from '../../src/replay/checkpoints.ts'
import { verify } from '../../src/replay/verify.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { compareBooks } from '../../src/store/reconcile.ts'
import { dropDay, loggedDays } from '../../src/store/retention.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { eventually } from '../support/program.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000
/** Midnight of the day before the log's youngest day that 90 days of retention drop. */
const today = Math.floor(Date.now() / dayMs) * dayMs
const oldDay = today - 92 * dayMs

let baywire: TestIngest
let slug: string
let tenantId: string
let number = 0
let seq = 0

beforeAll(async () => {
  baywire = await startTestIngest()
})
beforeEach(async () => {
  slug = `kept-${++number}`
  tenantId = await baywire.tenant(slug, ['A1', 'A2'])
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

const never = new AbortController().signal
const day = (time: number) => new Date(time).toISOString().slice(0, 10)
const context = () => ({ database: baywire.system, log: createLog({ level: 'silent' }), signal: never })
const drop = (days = 90) => dropOldReadings(context(), { days })

/** A reading that arrives at `time` and was measured then, or at `at`. */
async function hear(
  time: number,
  { occupied = seq % 2 === 0, at = time, device = 'A1', counter = ++seq } = {},
): Promise<void> {
  baywire.clock.set(time)
  const reading = { occupied, at: new Date(at).toISOString(), seq: counter, boot: 1 }
  expect(await baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, reading)).toBe('acknowledged')
}

const sweep = () => {
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  return sweepDeadlines({ database: baywire.system, memory, clock: baywire.clock })
}

/** All that outlives the readings. */
async function lasting() {
  const [states, sessions, events, [ledger]] = await Promise.all([
    baywire.sql`SELECT space_id, status, state, input_seq, session_started_at FROM space_states WHERE tenant_id = ${tenantId} ORDER BY 1`,
    baywire.sql`SELECT * FROM parking_sessions WHERE tenant_id = ${tenantId} ORDER BY space_id, started_at`,
    baywire.sql`SELECT * FROM space_events WHERE tenant_id = ${tenantId} ORDER BY position`,
    baywire.sql`SELECT sum(received) AS received, sum(applied) AS applied, sum(late) AS late FROM ledger WHERE tenant_id = ${tenantId}`,
  ])
  return { states: [...states], sessions: [...sessions], events: [...events], ledger }
}

const sessions = () =>
  baywire.sql<{ started_at: Date; ended_at: Date | null }[]>`
    SELECT started_at, ended_at FROM parking_sessions WHERE tenant_id = ${tenantId} ORDER BY started_at`

const logged = () => baywire.system.withSystem(loggedDays)
const kept = async (table: 'readings' | 'space_inputs' | 'space_checkpoints' | 'ledger_entries' | 'ledger_days') =>
  (await baywire.sql`SELECT FROM ${baywire.sql(table)} WHERE tenant_id = ${tenantId}`).length

test('old readings go with their timers and books; states, events, sessions and totals stay', async () => {
  await hear(oldDay + hourMs, { occupied: true })
  await hear(oldDay + 5 * hourMs, { occupied: false })
  baywire.clock.set(oldDay + 4 * dayMs)
  await sweep()
  await hear(today - 80 * dayMs, { occupied: true })
  const before = await lasting()
  expect(await kept('space_inputs')).toBe(2)

  await drop(0)
  expect(await kept('readings')).toBe(3)
  expect(await drop()).toMatchObject({ result: 'succeeded', detail: { last: day(today - 91 * dayMs) } })
  expect(await logged()).not.toContain(day(oldDay))
  expect(await kept('readings')).toBe(1)
  expect(await kept('ledger_entries')).toBe(1)
  expect(await kept('ledger_days')).toBe(1)
  expect(await lasting()).toEqual(before)
  await baywire.expectSound()

  await drop(60)
  expect(await kept('readings')).toBe(0)
  expect(await kept('space_inputs')).toBe(0)
  expect(await kept('space_checkpoints'), 'of one space, the newest alone').toBe(1)
  expect(await lasting()).toEqual(before)
  await hear(Date.now(), { occupied: false })
  expect(await verify(baywire.system, { tenantId })).toMatchObject({ inputs: 1, first_difference: null })
})

test('readings on both sides of midnight, in another order than they arrived', async () => {
  const midnight = today - 91 * dayMs
  await hear(midnight - 2000, { occupied: true })
  await hear(midnight + 100, { occupied: false })
  await hear(midnight - 100, { occupied: true, at: midnight + 200 })
  await hear(midnight + 300, { occupied: false })
  const before = await lasting()
  await drop(91)
  expect(await kept('readings')).toBe(2)
  const [checkpoint] = await baywire.sql`SELECT input_seq FROM space_checkpoints WHERE tenant_id = ${tenantId}`
  expect(checkpoint).toEqual({ input_seq: 3 })
  await baywire.expectSound()
  await drop()
  expect(await kept('readings')).toBe(0)
  expect(await lasting()).toEqual(before)
})

test('a reading that came into an old day long after it', async () => {
  await hear(oldDay, { occupied: true })
  await hear(today - 50 * dayMs, { occupied: false })
  await hear(today - 40 * dayMs, { occupied: true })
  await hear(oldDay + hourMs, { occupied: false, at: today - 39 * dayMs })
  await hear(today - 30 * dayMs, { occupied: true })
  await drop()
  expect(await kept('readings')).toBe(3)
  const [checkpoint] = await baywire.sql`SELECT input_seq FROM space_checkpoints WHERE tenant_id = ${tenantId}`
  expect(checkpoint).toEqual({ input_seq: 4 })
  expect(await verify(baywire.system, { tenantId })).toMatchObject({ inputs: 1, first_difference: null })
})

test('readings of one message at several spaces, whose bytes stand on its first part alone', async () => {
  baywire.clock.set(oldDay)
  const at = new Date(oldDay).toISOString()
  const readings = ['A1', 'A2'].map((device) => ({ device, occupied: true, at, seq: ++seq, boot: 1 }))
  await baywire.deliver(`parking/v1/${slug}/gateways/gw-1/readings`, { readings })
  await hear(today - 10 * dayMs, { device: 'A2', occupied: false })
  await drop()
  expect(await kept('readings')).toBe(1)
  expect(await kept('space_checkpoints')).toBe(2)
})

test('ended between checkpoints and dropping: nothing is lost, and a reading that came meanwhile is not either', async () => {
  await hear(oldDay, { occupied: true })
  const options = { day: day(oldDay), signal: never }
  expect(await keepCheckpoints(baywire.system, options)).toBe(1)
  await baywire.expectSound()
  expect(await keepCheckpoints(baywire.system, options), 'again').toBe(0)

  await hear(oldDay + 1000, { occupied: false })
  const tooEarly = dropDay(baywire.system, day(oldDay))
  await expect(tooEarly).rejects.toMatchObject({ code: '55000' })
  expect(await kept('readings')).toBe(2)
  await baywire.expectSound()
  await drop()
  expect(await kept('readings')).toBe(0)
  expect(await dropDay(baywire.system, day(oldDay)), 'once more').toBe(false)
})

test('ended within the transaction that drops: all is as before it', async () => {
  await hear(oldDay, { occupied: true })
  await keepCheckpoints(baywire.system, { day: day(oldDay), signal: never })
  const ended = baywire.system.withSystem(async (tx) => {
    await tx`SELECT drop_reading_partition(${day(oldDay)})`
    await tx`SELECT pg_terminate_backend(pg_backend_pid())`
  })
  await expect(ended).rejects.toThrow()
  expect(await kept('readings')).toBe(1)
  await baywire.expectSound()
  await drop()
})

test('a day with an input that is missing, or that folds to something else, is kept', async () => {
  await hear(oldDay, { occupied: true })
  await hear(oldDay + 1000, { occupied: false })
  await hear(oldDay + 2000, { occupied: true })
  const [lost] = await baywire.sql`DELETE FROM readings WHERE tenant_id = ${tenantId} AND input_seq = 2 RETURNING *`
  await expect(drop()).rejects.toThrow(/its input 2 is missing in the log/)
  await baywire.sql`INSERT INTO readings ${baywire.sql(lost ?? {})}`
  await baywire.sql`UPDATE readings SET outcome = 'unchanged' WHERE tenant_id = ${tenantId} AND input_seq = 2`
  await expect(drop()).rejects.toThrow(/input 2 was unchanged and folds to applied/)
  expect(await kept('readings')).toBe(3)
  await baywire.sql`UPDATE readings SET outcome = 'applied' WHERE tenant_id = ${tenantId} AND input_seq = 2`
  await drop()
})

test('what is young cannot be dropped, whatever the clock of a process says', async () => {
  await hear(Date.now(), { occupied: true })
  for (const time of [today, today - dayMs]) {
    const attempt = dropDay(baywire.system, day(time))
    await expect(attempt).rejects.toMatchObject({ code: '22023' })
  }
  await drop()
  expect(await kept('readings')).toBe(1)
})

test('a late reading does not take away sessions whose readings were dropped', async () => {
  await hear(oldDay, { occupied: true })
  await hear(oldDay + hourMs, { occupied: false })
  await hear(oldDay + 2 * hourMs, { occupied: true })
  await hear(today - 10 * dayMs, { occupied: true })
  const [older, old] = [++seq, ++seq]
  await hear(today - 9 * dayMs, { occupied: true })
  await drop()
  await hear(today - 8 * dayMs, { occupied: false, at: today - 9.5 * dayMs, counter: old })
  const [first, open] = [
    { started_at: new Date(oldDay), ended_at: new Date(oldDay + hourMs) },
    { started_at: new Date(oldDay + 2 * hourMs), ended_at: new Date(today - 9.5 * dayMs) },
  ]
  expect([...(await sessions())]).toEqual([first, open, { started_at: new Date(today - 9 * dayMs), ended_at: null }])
  await hear(today - 7 * dayMs, { occupied: false, at: oldDay + 3 * hourMs, counter: older })
  expect((await sessions()).slice(0, 2)).toEqual([first, open])
  await hear(today - 6 * dayMs, { occupied: false })
  expect((await sessions()).at(-1)).toEqual({
    started_at: new Date(today - 9 * dayMs),
    ended_at: new Date(today - 6 * dayMs),
  })
})

test('readings go on while days are dropped, and so does whoever compares', async () => {
  const devices = ['A1', 'A2']
  for (let n = 0; n < 40; n++) {
    // oxlint-disable-next-line no-await-in-loop -- in order
    await hear(oldDay - (n % 5) * dayMs + n, { device: devices[n % 2], at: oldDay - 10 * dayMs + n * 1000 })
  }
  baywire.clock.set(Date.now())
  const dropped = new AbortController()
  let slowestMs = 0
  const load = (async () => {
    while (!dropped.signal.aborted) {
      const startedAt = performance.now()
      // oxlint-disable-next-line no-await-in-loop -- as fast as they are acknowledged
      await hear(Date.now(), { device: 'A1' })
      slowestMs = Math.max(slowestMs, performance.now() - startedAt)
    }
  })()
  const comparing = (async () => {
    let times = 0
    for (; !dropped.signal.aborted; times++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const verification = await verify(baywire.system, { tenantId })
      expect(verification.first_difference).toBeNull()
      // oxlint-disable-next-line no-await-in-loop
      const books = await baywire.system.withSnapshot((tx) => compareBooks(tx, { tenantId }))
      expect(books.imbalance).toBe(0)
    }
    return times
  })()
  try {
    await drop()
  } finally {
    dropped.abort()
  }
  await load
  expect(await comparing).toBeGreaterThan(0)
  if (process.env['TEST_FIGURES'] !== undefined)
    process.stderr.write(`slowest acknowledgement: ${slowestMs.toFixed(1)} ms\n`)
  expect((await logged())[0]).toBe(day(today - 90 * dayMs))
})

test('whoever reads the log is waited for, and readings go on meanwhile', async () => {
  await hear(oldDay, { occupied: true })
  baywire.clock.set(Date.now())
  const dropping = await baywire.sql.begin(async (tx) => {
    await tx`SELECT FROM readings LIMIT 1`
    const dropped = drop()
    await eventually('the first try', async () => {
      const waiting = await tx`SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted`
      return waiting.length > 0
    })
    for (let n = 0; n < 20; n++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await hear(Date.now())
    }
    expect(await logged()).toContain(day(oldDay))
    return { dropped }
  })
  await dropping.dropped
  expect(await logged()).not.toContain(day(oldDay))
})

/** The last input of each space was decided by rules that came to another state than ours would. */
async function steppedByOtherRules(): Promise<void> {
  await baywire.sql`
    UPDATE space_states SET rules_version = 0, since = to_timestamp(1000),
      state = jsonb_set(state::jsonb, '{facts,since}', '1000000') WHERE tenant_id = ${tenantId} AND input_seq > 0`
}

test('what other rules decided is not folded by ours: whoever steps the space next keeps where it was', async () => {
  const start = today - 5 * dayMs
  await hear(start, { occupied: true })
  baywire.clock.set(start + 30 * hourMs)
  await sweep()
  await steppedByOtherRules()
  expect(await verify(baywire.system, { tenantId })).toMatchObject({ inputs: 0, first_difference: null })
  await hear(start + 31 * hourMs, { occupied: true })
  await hear(start + 32 * hourMs, { occupied: true })
  const [state] =
    await baywire.sql`SELECT since, rules_version FROM space_states WHERE tenant_id = ${tenantId} AND input_seq > 0`
  expect(state).toEqual({ since: new Date(1_000_000), rules_version: rulesVersion })
  const checkpoints = await baywire.sql`SELECT input_seq FROM space_checkpoints WHERE tenant_id = ${tenantId}`
  expect([...checkpoints]).toEqual([{ input_seq: 2 }])
  expect(await verify(baywire.system, { tenantId })).toMatchObject({ inputs: 2, first_difference: null })
})

test('old readings that other rules decided, of spaces that ours have stepped since or not', async () => {
  for (const device of ['A1', 'A2']) {
    // oxlint-disable-next-line no-await-in-loop
    await hear(oldDay, { device, occupied: true })
  }
  baywire.clock.set(oldDay + 30 * hourMs)
  await sweep()
  await steppedByOtherRules()
  await hear(today - 9 * dayMs, { device: 'A2', occupied: true })
  const before = await lasting()
  await drop()
  expect(await kept('readings')).toBe(1)
  expect(await kept('space_inputs')).toBe(0)
  expect(await lasting()).toEqual(before)
  expect(await verify(baywire.system, { tenantId })).toMatchObject({ inputs: 1, first_difference: null })
})

test('a day behind a checkpoint of what other rules decided, of a space that had nothing on its calendar', async () => {
  await hear(oldDay, { occupied: true })
  await steppedByOtherRules()
  await drop()
  await hear(today - 91 * dayMs, { occupied: false })
  await hear(today - 9 * dayMs, { occupied: true })
  const before = await lasting()
  // Earlier programs kept such checkpoints as states are stored: without what is empty.
  await baywire.sql`
    UPDATE space_checkpoints SET state = (state::jsonb - '{fired,reservation,override,calendarSince}'::text[])
    WHERE tenant_id = ${tenantId}`
  await drop()
  expect(await kept('readings')).toBe(1)
  expect(await lasting()).toEqual(before)
  expect(await verify(baywire.system, { tenantId })).toMatchObject({ inputs: 1, first_difference: null })
})
