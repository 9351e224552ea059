import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eraseTenantByCommand, resumeTenant, suspendTenant } from '../../src/administration/platform.ts'
import { systemClock } from '../../src/clock.ts'
import { parseUsername } from '../../src/mqtt/access.ts'
import { startBroker, type Broker } from '../../src/mqtt/broker.ts'
import { packetType, readFrameHeader } from '../../src/mqtt/frames.ts'
import type { Outbox } from '../../src/outbox/outbox.ts'
import { inTenant, provision } from '../../src/store/provision.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { connected, connectPacket, RawClient, RecordingReceiver, subscribePacket } from '../support/mqtt.ts'
import { availabilityOf, startOutbox, stateOf, Watcher } from '../support/outbox.ts'
import { eventually } from '../support/program.ts'

/** States and availability on the embedded broker. */
let baywire: TestIngest
let tenants: TenantDatabase
let broker: Broker
let receiver: RecordingReceiver
let outbox: Outbox
let slug: string
let tenantId: string
let number = 0
const watchers: Watcher[] = []
const devices = ['A1', 'A2', 'A3']

async function begin(port = 0): Promise<void> {
  receiver = new RecordingReceiver()
  broker = await startBroker({
    host: '127.0.0.1',
    port,
    receiver,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    limits: { stopMs: 200 },
    authenticate: (username) => Promise.resolve(parseUsername(username)),
  })
  outbox = startOutbox(baywire, { outlet: broker, broker: 'own' })
}

async function end(): Promise<void> {
  await outbox.stop()
  await broker.close()
}

async function watch(tenant = slug, code = 'app'): Promise<Watcher> {
  const filters = [stateOf(tenant, '+', '+'), availabilityOf(tenant, '+')]
  const watcher = await Watcher.open({ port: broker.port, username: `${tenant}/apps/${code}`, filters })
  watchers.push(watcher)
  return watcher
}

let seq = 0
const say = (device: string, occupied: boolean, tenant = slug) =>
  baywire.deliver(`parking/v1/${tenant}/devices/${device}/reading`, { occupied, seq: ++seq, boot: 1 })

const change = (statement: string) => baywire.sql.unsafe(statement)

beforeAll(async () => {
  baywire = await startTestIngest()
  tenants = tenantDatabase({ url: baywire.ownerUrl, max: 2, statementTimeoutMs: 20_000, name: 'test api' })
})
afterAll(async () => {
  await tenants.close()
  await baywire.close()
})
beforeEach(async () => {
  slug = `city-${++number}`
  tenantId = await baywire.tenant(slug, devices)
  baywire.clock.set(Date.now())
  await begin()
})
afterEach(async () => {
  await Promise.all(watchers.splice(0).map((watcher) => watcher.close()))
  await end()
})

