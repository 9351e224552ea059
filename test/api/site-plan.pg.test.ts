/** What a site showed at a moment, and how it came from there to another: in both, what was recorded by then. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { stepSpace, sweep } from '../pg/support/space-log.ts'
import { randomFrom, type Chance } from '../support/seeded.ts'
import { startOperators, type OperatedTenant, type Operators } from './operator.ts'

let operators: Operators
beforeAll(async () => {
  operators = await startOperators()
})
afterEach(() => operators.baywire.expectSound())
afterAll(() => operators.close())

const iso = (time: number) => new Date(time).toISOString()
const now = () => operators.baywire.clock.now()
const pass = (ms: number) => operators.baywire.clock.advance(ms)

interface Item {
  space_id: string
  status: string
  version: number
  state?: Omit<Item, 'space_id' | 'state'>
}

interface Scene extends OperatedTenant {
  siteId: string
  plan(at?: number): Promise<Item[]>
  /** All pages of it. */
  history(period: { from: number; to: number; limit?: number }): Promise<Item[]>
}

async function scene(codes: readonly string[]): Promise<Scene> {
  const { baywire } = operators
  // What happens here happened within the last day: the API does not look into the future.
  baywire.clock.set(Date.now() - 20 * 3_600_000)
  await baywire.system.withSystem((tx) => ensurePartitions(tx, now()))
  const tenant = await operators.tenant(codes)
  const [site] = await baywire.sql<{ id: string }[]>`select id from sites where tenant_id = ${tenant.id}`
  const siteId = site?.id ?? ''
  return {
    ...tenant,
    siteId,
    async plan(at) {
      const { status, body, text } = await tenant.ask(
        'GET',
        `/sites/${siteId}/plan${at === undefined ? '' : `?at=${iso(at)}`}`,
        { role: 'driver' },
      )
      expect(status, text).toBe(200)
      return body.items
    },
    async history({ from, to, limit = 1000 }) {
      const items: Item[] = []
      let cursor = ''
      do {
        const url = `/sites/${siteId}/history?from=${iso(from)}&to=${iso(to)}&limit=${limit}${cursor}`
        // oxlint-disable-next-line no-await-in-loop -- page after page
        const { status, body, text } = await tenant.ask('GET', url, { role: 'driver' })
        expect(status, text).toBe(200)
        items.push(...body.items)
        cursor = body.next === null ? '' : `&cursor=${body.next}`
      } while (cursor !== '')
      return items
    },
  }
}

test('the plan at a moment, and the changes from one to another', async () => {
  const { siteId, topic, plan, history, ask, spaceId } = await scene(['A-1', 'A-2'])
  const begin = now()
  pass(60_000)
  await operators.baywire.deliver(topic('A-1'), { occupied: false, seq: 1, boot: 1 })
  const free = now()
  pass(3_600_000)
  // Of ten minutes ago, and not known before now.
  await operators.baywire.deliver(topic('A-1'), { occupied: true, at: iso(now() - 600_000), seq: 2, boot: 1 })
  const known = now()
  const statuses = async (at: number) => (await plan(at)).map(({ status }) => status)
  expect(await statuses(begin)).toEqual(['unknown', 'unknown'])
  expect(await statuses(free - 1)).toEqual(['unknown', 'unknown'])
  expect(await statuses(free)).toEqual(['free', 'unknown'])
  expect(await statuses(known - 1)).toEqual(['free', 'unknown'])
  expect(await statuses(known)).toEqual(['occupied', 'unknown'])
  const { body } = await ask('GET', `/sites/${siteId}/plan?at=${iso(known)}`)
  expect(body).toEqual({
    at: iso(known),
    kept_from: null,
    items: [
      {
        space_id: await spaceId('A-1'),
        code: 'A-1',
        name: 'A-1',
        level: null,
        status: 'occupied',
        occupancy: 'occupied',
        reservation: 'none',
        override: 'none',
        stale: false,
        since: iso(known - 600_000),
        observed_at: iso(known - 600_000),
        version: 2,
      },
      expect.objectContaining({ code: 'A-2', status: 'unknown', since: null, observed_at: null, version: 0 }),
    ],
  })
  expect(await history({ from: free, to: known })).toMatchObject([
    { space: 'A-1', kind: 'occupied', recorded_at: iso(known), event_time: iso(known - 600_000), rule: 'reading' },
  ])
  expect(await history({ from: free - 1, to: known - 1 })).toMatchObject([{ kind: 'vacated' }])
})

