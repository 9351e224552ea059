import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { parseUsername, type OwnLimits } from '../../src/mqtt/access.ts'
import { boundKeepalive, startBroker, type Broker, type BrokerLimits } from '../../src/mqtt/broker.ts'
import {
  connected,
  connectPacket,
  pingPacket,
  publishPacket,
  RawClient,
  RecordingReceiver,
  subscribePacket,
  type ConnectParts,
} from '../support/mqtt.ts'

/** Each limit of a client at its edge and one beyond, by a clock that stands still until it is told. */
const sensor = { username: 'acme/devices/s1', secret: 'right' }
const gateway = { username: 'acme/gateways/g1', secret: 'right' }
const reading = 'parking/v1/acme/devices/s1/reading'
const readings = 'parking/v1/acme/gateways/g1/readings'

let broker: Broker
let receiver: RecordingReceiver
let nowMs: number
let ownLimits: OwnLimits
const clients: RawClient[] = []

async function start(limits: Partial<BrokerLimits> = {}): Promise<void> {
  receiver = new RecordingReceiver()
  broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    receiver,
    clock: systemClock,
    monotonicMs: () => nowMs,
    log: pino({ level: 'silent' }),
    limits: { stopMs: 200, ...limits },
    authenticate: (username) => {
      const principal = parseUsername(username)
      return Promise.resolve(principal && { ...principal, limits: ownLimits })
    },
  })
}

async function restart(limits: Partial<BrokerLimits>): Promise<void> {
  await broker.close()
  await start(limits)
}

async function open(): Promise<RawClient> {
  const client = await RawClient.connect(broker.port)
  clients.push(client)
  return client
}

async function join(parts: ConnectParts): Promise<RawClient> {
  const client = await open()
  client.send(connectPacket(parts))
  expect(await client.receive(4)).toEqual(connected)
  return client
}

/** Whatever was sent before this answer has been dealt with by the broker. */
async function ping(client: RawClient): Promise<void> {
  const before = client.received.length
  client.send(pingPacket)
  await client.receive(before + 2)
}

/** Another client comes and goes: what the first one had sent has been looked at by then. */
async function otherIsServed(): Promise<void> {
  const other = await join(gateway)
  await ping(other)
}

function publishes(count: number, topic = reading): Buffer[] {
  return Array.from({ length: count }, (_, index) => publishPacket({ topic, payload: `${index + 1}`, id: index + 1 }))
}

beforeEach(async () => {
  nowMs = 0
  ownLimits = {}
  await start()
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await broker.close()
})

describe('messages a second', () => {
  it('lets a device send 200 at once, and the next ones at 50 a second, none of them lost', async () => {
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    const client = await join(sensor)
    client.send(...publishes(203))
    await receiver.until(() => receiver.deliveries.length === 200)
    await otherIsServed()
    expect(receiver.deliveries).toHaveLength(200)
    nowMs += 19
    await otherIsServed()
    expect(receiver.deliveries).toHaveLength(200)
    nowMs += 1
    await receiver.until(() => receiver.deliveries.length === 201)
    nowMs += 40
    await receiver.until(() => receiver.deliveries.length === 203)
    await client.receive(connected.length + 203 * 4)
    expect(receiver.payloads()).toEqual(Array.from({ length: 203 }, (_, index) => `${index + 1}`))
    expect(receiver.refusals).toEqual([])
  })

  it('saves up no more than 200 in a pause', async () => {
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    const client = await join(sensor)
    nowMs += 3_600_000
    client.send(...publishes(201))
    await receiver.until(() => receiver.deliveries.length === 200)
    await otherIsServed()
    expect(receiver.deliveries).toHaveLength(200)
  })

  it('counts subscriptions and pings too', async () => {
    const client = await join(sensor)
    client.send(...Array<Buffer>(199).fill(pingPacket), subscribePacket(['#']), pingPacket)
    await client.receive(connected.length + 199 * 2 + 5)
    await otherIsServed()
    expect(client.received).toHaveLength(connected.length + 199 * 2 + 5)
    nowMs += 20
    await client.receive(connected.length + 199 * 2 + 5 + 2)
  })

  it('gives a gateway what is set for it', async () => {
    ownLimits = { messagesPerS: 1, inFlight: 5 }
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    const client = await join(gateway)
    client.send(...publishes(5, readings))
    await receiver.until(() => receiver.deliveries.length === 4)
    const other = await join(sensor)
    await ping(other)
    expect(receiver.deliveries).toHaveLength(4)
    broker.limit(gateway.username, { messagesPerS: 10 })
    nowMs += 100
    await receiver.until(() => receiver.deliveries.length === 5)
  })
})

