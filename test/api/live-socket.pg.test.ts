import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/program.ts'
import { askTicket, liveFixture, type LiveFixture, type LiveProcess } from './live-fixture.ts'
import { SocketFollower } from './support/stream-followers.ts'

/** The same events over a WebSocket, and the tickets that open one. */
let fixture: LiveFixture
let api: LiveProcess
beforeAll(async () => {
  fixture = await liveFixture()
  api = await fixture.process({ origins: ['https://console.example.org'] })
})
afterAll(() => fixture.close())

const page = (origin: string) => ({ Origin: origin })

describe('a ticket', () => {
  it('is good once, of many at a time too, and at another process', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const other = await fixture.process()
    const ticket = await askTicket(api.port, token)
    const sockets = Array.from(
      { length: 10 },
      (_, n) => new SocketFollower(n % 2 === 0 ? api.port : other.port, ticket),
    )
    const opened = await Promise.all(
      sockets.map((socket) => Promise.race([socket.opened().then(() => 101), socket.refused()])),
    )
    expect(opened.toSorted((a, b) => a - b)).toEqual([101, ...Array.from({ length: 9 }, () => 401)])
    expect(await new SocketFollower(api.port, ticket).refused()).toBe(401)
    for (const socket of sockets) socket.close()
    await other.close()
  })

  it('that was changed, is none, or is too old opens nothing', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const ticket = await askTicket(api.port, token)
    const changed = `${ticket.slice(0, 30)}${ticket[30] === 'A' ? 'B' : 'A'}${ticket.slice(31)}`
    for (const wrong of [changed, 'nonsense', token, `${ticket}=`, 'x'.repeat(5000)]) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await new SocketFollower(api.port, wrong).refused()).toBe(401)
    }
    expect(await new SocketFollower(api.port, '').refused()).toBe(401)
    // As a token it is nothing.
    expect((await api.get(ticket, '/changes')).status).toBe(401)
  })

  it('is worth what its holder may do when it is used', async () => {
    const tenant = await fixture.tenant()
    const { token, sessionId } = await tenant.person()
    const ticket = await askTicket(api.port, token)
    await fixture.baywire.sql`UPDATE sessions SET ended_at = now(), ended_because = 'logout' WHERE id = ${sessionId}`
    api.access.authenticator.invalidate()
    expect(await new SocketFollower(api.port, ticket).refused()).toBe(401)
  })

  it('opens nothing for a page of another origin, and is not used up by it', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const ticket = await askTicket(api.port, token)
    for (const origin of ['https://evil.example', 'null', 'https://console.example.org.evil.example', '']) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await new SocketFollower(api.port, ticket, page(origin)).refused()).toBe(403)
    }
    const socket = await new SocketFollower(api.port, ticket, page('https://console.example.org')).opened()
    socket.close()
  })
})

