import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { Jobs } from '../../src/jobs/jobs.ts'
import { createLog } from '../../src/log.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { systemDatabase } from '../../src/store/transactions.ts'
import { SpaceWriter } from '../../src/store/writer.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { eventually } from '../support/program.ts'
import { ReservedTenant, turn } from './support/reserved.ts'

/** Several reservations of a space, several processes, and processes that die: what happens by itself happens once. */
let baywire: TestIngest
let number = 0
beforeAll(async () => {
  baywire = await startTestIngest()
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

const newTenant = (devices?: readonly string[]) => ReservedTenant.create(baywire, `turns-${++number}`, devices)

/** As its holder does it: the row and the space in one transaction. */
async function cancel(tenant: ReservedTenant, id: string, minute: number): Promise<void> {
  const at = tenant.at(minute).getTime()
  baywire.clock.set(at)
  await baywire.system.withSystem(async (tx) => {
    const [row] = await tx<{ tenantId: string; spaceId: string }[]>`
      SELECT tenant_id AS "tenantId", space_id AS "spaceId" FROM reservations WHERE id = ${id}`
    if (row === undefined) throw new Error('no such reservation')
    const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
    const writer = await SpaceWriter.lock(tx, memory, [row])
    for (const space of writer.spaces)
      writer.step(space, { kind: 'reservation', phase: 'released', reservation: id, at })
    await tx`
      UPDATE reservations SET state = 'cancelled', ended_at = ${new Date(at)}, next_due_at = NULL WHERE id = ${id}`
    await writer.writeStates(at)
    await writer.writeEvents(at)
  })
}

it('an overstay is set against the next booking, which begins when the other one has ended', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const [first, second] = [await tenant.book({ from: 60, to: 120 }), await tenant.book({ from: 120, to: 180 })]
  for (const minute of [45, 60]) await tenant.turn(minute)
  await tenant.read(70, true)
  for (const minute of [70, 105, 120]) await tenant.turn(minute)
  expect(await tenant.reservation(first)).toMatchObject({ state: 'completed', overstayed_at: 120, ended_at: 120 })
  expect(await tenant.reservation(second)).toMatchObject({ state: 'active', contested_at: 120 })
  expect((await tenant.events()).slice(-4)).toEqual(['overstayed 120', 'released 120', 'reserved 120', 'contested 120'])
  await tenant.read(124, false)
  await tenant.turn(124)
  expect(await tenant.reservation(second)).not.toHaveProperty('contested_at')
  await tenant.read(130, true)
  await tenant.turn(130)
  expect(await tenant.reservation(second)).toMatchObject({ state: 'active', checked_in_at: 130 })
})

it('the same when nobody looked before all was over', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const [first, second] = [await tenant.book({ from: 60, to: 120 }), await tenant.book({ from: 120, to: 180 })]
  await tenant.read(70, true)
  await tenant.read(124, false)
  await tenant.read(130, true)
  await tenant.turn(200)
  expect(await tenant.reservation(first)).toMatchObject({ state: 'completed', checked_in_at: 70, overstayed_at: 120 })
  expect(await tenant.reservation(second)).toMatchObject({
    state: 'completed',
    checked_in_at: 130,
    overstayed_at: 180,
    ended_at: 180,
  })
})

it('what ends early leaves the space to the next, which is soon from then on', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const [first, second] = [await tenant.book({ from: 60, to: 120 }), await tenant.book({ from: 120, to: 180 })]
  for (const minute of [45, 60]) await tenant.turn(minute)
  await tenant.read(70, true)
  await tenant.turn(106)
  await tenant.read(110, false)
  await tenant.turn(110)
  expect(await tenant.reservation(first)).toMatchObject({ state: 'completed', checked_out_at: 110 })
  expect((await tenant.events()).slice(-2)).toEqual(['released 110', 'reserved_soon 110'])
  await tenant.read(112, true)
  await tenant.turn(120)
  expect(await tenant.reservation(second)).toMatchObject({ state: 'active', arrived_at: 112, checked_in_at: 120 })
})

it('one that its holder cancels leaves the space to the next too', async () => {
  const tenant = await newTenant()
  const [first, second] = [await tenant.book({ from: 60, to: 120 }), await tenant.book({ from: 120, to: 180 })]
  for (const minute of [45, 60, 106]) await tenant.turn(minute)
  await cancel(tenant, first, 110)
  await tenant.turn(111)
  expect((await tenant.events()).slice(-2)).toEqual(['released 110', 'reserved_soon 110'])
  expect(await tenant.reservation(second)).toMatchObject({ state: 'confirmed', next_due_at: 120 })
})

