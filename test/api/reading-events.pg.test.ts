/** The log of readings as it is written: each reading once, whenever it is committed, and wherever one comes back. */
import { EventEmitter, once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { newId } from '../../src/ids.ts'
import { redriveDeadLetters } from '../../src/ingest/redrive-run.ts'
import { DeviceDirectory } from '../../src/store/device-directory.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SseSink } from '../../src/live/stream-sse.ts'
import { defaultStreamSettings } from '../../src/live/streams.ts'
import { currentSnapshot, selectCommitted } from '../../src/store/reading-tail.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { tenantDatabase } from '../../src/store/transactions.ts'
import { eventually } from '../support/program.ts'
import { liveFixture, type LiveFixture, type LiveProcess, type LiveTenant } from './live-fixture.ts'
import type { SseFollower } from './support/stream-followers.ts'

let fixture: LiveFixture
let api: LiveProcess
let other: LiveProcess
beforeAll(async () => {
  fixture = await liveFixture()
  fixture.baywire.clock.set(Date.now() - 3_600_000)
  api = await fixture.process()
  other = await fixture.process()
})
afterEach(() => fixture.baywire.expectSound())
afterAll(() => fixture.close())

const path = '/readings/events'
const idsOf = (follower: SseFollower) => follower.of('reading').map(({ data }) => `${data.id}/${data.part}`)

const sorted = (ids: readonly string[]) => ids.toSorted()
/** What was sent, and what was said not to be. */
const counted = (one: SseFollower) =>
  one.of('reading').length + one.of('skipped').reduce((sum, { data }) => sum + data.count, 0)

interface Scene extends LiveTenant {
  token: string
  say(device: string, body: unknown): Promise<unknown>
  follow(query?: string, lastEventId?: string, process?: LiveProcess): SseFollower
  /** As the log has them. */
  logged(): Promise<string[]>
}

async function scene(): Promise<Scene> {
  const tenant = await fixture.tenant()
  const { token } = await tenant.person('operator')
  const { baywire } = fixture
  return {
    ...tenant,
    token,
    async say(device, body) {
      baywire.clock.advance(10)
      return await baywire.deliver(`parking/v1/${tenant.slug}/devices/${device}/reading`, body)
    },
    follow: (query = '', lastEventId, process = api) => process.follow(token, { path, query, lastEventId }),
    async logged() {
      const rows = await baywire.sql<{ id: string }[]>`
        select id || '/' || part as id from readings where tenant_id = ${tenant.id} order by received_at, id, part`
      return rows.map(({ id }) => id)
    },
  }
}

function waiting(): { promise: Promise<unknown>; resolve: () => void } {
  const emitter = new EventEmitter()
  const promise = once(emitter, 'done')
  return { promise, resolve: () => emitter.emit('done') }
}

/** Readings that are written, and not committed until that is called. */
async function held({ id }: LiveTenant, { secondsAgo = 5, count = 1, bytes = 4 } = {}): Promise<() => Promise<void>> {
  const { system, clock } = fixture.baywire
  const receivedAt = new Date(clock.now() - secondsAgo * 1000)
  const [told, written] = [waiting(), waiting()]
  const done = system.withSystem(async (tx) => {
    await tx`
      insert into readings (tenant_id, id, part, received_at, topic, outcome, payload)
      select ${id}, gen_random_uuid(), 0, ${receivedAt}, 'parking/v1/x/devices/held/reading', 'malformed',
        repeat('x', ${bytes}::int)::bytea
      from generate_series(1, ${count}::int)`
    await tx`
      insert into ledger_entries (tenant_id, minute, writer, received, malformed)
      values (${id}, date_trunc('minute', ${receivedAt}::timestamptz), ${newId()}, ${count}, ${count})`
    written.resolve()
    await told.promise
  })
  await written.promise
  return async () => {
    told.resolve()
    await done
  }
}

it('what was committed between two snapshots is found, whatever was committed since', async () => {
  const { id, say, logged } = await scene()
  const { ownerUrl } = fixture.baywire
  const tenants = tenantDatabase({ url: ownerUrl, max: 1, statementTimeoutMs: 20_000, name: 'test tail' })
  const snapshot = () => tenants.withTenant(id, currentSnapshot)
  const between = async (after: string, upTo?: string) => {
    const options = { place: { after }, limit: 10, ...(upTo === undefined ? {} : { upTo }) }
    const { readings, before } = await tenants.withTenant(id, (tx) => selectCommitted(tx, options))
    expect(before).toBe(0)
    return readings.map((reading) => `${reading.id}/${reading.part}`)
  }
  const snapshots = [await snapshot()]
  for (let n = 0; n < 4; n++) {
    // All of one minute of arrival.
    // oxlint-disable-next-line no-await-in-loop -- in this order
    await say('s000', { occupied: n % 2 === 0 })
    // oxlint-disable-next-line no-await-in-loop -- in this order
    snapshots.push(await snapshot())
  }
  const ids = await logged()
  const [first = ''] = snapshots
  for (const [index, upTo] of snapshots.entries()) {
    // oxlint-disable-next-line no-await-in-loop -- each on its own
    expect(await between(first, upTo)).toEqual(ids.slice(0, index))
    // oxlint-disable-next-line no-await-in-loop -- each on its own
    expect(await between(upTo)).toEqual(ids.slice(index))
  }
  await tenants.close()
})

describe('a stream of readings', () => {
  it('has each as the search has it, in the order of their arrival', async () => {
    const { say, follow, logged, token } = await scene()
    await say('s000', { occupied: true })
    const follower = await follow().live()
    await say('s000', { occupied: false })
    await say('s001', 'nonsense')
    await say('nobody', { occupied: true })
    await eventually('three readings', () => follower.of('reading').length === 3)
    expect(idsOf(follower)).toEqual((await logged()).slice(1))
    const { body } = await api.get(token, '/readings')
    expect(follower.of('reading').map(({ data }) => data)).toEqual(body.items.toReversed().slice(1))
    follower.close()
  })

  it('is narrowed by topic, device, space and outcome', async () => {
    const { slug, spaceIds, say, follow } = await scene()
    const filters = [
      `?topic=parking/v1/${slug}/devices/%2B/reading`,
      '?device=s001',
      `?space_id=${spaceIds[2]}`,
      '?outcome=malformed,unknown_device',
      '?device=s000&outcome=unchanged',
      '?topic=elsewhere/%23',
    ]
    const followers = await Promise.all(filters.map((query) => follow(query).live()))
    for (const device of ['s000', 's001', 's002', 'nobody']) {
      // oxlint-disable-next-line no-await-in-loop -- in this order
      await say(device, { occupied: true })
    }
    await say('s000', { occupied: true })
    await say('s000', 'nonsense')
    await eventually('all of them', () => followers[0]?.of('reading').length === 6)
    expect(followers.map((one) => one.of('reading').length)).toEqual([6, 1, 1, 2, 1, 0])
    for (const one of followers) one.close()
  })

  it('has what was committed late, and what was redriven', async () => {
    const { id, slug, say, follow, logged } = await scene()
    const follower = await follow().live()
    // Arrived half an hour before the others, as after an outage of the database.
    const commits = [await held({ id } as LiveTenant, { secondsAgo: 1800 }), await held({ id } as LiveTenant)]
    await say('newcomer', { occupied: true })
    await say('s000', { occupied: true })
    await eventually('what was committed', () => follower.of('reading').length === 2)
    await commits[1]?.()
    await eventually('what was committed late', () => follower.of('reading').length === 3)
    await commits[0]?.()
    await eventually('what was committed very late', () => follower.of('reading').length === 4)
    const { baywire } = fixture
    await baywire.tenant(slug, ['newcomer'])
    baywire.clock.advance(1000)
    await redriveDeadLetters(
      {
        database: baywire.system,
        memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
        directory: new DeviceDirectory(),
        clock: baywire.clock,
        by: 'test',
      },
      {
        filter: { tenantId: id, outcomes: ['unknown_device'] },
        execute: true,
        force: false,
        mostAttempts: 5,
        mostReadingsAtATime: 2000,
        onProgress: () => {},
      },
    )
    await eventually('what was redriven', () => follower.of('reading').length === 5)
    expect(follower.of('reading').at(-1)?.data).toMatchObject({ device: 'newcomer', delivery: 'redrive' })
    expect(idsOf(follower).toSorted()).toEqual((await logged()).toSorted())
    follower.close()
  })

  it('goes on behind any reading, at another process, without a gap and nothing twice', async () => {
    const there = await scene()
    const { say, follow, logged } = there
    const follower = await follow().live()
    const begin = follower.lastId
    const commit = await held(there, { secondsAgo: 20 })
    await Promise.all(Array.from({ length: 8 }, (_, n) => say(`s00${n % 3}`, { occupied: n % 2 === 0 })))
    await eventually('the first', () => follower.of('reading').length === 8)
    await commit()
    await say('s000', { occupied: true })
    await eventually('all', () => follower.of('reading').length === 10)
    const all = idsOf(follower)
    expect(all.toSorted()).toEqual((await logged()).toSorted())
    const marks = [begin, ...follower.of('reading').map(({ id }) => id)]
    const behind = await Promise.all(
      marks.map(async (mark, index) => {
        const next = await follow('', mark, index % 2 === 0 ? other : api).live()
        await eventually('the rest', () => next.of('reading').length >= all.length - index)
        return next
      }),
    )
    await say('s001', { occupied: true })
    await Promise.all(behind.map((one) => eventually('one more', () => idsOf(one).includes(idsOf(follower)[10] ?? ''))))
    // What was committed late comes in its place to those who come back for all of it at once.
    expect(behind.map((one) => sorted(idsOf(one)))).toEqual(
      marks.map((_, index) => sorted(idsOf(follower).slice(index))),
    )
    for (const one of [follower, ...behind]) one.close()
  })

  it('tells how many it left out', async () => {
    const there = await scene()
    const { say, follow } = there
    const follower = await follow().live()
    const narrow = await follow('?device=s000').live()
    const before = follower.lastId
    await (
      await held(there, { count: 3500 })
    )()
    await eventually('what was left out', () => follower.of('skipped').length > 0)
    await say('s000', { occupied: true })
    await eventually('what follows', () => follower.of('reading').at(-1)?.data.device === 's000')
    expect(counted(follower)).toBe(3501)
    expect(follower.of('reading').length).toBeLessThanOrEqual(1002)
    // Of those that were not looked at nobody knows whether they were wanted.
    expect(narrow.of('reading')).toHaveLength(1)
    const back = await follow('', before).live()
    await eventually('the end', () => back.of('reading').at(-1)?.data.device === 's000')
    expect(counted(back)).toBe(3501)
    for (const one of [follower, narrow, back]) one.close()
  })

  it('waits for one who pauses, of whom little is in memory meanwhile', async () => {
    const there = await scene()
    const follower = await there.follow().live()
    follower.response?.pause()
    let most = 0
    const { events } = SseSink.prototype
    const writing = vi.spyOn(SseSink.prototype, 'events').mockImplementation(function (this: SseSink, batch) {
      events.call(this, batch)
      most = Math.max(most, this.unsentBytes)
    })
    await (
      await held(there, { count: 900, bytes: 1000 })
    )()
    await eventually('what is written', () => most > 0)
    follower.response?.resume()
    await eventually('all of them', () => follower.of('reading').length === 900)
    expect(idsOf(follower)).toEqual(await there.logged())
    expect(most).toBeLessThan(2 * defaultStreamSettings.unsentBytes)
    writing.mockRestore()
    follower.close()
  })

  it('tells one whose cursor is none to begin anew', async () => {
    const [mine, theirs] = [await scene(), await scene()]
    const { lastId } = await theirs.follow().live()
    for (const cursor of ['nonsense', lastId, 'A'.repeat(5000)]) {
      const follower = mine.follow('', cursor)
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await eventually('a reset', () => follower.of('reset').length === 1)
      expect(follower.of('reset')[0]?.data).toEqual({ snapshot_url: '/api/v1/readings' })
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await mine.say('s000', { occupied: true })
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await eventually('what follows', () => follower.of('reading').length === 1)
      follower.close()
    }
  })

  it('is for those who may search the log, and as long as they may', async () => {
    const tenant = await fixture.tenant()
    const viewer = await tenant.person('viewer')
    expect((await api.follow(viewer.token, { path }).opened()).status).toBe(403)
    expect((await api.follow('nonsense', { path }).opened()).status).toBe(401)
    expect((await api.get(viewer.token, '/readings/events?topic=a%23')).status).toBe(403)
    const operator = await tenant.person('operator')
    expect((await api.get(operator.token, '/readings/events?topic=a%23')).status).toBe(400)
    expect((await api.get(operator.token, '/readings/events?from=2026-11-20T00:00:00Z')).status).toBe(400)
    const follower = await api.follow(operator.token, { path }).live()
    const { sql } = fixture.baywire
    await sql`update memberships set role = 'viewer' where tenant_id = ${tenant.id} and user_id = ${operator.id}`
    await follower.ended()
    expect(follower.of('end')).toMatchObject([{ data: { reason: 'forbidden' } }])
  })

  it('hears nothing of other tenants', async () => {
    const [mine, theirs] = [await scene(), await scene()]
    const follower = await mine.follow().live()
    await theirs.say('s000', { occupied: true })
    await mine.say('s000', { occupied: true })
    await eventually('the own one', () => follower.of('reading').length === 1)
    expect(idsOf(follower)).toEqual(await mine.logged())
    follower.close()
  })

  it('is counted, ends with its process, and the last one ends the looking', async () => {
    const { id, token, follow, say } = await scene()
    const small = await fixture.process({ streams: { perUser: 2 } })
    const [one, two] = [await follow('', undefined, small).live(), await follow('', undefined, small).live()]
    expect((await follow('', undefined, small).opened()).status).toBe(429)
    expect(small.live.streams.size).toBe(2)
    expect(small.live.readings.of(id).readers).toBe(2)
    two.close()
    await eventually('one is left', () => small.live.readings.of(id).readers === 1)
    one.close()
    await eventually('nobody is left', () => small.live.readings.of(id).readers === 0)
    const last = await follow('', undefined, small).live()
    await say('s000', { occupied: true })
    await eventually('a reading', () => last.of('reading').length === 1)
    await small.close()
    await last.ended()
    expect(last.of('end')).toMatchObject([{ data: { reason: 'stopping' } }])
    const head = await fetch(`http://127.0.0.1:${api.port}/api/v1${path}`, {
      method: 'HEAD',
      headers: { Authorization: `Bearer ${token}` },
    })
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
  })
})
