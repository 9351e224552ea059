import { createServer } from 'node:net'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { array, assert, asyncProperty, constantFrom, integer, nat, oneof, record } from 'fast-check'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { BaywireError } from '../../src/errors.ts'
import { parseUsername } from '../../src/mqtt/access.ts'
import { startBroker, type Broker, type BrokerLimits } from '../../src/mqtt/broker.ts'
import {
  connected,
  connectPacket,
  disconnectPacket,
  pingPacket,
  publishPacket,
  pubrelPacket,
  RawClient,
  RecordingReceiver,
  subscribePacket,
  type ConnectParts,
} from '../support/mqtt.ts'

const sensor = { username: 'acme/devices/s1', secret: 'right' }
const gateway = { username: 'acme/gateways/g1', secret: 'right' }
const app = { username: 'acme/apps/a1', secret: 'right' }
const reading = 'parking/v1/acme/devices/s1/reading'
const readings = 'parking/v1/acme/gateways/g1/readings'
const status = 'parking/v1/acme/devices/s1/status'

const messageId = Buffer.from([0, 1])
const text = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)])

let broker: Broker
let receiver: RecordingReceiver
let databaseIsAway = false
const clients: RawClient[] = []

async function start(limits: Partial<BrokerLimits> = {}): Promise<void> {
  receiver = new RecordingReceiver()
  broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    receiver,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    limits: { stopMs: 200, ...limits },
    authenticate: (username, secret) => {
      if (databaseIsAway) return Promise.reject(new Error('no connection'))
      return Promise.resolve(secret.toString() === 'right' ? parseUsername(username) : undefined)
    },
  })
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

function acknowledgedIds(client: RawClient): number[] {
  const bytes = client.received.subarray(connected.length)
  const ids: number[] = []
  for (let at = 0; at < bytes.length; at += 4) {
    expect(bytes.readUInt16BE(at)).toBe(0x4002)
    ids.push(bytes.readUInt16BE(at + 2))
  }
  return ids
}

const sizes = oneof({ weight: 9, arbitrary: nat(300) }, { weight: 1, arbitrary: integer({ min: 60_000, max: 65_536 }) })
const kinds = ['reading', 'reading without answer', 'exactly once', 'status', 'ping', 'foreign'] as const
const anyParts = array(record({ kind: constantFrom(...kinds), bytes: sizes }), { minLength: 1, maxLength: 30 })
const answerBytes = {
  reading: 4,
  'reading without answer': 0,
  'exactly once': 4,
  status: 4,
  ping: 2,
  foreign: 4,
} satisfies Record<(typeof kinds)[number], number>

function packetOf(kind: (typeof kinds)[number], { payload, id }: { payload: string; id: number }): Buffer {
  switch (kind) {
    case 'reading':
      return publishPacket({ topic: reading, payload, qos: 1, id })
    case 'reading without answer':
      return publishPacket({ topic: reading, payload, qos: 0 })
    case 'exactly once':
      return publishPacket({ topic: reading, payload, qos: 2, id })
    case 'status':
      return publishPacket({ topic: status, payload: 'online', qos: 1, id })
    case 'ping':
      return pingPacket
    case 'foreign':
      return publishPacket({ topic: 'parking/v1/acme/devices/s2/reading', payload, qos: 1, id })
  }
}

/** On the topic of readings, of whatever QoS. */
function isTaken(payload: string): boolean {
  return payload.startsWith('reading') || payload.startsWith('exactly once')
}

/** The last length holds for all that is left. */
async function sendInPieces(client: RawClient, bytes: Buffer, lengths: readonly number[]): Promise<void> {
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const length = lengths[Math.min(piece, lengths.length - 1)] ?? 1
    client.send(bytes.subarray(at, (at += length)))
    // oxlint-disable-next-line no-await-in-loop -- so that they come one by one
    if (piece < 50) await turn()
  }
}

/** Whatever was sent before this answer has been dealt with by the broker. */
async function ping(client: RawClient): Promise<void> {
  const before = client.received.length
  client.send(pingPacket)
  await client.receive(before + 2)
  expect(client.received.subarray(-2)).toEqual(Buffer.from([0xd0, 0]))
}

beforeEach(async () => {
  databaseIsAway = false
  await start()
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await broker.close()
})