it('a car that comes late in a window has come for that one, not for the next', async () => {
  const tenant = await newTenant()
  await tenant.policy({ no_show_after_s: 3600 })
  await tenant.read(0, false)
  const [first, second] = [await tenant.book({ from: 60, to: 120 }), await tenant.book({ from: 120, to: 180 })]
  for (const minute of [45, 60, 105]) await tenant.turn(minute)
  await tenant.read(116, true)
  await tenant.turn(120)
  expect(await tenant.reservation(first)).toMatchObject({ checked_in_at: 116, overstayed_at: 120 })
  expect(await tenant.reservation(second)).toMatchObject({ state: 'active', contested_at: 120 })
})

it('after a move, who came to either space before does not count', async () => {
  const tenant = await newTenant(['A1', 'A2'])
  await tenant.read(0, true, 'A1')
  await tenant.read(1, false, 'A2')
  const id = await tenant.book({ from: 60, to: 120 })
  for (const minute of [45, 60]) await tenant.turn(minute)
  await tenant.read(61, true, 'A2')
  await tenant.read(62, false, 'A2')
  await baywire.sql`
    UPDATE reservations SET contested_at = NULL, next_due_at = now(),
      space_id = (SELECT id FROM spaces WHERE tenant_id = ${tenant.id} AND code = 'A2') WHERE id = ${id}`
  await tenant.read(63, false, 'A1')
  await tenant.turn(64)
  expect(await tenant.reservation(id)).toMatchObject({ state: 'active' })
  expect(await tenant.reservation(id)).not.toHaveProperty('arrived_at')
  await tenant.read(66, true, 'A2')
  await tenant.turn(66)
  expect(await tenant.reservation(id)).toMatchObject({ checked_in_at: 66 })
})

it('a reading that comes late but is newer counts at its own time, and one that is older does not', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const id = await tenant.book({ from: 60, to: 120 })
  for (const minute of [45, 60, 74]) await tenant.turn(minute)
  await tenant.read(68, true)
  await tenant.turn(76)
  expect(await tenant.reservation(id)).toMatchObject({ state: 'active', checked_in_at: 68 })
  await tenant.read(65, false)
  await tenant.turn(80)
  expect(await tenant.reservation(id)).toMatchObject({ state: 'active', arrived_at: 68 })
})

it('one that comes after the reservation was given up changes nothing about it', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const id = await tenant.book({ from: 60, to: 120 })
  for (const minute of [45, 60, 75]) await tenant.turn(minute)
  await tenant.read(70, true)
  await tenant.turn(90)
  expect(await tenant.reservation(id)).toEqual({ state: 'no_show', ended_at: 75 })
})

it('a car that the hold of a reading made up and a newer one took back has not come', async () => {
  const tenant = await newTenant()
  await tenant.policy({ debounce: { readings: 5, hold_s: 60 } })
  await tenant.read(0, false)
  const id = await tenant.book({ from: 60, to: 120 })
  for (const minute of [5, 45, 60]) await tenant.turn(minute)
  await tenant.read(70, true)
  await tenant.turn(74)
  expect(await tenant.reservation(id)).toMatchObject({ state: 'active', checked_in_at: 70 })
  await tenant.read(70.5, false)
  await tenant.turn(76)
  expect(await tenant.reservation(id)).toEqual({ state: 'active', checked_in_at: 70, next_due_at: 120 })
})

it('what a sensor says is followed as soon as somebody is told of it, and up to the last event', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const id = await tenant.book({ from: 60, to: 120 })
  await tenant.turn(61)
  await tenant.read(62, true)
  const config = readConfig({ BAYWIRE_INSTANCE: 'test', BAYWIRE_SWEEP_MS: '60000' })
  const { system: database, metrics, clock } = baywire
  // Never started: nothing sweeps.
  const jobs = new Jobs({
    database,
    patientDatabase: database,
    config,
    metrics,
    clock,
    log: createLog({ level: 'silent' }),
  })
  jobs.notified()
  await eventually('the check-in', async () => (await tenant.reservation(id))['checked_in_at'] === 62)
  await tenant.turn(63)
  const [cursor] = await baywire.sql`
    SELECT c.position = h.position AS "isAtHead" FROM event_cursors c JOIN event_heads h USING (tenant_id)
    WHERE c.tenant_id = ${tenant.id} AND c.follower = 'reservations'`
  expect(cursor).toEqual({ isAtHead: true })
  await jobs.stop()
})

