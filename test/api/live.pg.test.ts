import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/program.ts'
import { liveFixture, type LiveFixture, type LiveProcess } from './live-fixture.ts'

/** What happens, as it happens: over `/changes` and server-sent events. */
let fixture: LiveFixture
let api: LiveProcess
beforeAll(async () => {
  fixture = await liveFixture()
  api = await fixture.process()
})
afterAll(() => fixture.close())

describe('changes', () => {
  it('are the gap, in order, page by page', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const start = await api.get(token, '/changes')
    expect(start).toMatchObject({ status: 200, body: { items: [] } })
    await tenant.change(7)
    const first = await api.get(token, `/changes?since=${start.body.next}&limit=4`)
    const second = await api.get(token, `/changes?since=${first.body.next}&limit=4`)
    const ids = [...first.body.items, ...second.body.items].map((item: { id: string }) => item.id)
    expect([first.body.items.length, second.body.items.length]).toEqual([4, 3])
    expect(ids).toEqual(await tenant.ids(api.live))
    expect(second.body.next).toBe(ids.at(-1))
    expect(await api.get(token, `/changes?since=${second.body.next}`)).toMatchObject({
      body: { items: [], next: second.body.next },
    })
    expect(first.body.items[0]).toMatchObject({
      kind: 'occupied',
      site: 'main',
      site_id: tenant.siteId,
      space: 's000',
      space_id: tenant.spaceIds[0],
      cause: { type: 'reading' },
      state: { status: 'occupied', version: 1 },
    })
  })

  it('of a site or a space leave the others out, and go on behind them', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const { next } = (await api.get(token, '/changes')).body
    await tenant.change(6)
    const all = (await api.get(token, `/changes?since=${next}`)).body
    const of = async (filter: string) => (await api.get(token, `/changes?since=${next}&${filter}`)).body
    expect(await of(`site_id=${tenant.siteId}`)).toEqual(all)
    const one = await of(`space_id=${tenant.spaceIds[1]}`)
    expect(one.items.map((item: { space: string }) => item.space)).toEqual(['s001', 's001'])
    expect(one.next).toBe(all.next)
    const other = await fixture.tenant()
    expect(await of(`space_id=${other.spaceIds[1]}`)).toEqual({ items: [], next: all.next })
  })

  it('refuse a cursor of another tenant as one of nothing', async () => {
    const [tenant, other] = [await fixture.tenant(), await fixture.tenant()]
    const { token } = await tenant.person()
    const { next } = (await api.get((await other.person()).token, '/changes')).body
    for (const since of [next, 'nonsense', '', `${next}A`]) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await api.get(token, `/changes?since=${since}`)).toMatchObject({
        status: 400,
        body: { type: '/problems/invalid-input', errors: [{ path: 'since' }] },
      })
    }
  })

  it('say that the gap cannot be told, where it was dropped or never was', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const { next } = (await api.get(token, '/changes')).body
    await tenant.change(4)
    await fixture.baywire.sql`UPDATE event_heads SET dropped_until = 2 WHERE tenant_id = ${tenant.id}`
    const future = api.live.cursors.of(tenant.id, 1000)
    const head = api.live.cursors.of(tenant.id, 4)
    for (const since of [next, future]) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await api.get(token, `/changes?since=${since}`)).body).toEqual({
        items: [],
        next: head,
        reset: { snapshot_url: '/api/v1/spaces?limit=1000' },
      })
    }
    const since = api.live.cursors.of(tenant.id, 2)
    expect((await api.get(token, `/changes?since=${since}`)).body.items).toHaveLength(2)
  })
})