describe('who may connect', () => {
  it('takes a right credential', async () => {
    await join(sensor)
    expect(broker.connections()).toBe(1)
    expect(receiver.refusals).toEqual([])
  })

  it.each([
    ['a wrong secret', { ...sensor, secret: 'wrong' }, 4, 'wrong_credential'],
    ['a name that is none', { username: 'root', secret: 'right' }, 4, 'wrong_credential'],
    ['somebody else as client id', { ...sensor, clientId: 'acme/devices/s2' }, 2, 'wrong_client_id'],
  ] as const)('refuses %s', async (_what, parts, code, reason) => {
    const client = await open()
    client.send(connectPacket(parts))
    expect(await client.receive(4)).toEqual(Buffer.from([0x20, 2, 0, code]))
    await client.closed()
    expect(receiver.refusals).toEqual([reason])
    expect(broker.connections()).toBe(0)
  })

  it('refuses an anonymous client', async () => {
    const client = await open()
    client.send(Buffer.from('101600044d51545404020000000a6d79636c69656e746964', 'hex'))
    expect(await client.receive(4)).toEqual(Buffer.from([0x20, 2, 0, 4]))
    expect(receiver.refusals).toEqual(['wrong_credential'])
  })

  it('says "unavailable" when credentials cannot be checked, and counts nothing as wrong', async () => {
    databaseIsAway = true
    const client = await open()
    client.send(connectPacket(sensor))
    expect(await client.receive(4)).toEqual(Buffer.from([0x20, 2, 0, 3]))
    await client.closed()
    expect(receiver.refusals).toEqual([])
  })

  it('lets a second connection with the right credential take over, and none with a wrong one', async () => {
    const first = await join(sensor)
    const intruder = await open()
    intruder.send(connectPacket({ ...sensor, secret: 'wrong' }))
    await intruder.closed()
    await ping(first)
    const second = await join(sensor)
    await first.closed()
    await ping(second)
    expect(broker.connections()).toBe(1)
  })

  it('cuts off a client whose rights ended, without its last will', async () => {
    const client = await join({ ...sensor, will: { topic: status, payload: 'offline' } })
    broker.disconnect(sensor.username)
    await client.closed()
    const other = await join(gateway)
    await ping(other)
    expect(broker.connections()).toBe(1)
    expect(receiver.deliveries).toEqual([])
  })

  it('handles what is sent behind CONNECT without waiting for the answer', async () => {
    const client = await open()
    const publishes = Array.from({ length: 100 }, (_, index) =>
      publishPacket({ topic: readings, payload: 'x', id: index + 1 }),
    )
    client.send(connectPacket(gateway), ...Array<Buffer>(100).fill(pingPacket), ...publishes)
    await receiver.until(() => receiver.deliveries.length === 100)
    await client.receive(connected.length + 200)
  })

  it('keeps no session for a client that asked for one', async () => {
    const client = await join({ ...sensor, clean: false })
    client.send(subscribePacket(['parking/v1/acme/devices/s1/command']))
    await client.receive(connected.length + 5)
    client.send(disconnectPacket)
    await client.closed()
    await join({ ...sensor, clean: false })
  })
})