test('a space that was deleted is where it was before', async () => {
  const { id, topic, plan, history, spaceId } = await scene(['A-1', 'A-2'])
  await operators.baywire.deliver(topic('A-1'), { occupied: true, seq: 1, boot: 1 })
  const taken = now()
  const gone = now() + 60_000
  await operators.baywire.sql`
    update spaces set archived_at = ${new Date(gone)} where tenant_id = ${id} and id = ${await spaceId('A-1')}`
  expect((await plan(gone - 1)).map(({ status }) => status)).toEqual(['occupied', 'unknown'])
  expect((await plan(gone)).map(({ status }) => status)).toEqual(['unknown'])
  expect(await history({ from: taken - 1, to: gone })).toHaveLength(1)
  expect(await history({ from: gone, to: gone + 1 })).toHaveLength(0)
})

describe('what is refused', () => {
  test('the future, what is no time, and the wrong way round', async () => {
    const { siteId, ask } = await scene(['A-1'])
    const asked = async (path: string) => await ask('GET', `/sites/${siteId}/${path}`)
    const future = await asked(`plan?at=${iso(Date.now() + 60_000)}`)
    expect(future.status).toBe(422)
    expect(future.body.errors).toEqual([{ path: 'at', message: 'is in the future' }])
    expect((await asked('plan?at=yesterday')).status).toBe(400)
    expect((await asked('plan?time=2026-11-20T14:05:00Z')).status).toBe(400)
    expect((await asked('history?from=2026-11-20T14:05:00Z&to=2026-11-20T14:04:00Z')).status).toBe(400)
    expect((await asked('history?cursor=c2l0ZXM6aGFyYm91cg')).status).toBe(400)
  })

  test("another tenant's site, as one that there is not", async () => {
    const { siteId } = await scene(['A-1'])
    const other = await operators.tenant(['A-1'])
    for (const path of ['plan', 'history']) {
      // oxlint-disable-next-line no-await-in-loop -- two of them
      expect((await other.ask('GET', `/sites/${siteId}/${path}`)).status).toBe(404)
      // oxlint-disable-next-line no-await-in-loop -- two of them
      expect((await other.ask('GET', `/sites/${newId()}/${path}`)).status).toBe(404)
    }
  })

  test('a moment of which not everything is kept', async () => {
    const { id, siteId, topic, plan, ask } = await scene(['KEPT', 'QUIET', 'GONE'])
    const { sql } = operators.baywire
    const say = async (device: string, occupied: boolean, seq: number) => {
      pass(60_000)
      await operators.baywire.deliver(topic(device), { occupied, seq, boot: 1 })
      return now()
    }
    await say('QUIET', true, 1)
    const old = await say('GONE', true, 1)
    const first = await say('KEPT', true, 1)
    const later = await say('GONE', false, 2)
    // As retention leaves them: a checkpoint, and the events up to a position gone.
    await sql`
      insert into space_checkpoints (tenant_id, space_id, input_seq, rules_version, state)
      select tenant_id, space_id, 1, 1, json_build_object('facts', json_build_object('occupancy', 'occupied', 'stale',
        false, 'candidate', null, 'since', ${old}::float8), 'version', 1)
      from space_states s where tenant_id = ${id} and input_seq = 2`
    const events = await sql`delete from space_events where tenant_id = ${id} and position <= 2 returning *`
    expect(events).toHaveLength(2)
    await sql`update event_heads set dropped_until = 2 where tenant_id = ${id}`
    try {
      const { status, body } = await ask('GET', `/sites/${siteId}/plan?at=${iso(first - 1)}`)
      expect(status).toBe(422)
      expect(body.errors).toEqual([{ path: 'at', message: expect.stringContaining(iso(first)) }])
      const shown = async (at: number) =>
        Object.fromEntries((await plan(at)).map((item) => [(item as Item & { code: string }).code, item.status]))
      expect(await shown(first)).toEqual({ GONE: 'occupied', KEPT: 'occupied', QUIET: 'occupied' })
      expect(await shown(later)).toEqual({ GONE: 'free', KEPT: 'occupied', QUIET: 'occupied' })
      expect((await ask('GET', `/sites/${siteId}/plan`)).body.kept_from).toBe(iso(first))
    } finally {
      // What was not made by retention itself would be found by folding again.
      await sql`delete from space_checkpoints where tenant_id = ${id}`
      await sql`insert into space_events ${sql([...events] as never)}`
    }
  })
})

