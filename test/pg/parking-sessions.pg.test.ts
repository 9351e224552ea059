/**
 * Parking sessions as rows: whatever the order in which readings arrive, how often, in which batches and with which timers
 * between, they end as those of the log in order of its evidence.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { sweepDeadlines } from '../../src/jobs/deadlines.ts'
import { effectivePolicy, type PolicyFields } from '../../src/occupancy/policy.ts'
import { projectSessions, type SessionReading } from '../../src/occupancy/sessions.ts'
import type { SpaceState } from '../../src/occupancy/state.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { say } from '../support/say.ts'
import { randomFrom, type Chance } from '../support/seeded.ts'

const secondMs = 1000
const timeout = { sensor_timeout_s: 100, unknown_after_s: 300 }

let baywire: TestIngest
let number = 0
beforeAll(async () => {
  baywire = await startTestIngest()
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

interface Said {
  device: string
  occupied: boolean
  at: number
  seq: number
}

interface Session {
  space: string
  from: number
  to: number | null
  uncertain: boolean
}

interface Yard {
  id: string
  slug: string
  /** When `B` was moved from the one space to the other. */
  movedAt: number
}

/** Devices A and C at space A and C; B stands at A first, and then at C. */
async function newYard(movedAt: number, fields: PolicyFields = timeout): Promise<Yard> {
  const slug = `yard-${++number}`
  const id = await baywire.tenant(slug, ['A', 'B', 'C'])
  await baywire.sql`
    INSERT INTO policies (tenant_id, version, scope, fields) VALUES (${id}, 1, 'tenant', ${baywire.sql.json(fields)})`
  await baywire.sql`UPDATE tenants SET policy_version = 1 WHERE id = ${id}`
  await baywire.sql`
    UPDATE device_assignments a SET space_id = s.id, unassigned_at = to_timestamp(${movedAt}::double precision / 1000)
    FROM devices d, spaces s
    WHERE a.tenant_id = ${id} AND d.id = a.device_id AND d.code = 'B' AND s.tenant_id = ${id} AND s.code = 'A'`
  await baywire.sql`
    INSERT INTO device_assignments (tenant_id, id, device_id, space_id, assigned_at)
    SELECT ${id}, gen_random_uuid(), d.id, s.id, to_timestamp(${movedAt}::double precision / 1000) FROM devices d, spaces s
    WHERE d.tenant_id = ${id} AND d.code = 'B' AND s.tenant_id = ${id} AND s.code = 'C'`
  return { id, slug, movedAt }
}

/** What three devices say, each in the order of its counter; times may be equal, and lie far apart. */
function sayings(chance: Chance, begin: number): Said[] {
  return ['A', 'B', 'C'].flatMap((device) => {
    let at = begin
    return Array.from({ length: 3 + chance.below(9) }, (_, n): Said => {
      at += chance.pick([0, 0, 1, 10, 10, 60, 150, 299, 300, 301, 700]) * secondMs
      return { device, occupied: chance.below(2) === 0, at, seq: n + 1 }
    })
  })
}

/** The sessions of what was said, by the plainest means. */
function expected(said: readonly Said[], { movedAt }: Yard): Session[] {
  const spaceOf = ({ device, at }: Said) => (device === 'B' ? (at < movedAt ? 'A' : 'C') : device)
  return ['A', 'C'].flatMap((space) => {
    const sessions: Session[] = []
    let open: Session | undefined
    let earlier: number | undefined
    for (const { at, occupied } of said.filter((one) => spaceOf(one) === space).toSorted(byEvidence)) {
      if (open !== undefined && earlier !== undefined && at - earlier > 300 * secondMs) open.uncertain = true
      earlier = at
      if (occupied && open === undefined) sessions.push((open = { space, from: at, to: null, uncertain: false }))
      if (occupied || open === undefined) continue
      open.to = at
      open = undefined
    }
    return sessions.filter(({ from, to }) => from !== to)
  })
}

function byEvidence(a: Said, b: Said): number {
  return a.at - b.at || (a.device < b.device ? -1 : a.device > b.device ? 1 : a.seq - b.seq)
}

async function sessionsOf({ id }: Yard): Promise<Session[]> {
  const rows = await baywire.sql<{ space: string; started_at: Date; ended_at: Date | null; uncertain: boolean }[]>`
    SELECT s.code AS space, p.started_at, p.ended_at, p.uncertain FROM parking_sessions p
    JOIN spaces s ON s.id = p.space_id WHERE p.tenant_id = ${id} ORDER BY s.code, p.started_at`
  return Array.from(rows, ({ space, started_at: from, ended_at: to, uncertain }) => {
    return { space, from: from.getTime(), to: to?.getTime() ?? null, uncertain }
  })
}

async function openSince({ id }: Yard): Promise<[string, number][]> {
  const rows = await baywire.sql<{ space: string; since: Date }[]>`
    SELECT s.code AS space, t.session_started_at AS since FROM space_states t JOIN spaces s ON s.id = t.space_id
    WHERE t.tenant_id = ${id} AND t.session_started_at IS NOT NULL ORDER BY s.code`
  return Array.from(rows, ({ space, since }) => [space, since.getTime()])
}