describe('acknowledging', () => {
  it('sends PUBACK when the delivery is acknowledged, and not before', async () => {
    const client = await join(sensor)
    client.send(publishPacket({ topic: reading, payload: '{"occupied":true}', id: 7, duplicate: true }))
    await receiver.until(() => receiver.deliveries.length === 1)
    await ping(client)
    expect(client.received).toHaveLength(connected.length + 2)
    const [delivery] = receiver.deliveries
    expect(delivery).toMatchObject({ topic: reading, retained: false, retainStripped: false, duplicate: true })
    expect(delivery?.payload.toString()).toBe('{"occupied":true}')
    delivery?.acknowledge()
    await client.receive(connected.length + 2 + 4)
    expect(client.received.subarray(-4)).toEqual(Buffer.from([0x40, 2, 0, 7]))
  })

  it('hands over 200 publishes of one connection before any is acknowledged', async () => {
    const client = await join(gateway)
    for (let id = 1; id <= 200; id++) {
      client.send(publishPacket({ topic: readings, payload: Buffer.alloc(2000, id), id }))
    }
    await receiver.until(() => receiver.deliveries.length === 200)
    await ping(client)
    expect(client.received).toHaveLength(connected.length + 2)
    for (const delivery of receiver.deliveries.toReversed()) delivery.acknowledge()
    await client.receive(connected.length + 2 + 200 * 4)
    expect(client.received.readUInt16BE(client.received.length - 2)).toBe(1)
  })

  it('leaves what is beyond the bound of a connection in the socket, whatever the order of acknowledging', async () => {
    const client = await join(sensor)
    const other = await join({ ...sensor, username: 'acme/devices/s2' })
    for (let id = 1; id <= 50; id++) client.send(publishPacket({ topic: reading, payload: `${id}`, id }))
    await receiver.until(() => receiver.deliveries.length === 20)
    await ping(other)
    expect(receiver.deliveries).toHaveLength(20)
    receiver.deliveries[19]?.acknowledge()
    await receiver.until(() => receiver.deliveries.length === 21)
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    for (const delivery of receiver.deliveries) delivery.acknowledge()
    await client.receive(connected.length + 50 * 4)
    expect(acknowledgedIds(client).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, id) => id + 1))
    expect(receiver.payloads()).toEqual(Array.from({ length: 50 }, (_, id) => `${id + 1}`))
  })

  it('closes the connection when a delivery is given up, without acknowledging anything of it', async () => {
    const client = await join(sensor)
    client.send(publishPacket({ topic: reading, payload: 'x' }))
    await receiver.until(() => receiver.deliveries.length === 1)
    receiver.deliveries[0]?.giveUp()
    receiver.deliveries[0]?.acknowledge()
    await client.closed()
    expect(client.received).toEqual(connected)
  })

  it('takes readings in their order, whatever stands between, in whatever pieces they come', async () => {
    await broker.close()
    await start({ connectsPerMinute: 1000 })
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    const anyPieces = asyncProperty(
      anyParts,
      array(integer({ min: 1, max: 4000 }), { minLength: 1 }),
      async (parts, cuts) => {
        receiver.deliveries.length = 0
        const client = await join(sensor)
        const payloads = parts.map(({ kind, bytes }, index) => `${kind} ${index} `.padEnd(bytes, '.'))
        const packets = parts.map(({ kind }, index) =>
          packetOf(kind, { payload: payloads[index] ?? '', id: index + 1 }),
        )
        await sendInPieces(client, Buffer.concat(packets), cuts)
        const answers = parts.reduce((bytes, { kind }) => bytes + answerBytes[kind], connected.length)
        const taken = payloads.filter(isTaken)
        await client.receive(answers)
        const readingsTaken = () => receiver.payloads().filter(isTaken)
        await receiver.until(() => readingsTaken().length >= taken.length)
        expect(readingsTaken()).toEqual(taken)
        expect(client.received).toHaveLength(answers)
        client.destroy()
      },
    )
    await assert(anyPieces, { numRuns: 25 })
  })

  it('takes the rest of a reading that began to come while aedes read no further', async () => {
    const client = await join(sensor)
    // aedes waits for these, and then has no room for what it would refuse.
    const online = Array.from({ length: 10 }, (_, index) => packetOf('status', { payload: '', id: index + 1 }))
    client.send(...online)
    await receiver.until(() => receiver.deliveries.length === 10)
    const refused = [11, 12, 13].map((id) =>
      publishPacket({ topic: 'hello', payload: Buffer.alloc(65_000), qos: 1, id }),
    )
    const last = publishPacket({ topic: reading, payload: 'x'.repeat(1000), qos: 1, id: 14 })
    client.send(...refused, last.subarray(0, 500))
    await pause(50)
    client.send(last.subarray(500))
    await pause(50)
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    for (const delivery of receiver.deliveries) delivery.acknowledge()
    await client.receive(connected.length + 14 * 4)
    expect(receiver.payloads().at(-1)).toBe('x'.repeat(1000))
  })

  it('takes QoS 0 as best effort, without an answer', async () => {
    const client = await join(sensor)
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    for (let count = 0; count < 60; count++) client.send(publishPacket({ topic: reading, payload: 'x', qos: 0 }))
    await receiver.until(() => receiver.deliveries.length === 60)
    await ping(client)
    expect(client.received).toHaveLength(connected.length + 2)
  })

  it('hands over a QoS 2 publish once, and answers PUBREC after it is acknowledged', async () => {
    const client = await join(sensor)
    const publish = publishPacket({ topic: reading, payload: 'x', qos: 2, id: 5, retain: true })
    client.send(publish, publishPacket({ topic: reading, payload: 'x', qos: 2, id: 5, duplicate: true }))
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(client.received).toEqual(connected)
    receiver.deliveries[0]?.acknowledge()
    await client.receive(connected.length + 4)
    client.send(pubrelPacket(5))
    await client.receive(connected.length + 8)
    expect(client.received.subarray(4)).toEqual(Buffer.from([0x50, 2, 0, 5, 0x70, 2, 0, 5]))
    expect(receiver.deliveries).toHaveLength(1)
    client.send(publish)
    await receiver.until(() => receiver.deliveries.length === 2)
  })

  it('handles what a client sent before it left, its DISCONNECT included', async () => {
    const client = await join({ ...sensor, will: { topic: status, payload: 'offline' } })
    const publish = publishPacket({ topic: reading, payload: 'x', qos: 0 })
    client.send(...Array<Buffer>(50).fill(publish), disconnectPacket)
    client.end()
    await receiver.until(() => receiver.deliveries.length === 20)
    // By now the end of the connection has arrived too, behind what has to wait.
    const other = await join(gateway)
    await ping(other)
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    for (const delivery of receiver.deliveries) delivery.acknowledge()
    await receiver.until(() => receiver.deliveries.length === 50)
    await client.closed()
    await ping(other)
    expect(receiver.deliveries.every(({ topic }) => topic === reading)).toBe(true)
  })
})