describe('an app on the embedded broker', () => {
  it('gets what is retained, as it is stored, and then what happens', async () => {
    await say('A1', true)
    const watcher = await watch()
    await watcher.until(() => watcher.last(stateOf(slug, 'A1'))?.['status'] === 'occupied')
    const [stored] = await baywire.sql`
      select status, occupancy, reservation, override, stale, since, observed_at, version from space_states s
      join spaces p on p.id = s.space_id where p.tenant_id = ${tenantId} and code = 'A1'`
    expect(watcher.last(stateOf(slug, 'A1'))).toEqual(JSON.parse(JSON.stringify(stored)))
    await watcher.until(() => watcher.last(stateOf(slug, 'A3')) !== undefined)
    expect(watcher.last(stateOf(slug, 'A3'))).toMatchObject({ status: 'unknown', observed_at: null, version: 0 })

    await say('A1', false)
    await watcher.until(() => watcher.last(stateOf(slug, 'A1'))?.['status'] === 'free')
    const counts = { free: 1, occupied: 0, reserved: 0, blocked: 0, out_of_service: 0, unknown: 2 }
    const isUpToDate = () => {
      const [site] = (watcher.last(availabilityOf(slug))?.['sites'] ?? []) as { status: { free: number } }[]
      return site?.status.free === 1
    }
    await watcher.until(isUpToDate)
    expect(watcher.last(availabilityOf(slug))).toEqual({
      as_of: new Date(baywire.clock.now()).toISOString(),
      sites: [
        { site: 'main', total: 3, status: counts, stale: 0, free: { known: 1, possible: 3 }, oldest_evidence_s: 0 },
      ],
    })
    expect(watcher.wentBack()).toEqual([])
    expect(receiver.deliveries, 'none of it is taken for a reading').toEqual([])
  })

  it('is told of newer evidence that changed nothing', async () => {
    await say('A1', true)
    const watcher = await watch()
    await watcher.until(() => watcher.last(stateOf(slug, 'A1'))?.['status'] === 'occupied')
    const before = watcher.last(stateOf(slug, 'A1'))
    baywire.clock.advance(1000)
    await say('A1', true)
    const observedAt = new Date(baywire.clock.now()).toISOString()
    await watcher.until(() => watcher.last(stateOf(slug, 'A1'))?.['observed_at'] === observedAt)
    expect(watcher.last(stateOf(slug, 'A1'))).toEqual({ ...before, observed_at: observedAt })
    await watcher.until(() => watcher.last(availabilityOf(slug))?.['as_of'] === observedAt)
  })

  it('gets nothing of another tenant', async () => {
    const other = `other-${number}`
    await baywire.tenant(other, devices)
    const watcher = await watch()
    const stranger = await watch(other)
    const foreign = await stranger.client
      .subscribeAsync({ [stateOf(slug, '+')]: { qos: 1 } })
      .then((granted) => granted[0]?.qos)
      .catch(() => 128)
    expect(foreign).toBe(128)
    await say('A1', true)
    await say('A1', true, other)
    await watcher.until(() => watcher.last(stateOf(slug, 'A1'))?.['status'] === 'occupied')
    await stranger.until(() => stranger.last(stateOf(other, 'A1'))?.['status'] === 'occupied')
    for (const [one, own] of [
      [watcher, slug],
      [stranger, other],
    ] as const) {
      expect(one.heard.filter(({ topic }) => !topic.startsWith(`parking/v1/${own}/`))).toEqual([])
    }
  })

  it('finds everything again after the broker was restarted, the last state of each', async () => {
    await say('A1', true)
    const watcher = await watch()
    await watcher.until(() => watcher.last(stateOf(slug, 'A1'))?.['status'] === 'occupied')
    const { port } = broker
    await end()
    await say('A1', false)
    await say('A2', true)
    watcher.heard.length = 0
    await begin(port)
    const again = await watch(slug, 'again')
    await again.until(() => again.last(stateOf(slug, 'A1'))?.['status'] === 'free')
    await again.until(() => again.last(stateOf(slug, 'A2'))?.['status'] === 'occupied')
    await watcher.until(() => watcher.last(stateOf(slug, 'A2'))?.['status'] === 'occupied')
    expect(watcher.wentBack()).toEqual([])
  })

  it('sees topics cleared when a space is renamed, deleted or its site renamed, and none left behind', async () => {
    const watcher = await watch()
    await watcher.until(() => devices.every((code) => watcher.last(stateOf(slug, code)) !== undefined))
    await say('A1', true)
    await change(`update spaces set code = 'B1' where tenant_id = '${tenantId}' and code = 'A1'`)
    await watcher.until(() => watcher.isCleared(stateOf(slug, 'A1')))
    await watcher.until(() => watcher.last(stateOf(slug, 'B1'))?.['status'] === 'occupied')
    await change(`update spaces set archived_at = now() where tenant_id = '${tenantId}' and code = 'A2'`)
    await watcher.until(() => watcher.isCleared(stateOf(slug, 'A2')))
    // The code of one goes to another at the same moment.
    await baywire.sql.begin(async (tx) => {
      for (const [from, to] of [
        ['B1', 'X'],
        ['A3', 'B1'],
        ['X', 'A3'],
      ] as const) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await tx`update spaces set code = ${to} where tenant_id = ${tenantId} and code = ${from}`
      }
    })
    await watcher.until(() => watcher.last(stateOf(slug, 'A3'))?.['status'] === 'occupied')
    await watcher.until(() => watcher.last(stateOf(slug, 'B1'))?.['status'] === 'unknown')
    await change(`update sites set code = 'moved' where tenant_id = '${tenantId}'`)
    await watcher.until(() => watcher.isCleared(availabilityOf(slug)))
    await watcher.until(() => watcher.last(stateOf(slug, 'A3', 'moved'))?.['status'] === 'occupied')

    const late = await watch(slug, 'late')
    await late.until(() => late.last(availabilityOf(slug, 'moved')) !== undefined)
    await late.until(() => late.last(stateOf(slug, 'B1', 'moved')) !== undefined)
    expect([...new Set(late.heard.map(({ topic }) => topic))].toSorted()).toEqual(
      [availabilityOf(slug, 'moved'), stateOf(slug, 'A3', 'moved'), stateOf(slug, 'B1', 'moved')].toSorted(),
    )
  })

  it('sees a new space, and a new tenant is published without being asked for', async () => {
    const watcher = await watch()
    await inTenant(tenants, { slug, create: { name: slug, public: true } }, (tx) =>
      provision(tx, { sites: [{ code: 'main' }], spaces: [{ site: 'main', code: 'N1' }] }),
    )
    await watcher.until(() => watcher.last(stateOf(slug, 'N1'))?.['status'] === 'unknown')
    const other = `new-${number}`
    await baywire.tenant(other, ['Z1'])
    const newcomer = await watch(other)
    await newcomer.until(() => newcomer.last(stateOf(other, 'Z1')) !== undefined)
    await newcomer.until(() => newcomer.last(availabilityOf(other)) !== undefined)
    expect(newcomer.last(availabilityOf(other)), 'nothing was ever heard').toMatchObject({ as_of: null })
  })

  it('sees everything cleared when its tenant is suspended or erased, and again when it is resumed', async () => {
    await say('A1', true)
    const watcher = await watch()
    await watcher.until(() => watcher.last(stateOf(slug, 'A1'))?.['status'] === 'occupied')
    const isCleared = () =>
      [...devices.map((code) => stateOf(slug, code)), availabilityOf(slug)].every((topic) => watcher.isCleared(topic))
    await tenants.withTenant(tenantId, suspendTenant)
    await watcher.until(isCleared)
    await tenants.withTenant(tenantId, resumeTenant)
    await watcher.until(() => watcher.last(stateOf(slug, 'A1'))?.['status'] === 'occupied')
    await watcher.until(() => watcher.last(availabilityOf(slug)) !== undefined)
    await tenants.withTenant(tenantId, eraseTenantByCommand)
    await watcher.until(isCleared)
  })
})