/** Some at once, some in one message, some twice; now and then timers fire. */
async function deliver(chance: Chance, { slug, said }: { slug: string; said: readonly Said[] }): Promise<void> {
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  for (let next = 0; next < said.length;) {
    const messages: Promise<unknown>[] = []
    for (let message = 0; message <= chance.below(3); message++) {
      const readings = said.slice(next, (next += 1 + chance.below(6)))
      const payload = {
        readings: readings.map(({ at, ...reading }) => ({ ...reading, boot: 1, at: new Date(at).toISOString() })),
      }
      const again = chance.below(4) === 0 ? 2 : 1
      for (let times = 0; times < again && readings.length > 0; times++)
        messages.push(baywire.deliver(`parking/v1/${slug}/gateways/gw-1/readings`, payload))
    }
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await Promise.all(messages)
    if (chance.below(3) > 0) continue
    // oxlint-disable-next-line no-await-in-loop
    await sweepDeadlines({ database: baywire.system, memory, clock: baywire.clock })
  }
}

function shuffled<T>(chance: Chance, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: chance.below(1_000_000) }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

/** Mostly in order, as from sensors behind a bad link. */
function disturbed(chance: Chance, said: readonly Said[]): Said[] {
  const late = said.map((one) => ({ one, place: one.at + (chance.below(5) === 0 ? chance.below(900) * secondMs : 0) }))
  return late.toSorted((a, b) => a.place - b.place).map(({ one }) => one)
}

const seeds = Array.from({ length: Number(process.env['BAYWIRE_SESSION_SEEDS'] ?? 12) }, (_, n) => n + 1)

test('any readings, in any order', { timeout: 600_000 }, async () => {
  let sessions = 0
  for (const seed of seeds) {
    const chance = randomFrom(seed)
    const begin = baywire.clock.now() - 24 * 3600 * secondMs
    // oxlint-disable no-await-in-loop -- one after the other
    const yard = await newYard(begin + 500 * secondMs)
    const said = sayings(chance, begin)
    const order = chance.pick([shuffled, disturbed])
    await deliver(chance, { slug: yard.slug, said: order(chance, said) })
    const wanted = expected(said, yard)
    expect(await sessionsOf(yard), `seed ${seed}`).toEqual(wanted)
    const open = wanted.filter(({ to }) => to === null).map(({ space, from }) => [space, from])
    expect(await openSince(yard), `seed ${seed}: what is open`).toEqual(open)
    // oxlint-enable no-await-in-loop
    sessions += wanted.length
  }
  say(`${sessions} sessions of ${seeds.length} yards`)
})

/** Of all readings that are in the log, at once. */
async function projected({ id }: Yard, fields: PolicyFields): Promise<Session[]> {
  const states = await baywire.sql<
    { space: string; state: SpaceState; readings: (SessionReading['evidence'] & { occupied: boolean })[] }[]
  >`
    SELECT s.code AS space, t.state, coalesce((
      SELECT jsonb_agg(jsonb_build_object('at', floor(extract(epoch FROM r.observed_at) * 1000), 'session', r.session,
        'device', r.device, 'counter', r.counter, 'occupied', r.occupied))
      FROM readings r WHERE r.space_id = s.id AND r.input_seq IS NOT NULL), '[]') AS readings
    FROM space_states t JOIN spaces s ON s.id = t.space_id WHERE t.tenant_id = ${id} ORDER BY s.code`
  const policy = effectivePolicy(fields)
  return states.flatMap(({ space, state, readings }) => {
    const said = readings.map(({ occupied, ...evidence }) => ({ evidence, occupied, policy }))
    return projectSessions(said, state.facts).map(({ startedAt: from, endedAt: to, uncertain }) => {
      return { space, from, to, uncertain }
    })
  })
}

test('debounced readings, in any order', { timeout: 600_000 }, async () => {
  for (const seed of seeds) {
    const chance = randomFrom(1000 + seed)
    const begin = baywire.clock.now() - 24 * 3600 * secondMs
    const debounce = { readings: 1 + chance.below(3), hold_s: chance.pick([1, 30, 90]) }
    const fields = { ...timeout, debounce }
    // oxlint-disable no-await-in-loop -- one after the other
    const yard = await newYard(begin + 500 * secondMs, fields)
    const said = disturbed(chance, sayings(chance, begin))
    await deliver(chance, { slug: yard.slug, said })
    expect(await sessionsOf(yard), `seed ${seed}`).toEqual(await projected(yard, fields))
    // oxlint-enable no-await-in-loop
  }
})

/** Three readings or 10 s: the hold confirms what a reading of a time before its end then contradicts. */
test.each([
  { title: 'opened', first: [false], open: false },
  { title: 'ended', first: [false, true, true, true], open: true },
])('what a hold $title is as before, once the hold is taken back', async ({ first, open }) => {
  const begin = baywire.clock.now() - 60 * secondMs
  const fields = { ...timeout, debounce: { readings: 3, hold_s: 10 } }
  const yard = await newYard(begin, fields)
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  const context = { database: baywire.system, memory, clock: baywire.clock }
  const read = async (...said: { occupied: boolean; at: number }[]) => {
    const readings = said.map(({ occupied, at }) => ({ device: 'A', occupied, at: new Date(at).toISOString() }))
    await baywire.deliver(`parking/v1/${yard.slug}/gateways/gw-1/readings`, { readings })
  }
  await read(...first.map((occupied, n) => ({ occupied, at: begin + n * secondMs })))
  const changedAt = begin + 30 * secondMs
  await read({ occupied: !open, at: changedAt })
  await sweepDeadlines(context)
  expect(await openSince(yard)).toHaveLength(open ? 0 : 1)
  await read({ occupied: open, at: changedAt + 8 * secondMs })
  expect(await openSince(yard)).toEqual(open ? [['A', begin + secondMs]] : [])
  expect(await sessionsOf(yard)).toEqual(await projected(yard, fields))
})