describe('in flight', () => {
  it.each([
    ['a device', sensor, reading, {}, 20],
    ['a gateway', gateway, readings, {}, 1000],
    ['a gateway with its own limit', gateway, readings, { inFlight: 3 }, 3],
  ] as const)('%s', async (_what, parts, topic, own, most) => {
    ownLimits = own
    const client = await join(parts)
    client.send(...publishes(most + 1, topic))
    await receiver.until(() => receiver.deliveries.length === most)
    const other = await join({ ...sensor, username: 'acme/devices/other' })
    await ping(other)
    expect(receiver.deliveries).toHaveLength(most)
    receiver.deliveries[0]?.acknowledge()
    await receiver.until(() => receiver.deliveries.length === most + 1)
  })
})

const topicOf = (bytes: number) => `a/b/c/d/e/f/g/${'h'.repeat(bytes - 14)}`

describe('size', () => {
  it.each([
    ['a topic of 256 bytes', topicOf(256), 'unknown_topic'],
    ['a topic of 257 bytes', topicOf(257), 'topic_too_long'],
    ['a topic of 257 bytes in 129 characters', `${'é'.repeat(128)}x`, 'topic_too_long'],
    ['8 levels', 'a/b/c/d/e/f/g/h', 'unknown_topic'],
    ['9 levels', 'a/b/c/d/e/f/g/h/i', 'topic_too_long'],
  ] as const)('%s: refused alone, the next one arrives', async (_what, topic, reason) => {
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    const client = await join(sensor)
    client.send(publishPacket({ topic, payload: 'x', id: 1 }), ...publishes(1))
    await client.receive(connected.length + 8)
    expect(receiver.refusals).toEqual([reason])
    expect(receiver.payloads()).toEqual(['1'])
  })

  it.each([65_536, 65_537, 65_536 + 600, 1_000_000])(
    'a payload of %i bytes does not hold up the next',
    async (bytes) => {
      receiver.onDelivery = (delivery) => delivery.acknowledge()
      const client = await join(sensor)
      const large = { topic: reading, payload: Buffer.alloc(bytes, 'x') }
      client.send(
        publishPacket({ ...large, id: 1 }),
        publishPacket({ ...large, qos: 0 }),
        publishPacket({ ...large, id: 2 }),
        publishPacket({ topic: reading, payload: 'good', id: 3 }),
      )
      await client.receive(connected.length + 12)
      await ping(client)
      expect(client.received).toHaveLength(connected.length + 12 + 2)
      const taken = bytes <= 65_536 ? 3 : 0
      expect(receiver.deliveries).toHaveLength(taken + 1)
      expect(receiver.refusals).toEqual(Array<string>(3 - taken).fill('payload_too_large'))
      expect(receiver.payloads().at(-1)).toBe('good')
    },
  )

  it('a payload that is too large right behind CONNECT waits until it is known whose it is', async () => {
    const client = await open()
    client.send(connectPacket(sensor), publishPacket({ topic: reading, payload: Buffer.alloc(100_000), id: 1 }))
    await client.receive(connected.length + 4)
    expect(receiver.refusals).toEqual(['payload_too_large'])
    const stranger = await open()
    stranger.send(connectPacket({ ...sensor, username: 'nobody' }), publishPacket({ topic: reading, payload: 'x' }))
    await stranger.closed()
    expect(receiver.deliveries).toEqual([])
  })

  it('takes the largest payload on the longest topic where the setting is another', async () => {
    await restart({ payloadBytes: 200_000 })
    const client = await join(sensor)
    client.send(publishPacket({ topic: reading, payload: Buffer.alloc(200_000) }))
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.deliveries[0]?.payload).toHaveLength(200_000)
  })

  it.each([
    [160, 4, 'wrong_credential'],
    [161, 2, 'wrong_client_id'],
  ] as const)('a client id of %i bytes', async (bytes, code, reason) => {
    const client = await open()
    client.send(connectPacket({ username: 'x'.repeat(bytes), secret: 'right' }))
    expect(await client.receive(4)).toEqual(Buffer.from([0x20, 2, 0, code]))
    expect(receiver.refusals).toEqual([reason])
  })

  it('an app has at most 100 subscriptions', async () => {
    const client = await join({ username: 'acme/apps/a1', secret: 'right' })
    const filters = Array.from({ length: 101 }, (_, site) => `parking/v1/acme/sites/s${site}/availability`)
    client.send(subscribePacket(filters))
    await client.receive(connected.length + 4 + 101)
    expect(client.received.subarray(-2)).toEqual(Buffer.from([1, 0x80]))
    expect(receiver.refusals).toEqual(['too_many_subscriptions'])
    client.send(subscribePacket(filters.slice(0, 1)))
    await client.receive(connected.length + 4 + 101 + 5)
    expect(client.received.at(-1)).toBe(1)
  })
})