describe('a stream', () => {
  it('has what /changes has, from now on', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person('driver')
    await tenant.change(2)
    const { next } = (await api.get(token, '/changes')).body
    const follower = await api.follow(token).live()
    expect(follower.lastId).toBe(next)
    await tenant.change(3)
    await follower.count(3)
    const { items } = (await api.get(token, `/changes?since=${next}`)).body
    expect(follower.heard).toEqual(
      items.map((item: { id: string; kind: string }) => ({ id: item.id, event: item.kind, data: item })),
    )
    expect(follower.response?.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String) as unknown,
    })
    expect(follower.response?.headers['content-encoding']).toBeUndefined()
    follower.close()
    await eventually('nothing is left of it', () => api.live.streams.size === 0)
  })

  it('replays exactly the gap, whenever it was lost, at whichever process', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const other = await fixture.process({ notified: false })
    const seen: string[] = []
    let lastEventId: string | undefined
    for (let life = 0; life < 8; life++) {
      const at = life % 2 === 0 ? api : other
      const follower = at.follow(token, { lastEventId })
      // oxlint-disable no-await-in-loop -- one life after the other
      await follower.live()
      const changing = tenant.change(10)
      await follower.count(life % 3)
      follower.close()
      await changing
      // Also while nobody listens.
      await tenant.change(3)
      seen.push(...follower.ids)
      lastEventId = follower.lastId
      // oxlint-enable no-await-in-loop
    }
    const last = api.follow(token, { lastEventId })
    const ids = await tenant.ids(api.live)
    await eventually('all of them', () => seen.length + last.ids.length >= ids.length)
    expect([...seen, ...last.ids]).toEqual(ids)
    expect(last.of('reset')).toEqual([])
    last.close()
    await other.close()
  })

  it('goes live without a gap or a repeat while events are committed as fast as they can', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const { next } = (await api.get(token, '/changes')).body
    const changing = tenant.change(300)
    const followers = []
    for (let n = 0; n < 40; n++) {
      followers.push(
        api.follow(token, { query: n % 2 === 0 ? `?since=${next}` : '', lastEventId: n % 2 === 0 ? undefined : next }),
      )
      // oxlint-disable-next-line no-await-in-loop -- so that they come at different moments
      if (n % 4 === 0) await followers.at(-1)?.live()
    }
    await changing
    const ids = await tenant.ids(api.live)
    await Promise.all(followers.map((follower) => follower.count(ids.length)))
    for (const follower of followers) expect(follower.ids).toEqual(ids)
    for (const follower of followers) follower.close()
  })

  it('says reset once for a cursor of another tenant, of nothing, from before retention, or too long ago', async () => {
    const [tenant, other] = [await fixture.tenant(), await fixture.tenant()]
    const { token } = await tenant.person()
    const foreign = (await api.get((await other.person()).token, '/changes')).body.next
    const old = (await api.get(token, '/changes')).body.next
    const small = await fixture.process({ streams: { replayedEvents: 50 } })
    await tenant.change(3)
    await tenant.burst(60)
    await fixture.baywire.sql`UPDATE event_heads SET dropped_until = 3 WHERE tenant_id = ${tenant.id}`
    const followers = [foreign, 'nonsense', old, api.live.cursors.of(tenant.id, 5000)].map((lastEventId) =>
      api.follow(token, { lastEventId }),
    )
    followers.push(small.follow(token, { lastEventId: api.live.cursors.of(tenant.id, 4) }))
    await Promise.all(followers.map((one) => eventually('reset', () => one.of('reset').length > 0)))
    const head = api.live.cursors.of(tenant.id, 63)
    for (const one of followers)
      expect(one.heard).toEqual([{ id: head, event: 'reset', data: { snapshot_url: '/api/v1/spaces?limit=1000' } }])
    await tenant.change(2)
    await Promise.all(followers.map((one) => one.count(2)))
    const ids = (await tenant.ids(api.live)).slice(-2)
    for (const one of followers) expect([one.ids, one.of('reset').length]).toEqual([ids, 1])
    for (const one of followers) one.close()
    await small.close()
  })

  it('of a room carries what is heard there, and its place goes on with the others', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const quick = await fixture.process({ streams: { heartbeatMs: 100 } })
    const follower = await quick.follow(token, { query: `?space_id=${tenant.spaceIds[1]}` }).live()
    await tenant.change(9)
    await follower.count(3)
    expect(follower.events.map(({ data }) => data.space)).toEqual(['s001', 's001', 's001'])
    const head = (await tenant.ids(api.live)).at(-1)
    await eventually('the place behind what was not for it', () => follower.lastId === head)
    follower.close()
    await quick.close()
  })

  it('never carries events of another tenant, in parallel, across reconnects', async () => {
    const tenants = await Promise.all([fixture.tenant(), fixture.tenant(), fixture.tenant()])
    const followers = await Promise.all(
      tenants.flatMap((tenant) => [1, 2, 3].map(async () => await api.follow((await tenant.person()).token).live())),
    )
    await Promise.all(tenants.map((tenant) => tenant.change(40)))
    for (const [index, tenant] of tenants.entries()) {
      // oxlint-disable-next-line no-await-in-loop
      const ids = await tenant.ids(api.live)
      for (const follower of followers.slice(index * 3, index * 3 + 3)) {
        // oxlint-disable-next-line no-await-in-loop
        await follower.count(ids.length)
        expect(follower.ids).toEqual(ids)
        expect(new Set(follower.events.map(({ data }) => data.site_id))).toEqual(new Set([tenant.siteId]))
        follower.close()
      }
    }
  })

  it('needs somebody who may see places, and answers HEAD without one', async () => {
    const tenant = await fixture.tenant()
    const follower = await api.follow('nonsense').opened()
    expect(follower.status).toBe(401)
    const { token } = await tenant.person()
    const head = await fetch(`http://127.0.0.1:${api.port}/api/v1/events`, {
      method: 'HEAD',
      headers: { Authorization: `Bearer ${token}` },
    })
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
    const both = await api.get(token, `/events?site_id=${tenant.siteId}&space_id=${tenant.spaceIds[0]}`)
    expect(both).toMatchObject({ status: 400, body: { errors: [{ path: 'space_id' }] } })
  })

  it('is one of so many', async () => {
    const small = await fixture.process({ streams: { perUser: 2, perTenant: 3, perProcess: 4 } })
    const [tenant, other] = [await fixture.tenant(), await fixture.tenant()]
    const tokens = await Promise.all([tenant.person(), tenant.person(), other.person(), other.person()])
    const open = async (index: number) => await small.follow(tokens[index]?.token ?? '').opened()
    const first = [await open(0), await open(0)]
    expect(first.map(({ status }) => status)).toEqual([200, 200])
    const refused = await open(0)
    expect([refused.status, refused.response?.headers['retry-after']]).toEqual([429, '30'])
    expect((await open(1)).status).toBe(200)
    expect((await open(1)).status).toBe(429)
    expect((await open(2)).status).toBe(200)
    expect((await open(3)).status).toBe(503)
    first[0]?.close()
    await eventually('room for one more', async () => (await open(0)).status === 200)
    await small.close()
  })

  it('is one of so many where many are opened at once, too', async () => {
    const small = await fixture.process({ streams: { perUser: 2 } })
    const { token } = await (await fixture.tenant()).person()
    const all = Array.from({ length: 20 }, () => small.follow(token))
    await Promise.all(all.map((one) => one.opened()))
    await eventually('no more than that are left', () => all.filter(({ closed }) => !closed).length === 2)
    expect(small.live.streams.size).toBe(2)
    await small.close()
  })

  it('is ended by a process that stops, with a word, and goes on at another', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const stopping = await fixture.process()
    const follower = await stopping.follow(token).live()
    await tenant.change(3)
    await follower.count(3)
    await stopping.close()
    await follower.ended()
    expect(follower.of('end')).toMatchObject([{ data: { reason: 'stopping' } }])
    await tenant.change(3)
    const next = api.follow(token, { lastEventId: follower.lastId })
    await next.count(3)
    expect([...follower.ids, ...next.ids]).toEqual(await tenant.ids(api.live))
    next.close()
  })
})