/** What was shown from a time on, by space. */
type Shown = { at: number; states: ReadonlyMap<string, Omit<Item, 'space_id'>> }

async function randomSteps(
  { id, topic }: Scene,
  { chance, spaceIds, backwards }: { chance: Chance; spaceIds: readonly string[]; backwards: boolean },
): Promise<Shown[]> {
  const shown: Shown[] = []
  const counters = new Map<string, number>()
  const { baywire } = operators
  const step = async () => {
    const kind = chance.pick(['reading', 'reading', 'late', 'burst', 'override', 'reservation', 'sweep', 'delete'])
    const device = `S-${chance.below(spaceIds.length)}`
    const say = async (before: number) => {
      const seq = (counters.get(device) ?? 0) + 1
      counters.set(device, seq)
      const at = iso(now() - chance.below(1 + before))
      await baywire.deliver(topic(device), { occupied: chance.below(2) === 0, at, seq, boot: 1 })
    }
    if (kind === 'reading') return await say(0)
    if (kind === 'late') return await say(900_000)
    if (kind === 'burst') return void (await Promise.all([say(0), say(10), say(500)]))
    if (kind === 'sweep') return await sweep(baywire)
    const spaceId = chance.pick(spaceIds)
    if (kind === 'delete') {
      if (chance.below(4) > 0) return
      return void (await baywire.sql`update spaces set archived_at = ${new Date(now())} where id = ${spaceId}
        and archived_at is null`)
    }
    const key = { tenantId: id, spaceId }
    if (kind === 'override') {
      const override = chance.pick(['none', 'blocked', 'out_of_service'] as const)
      return await stepSpace(baywire, key, { kind: 'override', override, at: now(), user: newId() })
    }
    const phase = chance.pick(['soon', 'started', 'released'] as const)
    await stepSpace(baywire, key, { kind: 'reservation', phase, reservation: 'r1', at: now() })
  }
  for (let n = 0; n < 60; n++) {
    pass(chance.below(chance.pick([1, 1000, 200_000])) - (backwards ? chance.below(3000) : 0))
    // oxlint-disable-next-line no-await-in-loop -- in order
    await step()
    // oxlint-disable-next-line no-await-in-loop -- in order
    const rows = await baywire.sql<(Item & { version: number })[]>`
      select space_id, status, version::float8 as version from space_states where tenant_id = ${id}`
    shown.push({ at: now(), states: new Map(rows.map(({ space_id, ...state }) => [space_id, state])) })
  }
  return shown
}

function folded(before: readonly Item[], events: readonly Item[]): Map<string, unknown> {
  const states = new Map(before.map(({ space_id, ...state }) => [space_id, visible(state)]))
  for (const { space_id, state } of events) if (states.has(space_id)) states.set(space_id, visible(state ?? {}))
  return states
}

function visible(state: object): unknown {
  const { status, version, since, observed_at, stale, override } = state as Record<string, unknown>
  return { status, version, since, observed_at, stale, override }
}

test.each([1, 2, 3, 4])('a plan and what was recorded since are the next plan (seed %i)', async (seed) => {
  const chance = randomFrom(seed)
  // Clocks of two processes differ: what is recorded later may be dated earlier.
  const backwards = seed % 2 === 0
  const there = await scene(['S-0', 'S-1', 'S-2', 'S-3'])
  const spaceIds = await Promise.all([0, 1, 2, 3].map((n) => there.spaceId(`S-${n}`)))
  const begin = now()
  const shown = await randomSteps(there, { chance, spaceIds, backwards })
  const end = Math.max(...shown.map(({ at }) => at))
  const moment = () => (chance.below(2) === 0 ? chance.pick(shown).at : begin + chance.below(end - begin + 1))
  for (let n = 0; n < 25; n++) {
    const [from, to] = [moment(), moment()].toSorted((a, b) => a - b) as [number, number]
    if (from === to) continue
    // oxlint-disable-next-line no-await-in-loop -- each on its own
    const [before, after] = [await there.plan(from), await there.plan(to)]
    // oxlint-disable-next-line no-await-in-loop -- each on its own
    const events = await there.history({ from, to, limit: chance.pick([1, 2, 7, 1000]) })
    const states = folded(before, events)
    for (const { space_id, ...state } of after) expect(states.get(space_id)).toEqual(visible(state))
    const truth = shown.findLast(({ at }) => at <= to)
    if (backwards || truth === undefined) continue
    for (const { space_id, status, version } of after) {
      expect({ status, version }).toEqual(truth.states.get(space_id))
    }
  }
})