describe('what the door refuses', () => {
  it.each([
    ['a topic of another device', { topic: 'parking/v1/acme/devices/s2/reading', payload: 'x' }, 'foreign_topic'],
    ['a topic of another tenant', { topic: 'parking/v1/other/devices/s1/reading', payload: 'x' }, 'foreign_topic'],
    ['state that is ours to publish', { topic: 'parking/v1/acme/sites/m/availability', payload: 'x' }, 'foreign_topic'],
    ['an unknown topic', { topic: 'hello/world', payload: 'x' }, 'unknown_topic'],
    ['$SYS', { topic: '$SYS/broker', payload: 'x' }, 'unknown_topic'],
    ['a payload of 64 KiB and a byte', { topic: reading, payload: Buffer.alloc(65_537) }, 'payload_too_large'],
  ] as const)('acknowledges %s without effect, so that it does not hold up the next', async (_what, bad, reason) => {
    const listener = await join(app)
    listener.send(subscribePacket(['parking/v1/acme/sites/+/availability']))
    await listener.receive(connected.length + 5)
    const client = await join(sensor)
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    client.send(
      publishPacket({ ...bad, id: 1, retain: true }),
      publishPacket({ ...bad, id: 2, qos: 2, retain: true }),
      publishPacket({ ...bad, qos: 0 }),
      publishPacket({ topic: reading, payload: 'good', id: 3 }),
    )
    await client.receive(connected.length + 12)
    expect(receiver.payloads()).toEqual(['good'])
    expect(receiver.refusals).toEqual([reason, reason, reason])
    await ping(listener)
    expect(listener.received).toHaveLength(connected.length + 5 + 2)
  })

  it('takes a payload of exactly 64 KiB', async () => {
    const client = await join(sensor)
    client.send(publishPacket({ topic: reading, payload: Buffer.alloc(65_536) }))
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.deliveries[0]?.payload).toHaveLength(65_536)
  })

  it.each([
    ['before CONNECT', Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f])],
    ['a CONNECT that is longer than any', Buffer.from([0x10, 0x81, 0x20])],
  ])('closes the connection on an announced length beyond the bound: %s', async (_what, bytes) => {
    const client = await open()
    client.send(bytes)
    await client.closed()
    expect(receiver.refusals).toEqual(['payload_too_large'])
  })

  it.each([
    ['a publish of more than 4 MiB', Buffer.from([0x32, 0x81, 0x80, 0x80, 0x02])],
    ['anything else of more than 64 KiB', Buffer.from([0x82, 0x85, 0x82, 0x04])],
    [
      'a publish of QoS 2 of more than 64 KiB',
      Buffer.concat([Buffer.from([0x34, 0x85, 0x82, 0x04]), text(reading), messageId]),
    ],
  ])('closes the connection on %s before it has arrived', async (_what, bytes) => {
    const client = await join(sensor)
    client.send(bytes)
    await client.closed()
    expect(receiver.refusals).toEqual(['payload_too_large'])
  })

  it('strips the retain flag of a reading, and notes it', async () => {
    const client = await join(sensor)
    client.send(publishPacket({ topic: reading, payload: 'x', retain: true }))
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.deliveries[0]).toMatchObject({ retained: false, retainStripped: true })
  })

  it('grants its own subscriptions and refuses the others', async () => {
    const client = await join(sensor)
    client.send(subscribePacket(['parking/v1/acme/devices/s1/command', '#', 'parking/v1/acme/devices/+/command']))
    await client.receive(connected.length + 7)
    expect(client.received.subarray(4)).toEqual(Buffer.from([0x90, 5, 0, 1, 1, 0x80, 0x80]))
    expect(receiver.refusals).toEqual(['foreign_subscription', 'foreign_subscription'])
  })
})