describe('how far it has come', () => {
  it('is kept once the broker has everything, and shows how old what is missing is', async () => {
    const watcher = await watch()
    await say('A1', true)
    await watcher.until(() => watcher.last(stateOf(slug, 'A1'))?.['status'] === 'occupied')
    const position = async () => {
      const [row] = await baywire.sql<{ missing: boolean }[]>`
        select coalesce(c.position, 0) < h.position as missing from event_heads h
        left join event_cursors c on c.tenant_id = h.tenant_id and follower = 'mqtt' where h.tenant_id = ${tenantId}`
      return row?.missing
    }
    await eventually('the cursor', async () => (await position()) === false)
    const lag = async () => (await baywire.metrics.outboxLag.get()).values[0]?.value ?? -1
    await eventually('no lag', async () => (await lag()) === 0)
    await baywire.sql`update event_cursors set position = 0 where tenant_id = ${tenantId}`
    await eventually('a lag', async () => (await lag()) > 0)
  })
})

describe('one who reads slowly', () => {
  it('holds up nobody, costs no memory without bound, and ends with the last state of each', async () => {
    const many = Array.from({ length: 300 }, (_, index) => `S${index}`)
    const busy = `busy-${number}`
    await baywire.tenant(busy, many)
    const watcher = await watch(busy)
    await watcher.until(() => watcher.last(stateOf(busy, 'S299')) !== undefined)
    const slow = await RawClient.connect(broker.port)
    slow.send(connectPacket({ username: `${busy}/apps/slow`, secret: 'right' }))
    expect(await slow.receive(4)).toEqual(connected)
    const heapBefore = process.memoryUsage().heapUsed
    slow.pause()
    slow.send(subscribePacket([stateOf(busy, '+')]))
    // Much more than all buffers on the way have room for.
    for (let round = 1; round <= 60; round++) {
      // oxlint-disable-next-line no-await-in-loop -- round after round
      await broker.publishRetained(
        many.map((code) => ({
          topic: stateOf(busy, code),
          payload: Buffer.from(JSON.stringify({ version: round, filling: 'x'.repeat(1000) })),
        })),
        () => true,
      )
    }
    await watcher.until(() => many.every((code) => watcher.last(stateOf(busy, code))?.['version'] === 60))
    expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(200_000_000)
    slow.resume()
    const versions = new SentVersions()
    await eventually('the last of each', () => {
      versions.read(slow.received)
      return many.every((code) => versions.of(stateOf(busy, code)).at(-1) === 60)
    })
    for (const code of many) {
      const seen = versions.of(stateOf(busy, code))
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    }
    expect(slow.received.length).toBeLessThan(60 * 300 * 1000)
    slow.destroy()
  })
})

/** The versions in the packets of a subscriber, by topic, read as they come. */
class SentVersions {
  readonly #seen = new Map<string, number[]>()
  #at = 0

  read(bytes: Buffer): void {
    while (this.#at < bytes.length) {
      const header = readFrameHeader(bytes, this.#at)
      if (typeof header === 'string') return
      const body = this.#at + header.headerBytes
      if (body + header.bodyBytes > bytes.length) return
      this.#at = body + header.bodyBytes
      if (header.type !== packetType.publish) continue
      const topicEnd = body + 2 + bytes.readUInt16BE(body)
      const topic = bytes.toString('utf8', body + 2, topicEnd)
      // Behind it the packet id, then the payload.
      const start = bytes.toString('latin1', topicEnd + 2, topicEnd + 20)
      this.#seen.set(topic, [...this.of(topic), Number(/^\{"version":(\d+)/.exec(start)?.[1])])
    }
  }

  of(topic: string): number[] {
    return this.#seen.get(topic) ?? []
  }
}
