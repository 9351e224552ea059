import { EventEmitter, once } from 'node:events'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readArrivals, type Arrivals, type TailPosition } from '../../src/store/tail.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

const minuteMs = 60_000
let baywire: TestIngest
let position: TailPosition | undefined
let slug: string
let tenants = 0

beforeAll(async () => {
  baywire = await startTestIngest()
})
afterAll(() => baywire.close())

beforeEach(async () => {
  baywire.clock.set(Date.now())
  slug = `tail-${tenants++}`
  await baywire.tenant(slug, ['A1'])
  position = undefined
  await look()
})

/** One look at what is new. */
async function look(): Promise<Arrivals> {
  const found = await baywire.system.withSystem((tx) => readArrivals(tx, { selection: {}, position }))
  ;({ position } = found)
  return found
}

async function send(counters: readonly number[]): Promise<void> {
  const readings = counters.map((seq) => ({ device: 'A1', occupied: seq % 2 === 0, seq, boot: 1 }))
  const topic = `parking/v1/${slug}/gateways/gw-1/readings`
  const sent: Promise<unknown>[] = []
  for (let at = 0; at < readings.length; at += 500) {
    sent.push(baywire.deliver(topic, { readings: readings.slice(at, at + 500) }))
  }
  await Promise.all(sent)
}

test('each reading once, in the order of arrival', async () => {
  await send([1])
  expect((await look()).arrivals).toMatchObject([{ tenant: slug, device: 'A1', space: 'main/A1', outcome: 'applied' }])
  baywire.clock.advance(1)
  await send([2, 3])
  expect((await look()).arrivals.map(({ part, occupied }) => [part, occupied])).toEqual([
    [0, true],
    [1, false],
  ])
  expect((await look()).arrivals).toEqual([])
})

test('more at once than are read at a time', async () => {
  await send(Array.from({ length: 12_000 }, (_, index) => index + 1))
  const keys = new Set<string>()
  const counts: number[] = []
  let state: Arrivals['state'] = 'more'
  while (state === 'more') {
    // oxlint-disable-next-line no-await-in-loop -- one behind the other
    const found = await look()
    counts.push(found.arrivals.length)
    for (const { id, part } of found.arrivals) keys.add(`${id} ${part}`)
    // Committed meanwhile: it comes when its turn is.
    // oxlint-disable-next-line no-await-in-loop
    if (counts.length === 1) await send([12_001])
    ;({ state } = found)
  }
  expect(counts).toEqual([5000, 5000, 2000])
  expect(keys.size).toBe(12_000)
  expect((await look()).arrivals).toHaveLength(1)
})

test('what is committed long after its arrival, or a little ahead of it', async () => {
  await send([1])
  await look()
  for (const shiftMs of [-7 * minuteMs, 2 * minuteMs, -minuteMs / 2]) {
    baywire.clock.set(Date.now() + shiftMs)
    // oxlint-disable-next-line no-await-in-loop -- one behind the other
    await send([2])
    // oxlint-disable-next-line no-await-in-loop
    expect((await look()).arrivals).toHaveLength(1)
    // oxlint-disable-next-line no-await-in-loop
    expect((await look()).arrivals).toEqual([])
  }
})

test('what was in a transaction that ended later than one that began behind it', async () => {
  const insert = `INSERT INTO readings (tenant_id, id, part, received_at, topic, outcome)
    SELECT id, gen_random_uuid(), 0, now(), $1, 'malformed' FROM tenants WHERE slug = $2`
  const moments = new EventEmitter()
  const inserted = once(moments, 'inserted')
  const earlier = baywire.sql.begin(async (tx) => {
    await tx.unsafe(insert, ['earlier', slug])
    moments.emit('inserted')
    await once(moments, 'commit')
  })
  await inserted
  await baywire.sql.unsafe(insert, ['later', slug])
  expect((await look()).arrivals.map(({ topic }) => topic)).toEqual(['later'])
  moments.emit('commit')
  await earlier
  expect((await look()).arrivals.map(({ topic }) => topic)).toEqual(['earlier'])
})

test('what was redriven, of an arrival hours ago', async () => {
  await baywire.sql.begin(async (tx) => {
    await tx`
      WITH redriven AS (
        INSERT INTO readings (tenant_id, id, part, received_at, topic, outcome, delivery)
        SELECT id, gen_random_uuid(), 0, now() - interval '3 hours', 'redriven', 'applied', 'redrive'
        FROM tenants WHERE slug = ${slug}
        RETURNING tenant_id, id, received_at
      )
      INSERT INTO redrive_attempts (tenant_id, reading_id, part, received_at, attempt, redriven_id, attempted_by, started_at,
        ended_at, outcome)
      SELECT tenant_id, gen_random_uuid(), 0, received_at, 1, id, 'test', now(), now(), 'applied' FROM redriven`
  })
  expect((await look()).arrivals.map(({ topic }) => topic)).toEqual(['redriven'])
  expect((await look()).arrivals).toEqual([])
})

test('a database that was restored is told, and followed from there on', async () => {
  const known = position
  if (known === undefined) throw new Error('no position')
  position = { ...known, after: known.after.replaceAll(/[0-9]+/g, (id) => String(Number(id) + 1_000_000)) }
  await send([1])
  expect(await look()).toMatchObject({ state: 'lost', arrivals: [] })
  await send([2])
  expect(await look()).toMatchObject({ state: 'all', arrivals: [{ occupied: true }] })
})
