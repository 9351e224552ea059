/**
 * Events go with the inputs that they follow from: whoever brings a cursor from before can be told, and what is folded again
 * is equal to what is kept, wherever it stops half-way.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { sweepDeadlines } from '../../src/jobs/deadlines.ts'
import { dropOldEvents } from '../../src/jobs/event-retention.ts'
import { dropOldReadings } from '../../src/jobs/retention.ts'
import { createLog } from '../../src/log.ts'
import { verify } from '../../src/replay/verify.ts'
import { dropOldestEvents } from '../../src/store/event-retention.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000
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
  slug = `told-${++number}`
  tenantId = await baywire.tenant(slug, ['A1', 'A2'])
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

const signal = new AbortController().signal
const log = createLog({ level: 'silent' })
const dropReadings = (days = 90) => dropOldReadings({ database: baywire.system, log, signal }, { days })
const dropEvents = (days = 90) => dropOldEvents({ database: baywire.system, signal }, { days })

const occupied = new Map<string, boolean>()

/** A change that arrives at `time`. */
async function change(time: number, device = 'A1'): Promise<void> {
  baywire.clock.set(time)
  const key = `${slug} ${device}`
  occupied.set(key, occupied.get(key) !== true)
  const reading = { occupied: occupied.get(key), at: new Date(time).toISOString(), seq: ++seq, boot: 1 }
  expect(await baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, reading)).toBe('acknowledged')
}

const positions = async () =>
  (
    await baywire.sql<
      { position: number }[]
    >`SELECT position FROM space_events WHERE tenant_id = ${tenantId} ORDER BY 1`
  ).map(({ position }) => position)
const head = async () => {
  const [row] = await baywire.sql<{ position: number; dropped_until: number }[]>`
    SELECT position::integer, dropped_until::integer FROM event_heads WHERE tenant_id = ${tenantId}`
  return row
}

test('go once their inputs are gone, and not before', async () => {
  const times = [oldDay, oldDay + hourMs, today - 91 * dayMs, today - 91 * dayMs + hourMs, today - 90 * dayMs]
  for (const time of times) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await change(time)
  }
  expect(await positions()).toEqual([1, 2, 3, 4, 5])
  await dropEvents()
  expect(await positions(), 'their inputs are kept').toEqual([1, 2, 3, 4, 5])
  await dropReadings()
  expect(await positions()).toEqual([1, 2, 3, 4, 5])
  expect(await verify(baywire.system, { tenantId }), 'between the two').toMatchObject({ first_difference: null })
  await dropEvents(0)
  expect(await positions(), 'for ever').toEqual([1, 2, 3, 4, 5])
  await dropEvents()
  expect(await positions()).toEqual([5])
  expect(await head()).toEqual({ position: 5, dropped_until: 4 })
  expect(await verify(baywire.system, { tenantId })).toMatchObject({ inputs: 1, first_difference: null })
  expect(await dropEvents(), 'again').toBe(0)

  await dropReadings(30)
  await dropEvents(30)
  expect(await head()).toEqual({ position: 5, dropped_until: 5 })
  await change(today - 90 * dayMs + hourMs)
  expect(await positions()).toEqual([6])
})

test('of timers too', async () => {
  await change(oldDay)
  baywire.clock.set(oldDay + 30 * hourMs)
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  await sweepDeadlines({ database: baywire.system, memory, clock: baywire.clock })
  expect(await positions()).toHaveLength(2)
  await dropReadings()
  await dropEvents()
  expect(await positions()).toEqual([])
  expect(await head()).toEqual({ position: 2, dropped_until: 2 })
})

test('of a space whose last input is young stay from the first that is kept on, and those of others behind it', async () => {
  await change(oldDay, 'A1')
  // Recorded by a clock that was set back meanwhile: its input is younger than it says.
  await change(today - 80 * dayMs, 'A2')
  await baywire.sql`
    UPDATE space_events SET recorded_at = to_timestamp(${oldDay}::double precision / 1000) WHERE tenant_id = ${tenantId} AND position = 2`
  await change(oldDay + 2 * hourMs, 'A1')
  await dropReadings()
  await dropEvents()
  expect(await positions()).toEqual([2, 3])
  expect(await head()).toMatchObject({ dropped_until: 1 })
})

test('some at a time, and stopped anywhere the rest goes with the next run', async () => {
  for (let n = 0; n < 5; n++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await change(oldDay + n * hourMs)
  }
  await dropReadings()
  const some = (limit: number) => baywire.system.withSystem((tx) => dropOldestEvents(tx, { tenantId, days: 90, limit }))
  expect(await some(2)).toBe(2)
  expect(await head()).toMatchObject({ dropped_until: 2 })
  expect(await positions()).toEqual([3, 4, 5])
  // Neither half of it alone.
  const crashed = baywire.system.withSystem(async (tx) => {
    await dropOldestEvents(tx, { tenantId, days: 90, limit: 2 })
    throw new Error('gone')
  })
  await expect(crashed).rejects.toThrow('gone')
  expect([await positions(), await head()]).toEqual([[3, 4, 5], { position: 5, dropped_until: 2 }])
  await dropEvents()
  expect(await positions()).toEqual([])
})

test('are dropped twice at once, beside readings that come', async () => {
  for (let n = 0; n < 30; n++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await change(oldDay + n * 60_000)
  }
  await dropReadings()
  const coming = (async () => {
    for (let n = 0; n < 20; n++) {
      // oxlint-disable-next-line no-await-in-loop
      await change(Date.now(), 'A2')
    }
  })()
  await Promise.all([dropEvents(), dropEvents(), coming])
  const kept = await positions()
  expect(kept.at(0)).toBe(31)
  expect(kept).toEqual(kept.map((_, n) => 31 + n))
  expect(await head()).toMatchObject({ dropped_until: 30 })
})