it('a clock that is set back repeats nothing', async () => {
  const tenant = await newTenant()
  await tenant.read(0, false)
  const id = await tenant.book({ from: 60, to: 120 })
  await tenant.turn(61)
  const before = await tenant.events()
  baywire.clock.set(tenant.at(30).getTime())
  expect(await turn(baywire)).toBe(0)
  baywire.clock.set(tenant.at(61).getTime())
  expect(await turn(baywire)).toBe(0)
  expect(await tenant.events()).toEqual(before)
  expect(await tenant.reservation(id)).toMatchObject({ state: 'active' })
})

const devices = Array.from({ length: 8 }, (_, index) => `S${index}`)

/** Bookings one behind the other at each of many spaces; cars come to every other one, and leave or stay. */
async function busy(tenant: ReservedTenant): Promise<void> {
  await Promise.all(
    devices.flatMap((space) => [
      tenant.read(0, false, space),
      ...[60, 120, 180].map((from) => tenant.book({ from, to: from + 60, space })),
    ]),
  )
}
async function drive(tenant: ReservedTenant, minute: number): Promise<void> {
  const isThere = Math.floor(minute / 25) % 2 === 1
  await Promise.all(devices.flatMap((space, index) => (index % 2 === 0 ? tenant.read(minute, isThere, space) : [])))
}
const moments = [45, 60, 65, 75, 105, 110, 120, 125, 150, 180, 195, 225, 240]

async function ends(tenant: ReservedTenant) {
  const rows = await baywire.sql`
    SELECT s.code, r.state, r.starts_at, r.checked_in_at, r.checked_out_at, r.overstayed_at, r.contested_at, r.ended_at
    FROM reservations r JOIN spaces s ON s.id = r.space_id WHERE r.tenant_id = ${tenant.id} ORDER BY s.code, r.starts_at`
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        value instanceof Date ? value.getTime() - tenant.start : value,
      ]),
    ),
  )
}

/** What happened at each space, in its order. */
async function happened(tenant: ReservedTenant): Promise<string[]> {
  const rows = await baywire.sql`
    SELECT s.code, e.kind, extract(epoch FROM e.event_time) * 1000 - ${tenant.start} AS at FROM space_events e
    JOIN spaces s ON s.id = e.space_id WHERE e.tenant_id = ${tenant.id} ORDER BY s.code, e.input_seq, e.ordinal`
  return rows.map((row) => `${row['code']} ${row['kind']} ${row['at'] / 60_000}`)
}

it(
  'many processes at once, two tenants: each moment happens once, as with one process',
  { timeout: 120_000 },
  async () => {
    const alone = await newTenant(devices)
    await busy(alone)
    for (const minute of moments) {
      await drive(alone, minute)
      await alone.turn(minute)
    }
    const together = [await newTenant(devices), await newTenant(devices)] as const
    const start = together[1].start
    expect(together[0].start).toBe(start)
    for (const tenant of together) await busy(tenant)
    for (const minute of moments) {
      await Promise.all(together.map((tenant) => drive(tenant, minute)))
      await Promise.all([turn(baywire), turn(baywire), turn(baywire), turn(baywire)])
      await turn(baywire)
    }
    const expected = { ends: await ends(alone), happened: await happened(alone) }
    for (const tenant of together) {
      expect({ ends: await ends(tenant), happened: await happened(tenant) }).toEqual(expected)
    }
  },
)

it(
  'a process that is killed in the middle, 50 times, leaves nothing half done and nothing twice',
  { timeout: 120_000 },
  async () => {
    const undisturbed = await newTenant(devices)
    await busy(undisturbed)
    for (const minute of moments) {
      await drive(undisturbed, minute)
      await undisturbed.turn(minute)
    }
    const tenant = await newTenant(devices)
    await busy(tenant)
    const doomed = systemDatabase({ url: baywire.ownerUrl, max: 2, statementTimeoutMs: 20_000, name: 'doomed' })
    let killed = 0
    try {
      for (const minute of moments) {
        await drive(tenant, minute)
        for (let inThisMinute = 0; inThisMinute < 4;) {
          const dies = turn(baywire, doomed).catch(() => {})
          const other = inThisMinute % 2 === 1 ? turn(baywire) : undefined
          inThisMinute += await kill('doomed')
          await Promise.all([dies, other])
        }
        killed += 4
        await turn(baywire)
      }
      expect(killed).toBeGreaterThanOrEqual(50)
    } finally {
      await doomed.close()
    }
    expect({ ends: await ends(tenant), happened: await happened(tenant) }).toEqual({
      ends: await ends(undisturbed),
      happened: await happened(undisturbed),
    })
  },
)

/** Ends the server's side of a client in the middle of a transaction, as soon as it is in one. */
async function kill(name: string): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const rows = await baywire.sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${name} AND xact_start IS NOT NULL`
    if (rows.length > 0) return rows.length
  }
  return 0
}