describe('time', () => {
  const bounds = { keepaliveMinS: 10, keepaliveMaxS: 1200 }
  it.each([
    [0, 1200],
    [1, 10],
    [9, 10],
    [10, 10],
    [11, 11],
    [1200, 1200],
    [1201, 1200],
    [65_535, 1200],
  ])('a keep alive of %i s becomes %i s', (requested, bounded) => {
    expect(boundKeepalive(requested, bounds)).toBe(bounded)
  })

  it('ends a connection whose CONNECT does not come in time, a byte at a time or not at all', async () => {
    await restart({ connectTimeoutMs: 100 })
    const silent = await open()
    const slow = await open()
    slow.send(connectPacket(sensor).subarray(0, 10))
    const client = await join(gateway)
    await Promise.all([silent.closed(), slow.closed()])
    await ping(client)
  })

  it('ends a silent client', async () => {
    await restart({ keepaliveMinS: 0.05, keepaliveMaxS: 0.1 })
    const client = await join(sensor)
    await client.closed()
  })

  it('a client is not silent that sends readings and nothing else, until it sends none', async () => {
    await restart({ keepaliveMinS: 1, keepaliveMaxS: 1 })
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    const client = await join(sensor)
    // aedes waits one and a half times as long.
    for (let count = 1; count <= 25; count++) {
      client.send(...publishes(1))
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await pause(100)
    }
    expect(receiver.deliveries).toHaveLength(25)
    await client.closed()
  })
})

describe('half-open connections', () => {
  it('end, the oldest first, when there are too many, and honest clients connect beside 500 of them', async () => {
    await restart({ strangers: 400 })
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    const client = await join(sensor)
    const halfOpen: RawClient[] = []
    for (let count = 0; count < 500; count++) {
      // oxlint-disable-next-line no-await-in-loop -- in order
      halfOpen.push(await open())
    }
    await Promise.all(halfOpen.slice(0, 90).map((each) => each.closed()))
    client.send(...publishes(1))
    await client.receive(connected.length + 4)
    const other = await join(gateway)
    await ping(other)
    expect(broker.connections()).toBe(2)
  })
})