describe('a WebSocket', () => {
  it('carries what /changes has, of the rooms that it is in, with the same ids', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const { next } = (await api.get(token, '/changes')).body
    const all = await api.converse(token)
    await all.subscribe('tenant')
    const one = await api.converse(token)
    await one.subscribe(`space:${tenant.spaceIds[0]}`)
    await one.subscribe(`space:${tenant.spaceIds[2]?.toUpperCase()}`)
    const site = await api.converse(token)
    // In both rooms each event is heard, and once.
    await site.subscribe(`site:${tenant.siteId}`)
    await site.subscribe(`space:${tenant.spaceIds[0]}`)
    const silent = await api.converse(token)
    await Promise.all([all, one, site].map((socket) => eventually('live', () => socket.of('live').length > 0)))
    await tenant.change(6)
    const { items } = (await api.get(token, `/changes?since=${next}`)).body
    await Promise.all([all.count(6), one.count(4), site.count(6)])
    expect(all.of('event')).toEqual(items.map((event: unknown) => ({ type: 'event', event })))
    expect(site.ids).toEqual(all.ids)
    const wanted = items.filter((item: { space: string }) => item.space !== 's001')
    expect(one.ids).toEqual(wanted.map((item: { id: string }) => item.id))
    one.say({ type: 'unsubscribe', room: `space:${tenant.spaceIds[0]}` })
    await eventually('unsubscribed', () => one.of('unsubscribed').length === 1)
    await tenant.change(6)
    await Promise.all([all.count(12), one.count(6)])
    expect(
      one
        .of('event')
        .slice(4)
        .map(({ event }) => event.space),
    ).toEqual(['s002', 's002'])
    expect(silent.heard).toEqual([])
    for (const socket of [all, one, site, silent]) socket.close()
  })

  it('replays the gap of a room that is joined later, and nothing twice', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const { next } = (await api.get(token, '/changes')).body
    await tenant.change(6)
    const socket = await api.converse(token)
    await socket.subscribe(`space:${tenant.spaceIds[0]}`, next)
    await socket.count(2)
    const changing = tenant.change(60)
    await socket.subscribe('tenant', next)
    await changing
    const ids = await tenant.ids(api.live)
    await socket.count(ids.length)
    expect(new Set(socket.ids).size).toBe(socket.ids.length)
    expect(socket.ids.toSorted()).toEqual(ids.toSorted())
    expect(socket.of('reset')).toEqual([])
    socket.close()
  })

  it('replays exactly the gap after a reconnect, and says reset where it cannot', async () => {
    const [tenant, other] = [await fixture.tenant(), await fixture.tenant()]
    const { token } = await tenant.person()
    const first = await api.converse(token)
    await first.subscribe('tenant')
    await eventually('live', () => first.of('live').length > 0)
    await tenant.change(5)
    await first.count(5)
    first.close()
    await tenant.change(5)
    const second = await api.converse(token)
    await second.subscribe('tenant', first.ids.at(-1))
    await second.count(5)
    expect([...first.ids, ...second.ids]).toEqual(await tenant.ids(api.live))
    const foreign = (await api.get((await other.person()).token, '/changes')).body.next
    const third = await api.converse(token)
    await third.subscribe(`site:${tenant.siteId}`, foreign)
    await eventually('live', () => third.of('live').length > 0)
    const room = `site:${tenant.siteId}`
    const url = `/api/v1/spaces?limit=1000&site_id=${tenant.siteId}`
    const ids = await tenant.ids(api.live)
    expect(third.of('reset')).toEqual([{ type: 'reset', room, id: ids.at(-1), snapshot_url: url }])
    expect(third.of('event')).toEqual([])
    for (const socket of [second, third]) socket.close()
  })

  it('tells nothing of rooms of other tenants, as of such that are not there', async () => {
    const [tenant, other] = [await fixture.tenant(), await fixture.tenant()]
    const socket = await api.converse((await tenant.person()).token)
    await socket.subscribe(`site:${other.siteId}`)
    await socket.subscribe(`space:${other.spaceIds[0]}`)
    await socket.subscribe('space:00000000-0000-7000-8000-000000000000')
    await socket.subscribe('tenant')
    await Promise.all([other.change(6), tenant.change(3)])
    await socket.count(3)
    expect(socket.ids).toEqual(await tenant.ids(api.live))
    socket.close()
  })

  it('answers what it does not know, and ends one who says too much or too large', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const socket = await api.converse(token)
    const wrong = [
      'no json',
      '[]',
      'null',
      { type: 'event' },
      { type: 'subscribe' },
      { type: 'subscribe', room: 'everything' },
      { type: 'subscribe', room: 'tenant', more: 1 },
      { type: 'subscribe', room: 'site:1' },
    ]
    for (const said of wrong) socket.say(said)
    socket.socket.send(Buffer.from([1, 2, 3]))
    await eventually('an error for each', () => socket.of('error').length === wrong.length + 1)
    socket.say({ type: 'ping' })
    await eventually('pong', () => socket.of('pong').length === 1)
    for (let n = 0; n < 250; n++) socket.say({ type: 'ping' })
    expect(await socket.ended()).toBe(4429)
    const large = await api.converse(token)
    large.say({ type: 'subscribe', room: 'x'.repeat(5000) })
    expect(await large.ended()).toBe(1009)
    expect((await api.get(token, '/changes')).status).toBe(200)
  })

  it.each([
    ['user', { perUser: 2 }, 4429],
    ['tenant', { perTenant: 2 }, 4429],
    ['process', { perProcess: 2 }, 1013],
  ])('is one of so many of a %s where many are opened at once, too', async (_, streams, closeCode) => {
    const small = await fixture.process({ streams })
    const { token } = await (await fixture.tenant()).person()
    const tickets = await Promise.all(Array.from({ length: 20 }, () => askTicket(small.port, token)))
    const sockets = tickets.map((ticket) => new SocketFollower(small.port, ticket))
    const opened = await Promise.allSettled(sockets.map((socket) => socket.opened()))
    const closed = opened.filter(({ status }) => status === 'fulfilled').length - 2
    // Those that were refused have a code of the client's own.
    const codes = () => sockets.flatMap((socket) => socket.closeCode ?? []).filter((code) => code !== 1006)
    await eventually('the others are closed', () => codes().length >= closed)
    expect(codes()).toEqual(Array.from({ length: closed }, () => closeCode))
    expect(small.live.streams.size).toBe(2)
    for (const socket of sockets) socket.close()
    await small.close()
  })

  it('is ended by a process that stops, so that its client comes back', async () => {
    const tenant = await fixture.tenant()
    const stopping = await fixture.process()
    const socket = await stopping.converse((await tenant.person()).token)
    await stopping.close()
    expect(await socket.ended()).toBe(1001)
  })

  it('is asked for by upgrading, by whoever can: everything else is answered as a problem', async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    expect(await api.get(token, `/ws?ticket=${await askTicket(api.port, token)}`)).toMatchObject({
      status: 400,
      body: { type: '/problems/malformed-request' },
    })
    const ask = (lines: string[]) =>
      new Promise<string>((resolve) => {
        let text = ''
        const socket = connect(api.port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`))
        socket.setEncoding('utf8').on('data', (chunk) => (text += chunk))
        socket.on('close', () => resolve(text))
      })
    const upgrade = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ]
    const ticket = await askTicket(api.port, token)
    // A client that would like another protocol gets the answer in this one.
    expect(await ask(['GET /health HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: h2c'])).toMatch(
      /^HTTP\/1.1 200 OK/,
    )
    const answers = await Promise.all([
      ask(['GET /api/v1/nothing HTTP/1.1', 'Host: a', ...upgrade]),
      ask([`GET /api/v1/ws?ticket=${ticket} HTTP/1.1`, 'Host: a b{}', ...upgrade]),
      ask(['GET /api/v1/ws HTTP/1.1', 'Host: a', ...upgrade]),
      ask(['POST /api/v1/ws?ticket=x HTTP/1.1', 'Host: a', 'Content-Length: 0', ...upgrade]),
      ask([`GET /api/v1/ws?ticket=${ticket}&more=1 HTTP/1.1`, 'Host: a', ...upgrade]),
    ])
    expect(answers.map((answer) => answer.split(' ')[1])).toEqual(['401', '400', '401', '405', '400'])
    for (const answer of answers) expect(answer).toMatch(/application\/problem\+json/)
  })
})