describe('presence', () => {
  it('hands over the last will of a client that is lost', async () => {
    const client = await join({ ...sensor, will: { topic: status, payload: 'offline', retain: true } })
    client.destroy()
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.deliveries[0]).toMatchObject({ topic: status })
    expect(receiver.payloads()).toEqual(['offline'])
    receiver.deliveries[0]?.acknowledge()
  })

  it.each([
    'parking/v1/acme/devices/s2/status',
    'parking/v1/acme/devices/s1/reading',
    'parking/v1/acme/sites/m/availability',
    '$SYS/x',
  ])('drops a last will on %s', async (topic) => {
    const client = await join({ ...sensor, will: { topic, payload: 'offline', retain: true } })
    client.destroy()
    await receiver.until(() => receiver.refusals.length === 1)
    expect(receiver.refusals).toEqual(['foreign_topic'])
    expect(receiver.deliveries).toEqual([])
  })

  it('is acknowledged after the receiver acknowledged it', async () => {
    const client = await join(sensor)
    client.send(publishPacket({ topic: status, payload: 'online', retain: true, id: 9 }))
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(client.received).toEqual(connected)
    receiver.deliveries[0]?.acknowledge()
    await client.receive(connected.length + 4)
    expect(acknowledgedIds(client)).toEqual([9])
  })
})

describe('holding and stopping', () => {
  it('hands over nothing while held, answers pings, and goes on when released', async () => {
    const client = await join(sensor)
    broker.hold()
    await ping(client)
    client.send(publishPacket({ topic: reading, payload: 'x' }))
    const other = await join(gateway)
    await ping(other)
    expect(receiver.deliveries).toEqual([])
    broker.release()
    await receiver.until(() => receiver.deliveries.length === 1)
  })

  it('is held again by what the first connections had waiting, for all of them', async () => {
    const [first, second] = [await join(sensor), await join(gateway)]
    broker.hold()
    const send = (id: number) => {
      first.send(publishPacket({ topic: reading, payload: 'first', qos: 1, id }))
      second.send(publishPacket({ topic: readings, payload: 'second', qos: 1, id }))
    }
    send(1)
    // Whatever was sent before has come by then: it is read in order of its coming.
    await ping(await join(app))
    receiver.onDelivery = () => {
      receiver.onDelivery = undefined
      broker.hold()
    }
    broker.release()
    const taken = receiver.deliveries.length
    send(2)
    await pause(200)
    expect(receiver.deliveries).toHaveLength(taken)
    broker.release()
    await receiver.until(() => receiver.deliveries.length === 4)
  })

  it('stays closed while it stops, though there is room again', async () => {
    const client = await join(sensor)
    client.send(publishPacket({ topic: reading, payload: 'x', qos: 1, id: 1 }))
    await receiver.until(() => receiver.deliveries.length === 1)
    const closed = broker.close()
    broker.release()
    client.send(publishPacket({ topic: reading, payload: 'y', qos: 1, id: 2 }))
    await closed
    expect(receiver.payloads()).toEqual(['x'])
  })

  it('waits for what is in flight to be acknowledged, takes nothing new, and fires no last will', async () => {
    const client = await join({ ...sensor, will: { topic: status, payload: 'offline' } })
    client.send(publishPacket({ topic: reading, payload: 'x', id: 3 }))
    await receiver.until(() => receiver.deliveries.length === 1)
    const closing = broker.close()
    client.send(publishPacket({ topic: reading, payload: 'y', id: 4 }))
    receiver.deliveries[0]?.acknowledge()
    await closing
    await client.closed()
    expect(acknowledgedIds(client)).toEqual([3])
    expect(receiver.payloads()).toEqual(['x'])
    await expect(RawClient.connect(broker.port)).rejects.toThrow('ECONNREFUSED')
    await start()
  })

  it('stops in time although a delivery is never settled', async () => {
    const client = await join(sensor)
    client.send(publishPacket({ topic: reading, payload: 'x' }))
    await receiver.until(() => receiver.deliveries.length === 1)
    await broker.close()
    expect(client.received).toEqual(connected)
    await start()
  })

  it('says which setting to change when the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const starting = startBroker({
      host: '127.0.0.1',
      port: port ?? 0,
      receiver,
      clock: systemClock,
      log: pino({ level: 'silent' }),
      authenticate: () => Promise.resolve(undefined),
    })
    await expect(starting).rejects.toThrow(BaywireError)
    await expect(starting).rejects.toThrow('BAYWIRE_MQTT_PORT')
    server.close()
  })
})
