import { existsSync, readFileSync } from 'node:fs'
import { array, assert, asyncProperty, boolean, constantFrom, nat, tuple } from 'fast-check'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { parseUsername } from '../../src/mqtt/access.ts'
import { startBroker, type Broker } from '../../src/mqtt/broker.ts'
import {
  connected,
  connectPacket,
  publishPacket,
  RawClient,
  RecordingReceiver,
  subscribePacket,
} from '../support/mqtt.ts'

interface Vector {
  name: string
  hex: string
}

const vectorFile = new URL('../../../shared/data/malformed/mqtt-packets.json', import.meta.url)
const vectors: Vector[] = existsSync(vectorFile) ? JSON.parse(readFileSync(vectorFile, 'utf8')) : []
const reading = 'parking/v1/acme/devices/s1/reading'

let broker: Broker
let receiver: RecordingReceiver
let healthy: RawClient
let nextId = 0

beforeAll(async () => {
  receiver = new RecordingReceiver()
  receiver.onDelivery = (delivery) => delivery.acknowledge()
  broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    receiver,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    authenticate: (username) => Promise.resolve(parseUsername(username)),
    // Each packet comes on a connection of its own.
    limits: { connectsPerMinute: 1_000_000 },
  })
  healthy = await RawClient.connect(broker.port)
  healthy.send(connectPacket({ username: 'acme/devices/s1', secret: 'x' }))
  await healthy.receive(connected.length)
})

afterAll(async () => {
  healthy.destroy()
  await broker.close()
})

/** The client that did nothing wrong is still served, on the connection that it has had all along. */
async function expectHealthy(): Promise<void> {
  const before = healthy.received.length
  const id = (nextId++ % 65_000) + 1
  healthy.send(publishPacket({ topic: reading, payload: 'fine', id }))
  await healthy.receive(before + 4)
  expect(healthy.received.subarray(before)).toEqual(Buffer.from([0x40, 2, id >> 8, id & 0xff]))
}

async function sendAndLeave(...packets: Buffer[]): Promise<void> {
  const client = await RawClient.connect(broker.port)
  client.send(...packets)
  client.end()
  await client.closed()
}

const connect = connectPacket({ username: 'acme/gateways/g1', secret: 'x' })

describe.skipIf(vectors.length === 0)(
  'published packets (../shared/data/malformed, skipped where it is absent)',
  () => {
    it.each(vectors)('$name harms nobody else', async ({ hex }) => {
      await sendAndLeave(Buffer.from(hex, 'hex'))
      await expectHealthy()
      await sendAndLeave(connect, Buffer.from(hex, 'hex'))
      await expectHealthy()
    })
  },
)

describe('packets out of order or shape', () => {
  it.each([
    ['a packet before CONNECT', Buffer.from('c000', 'hex')],
    ['a second CONNECT', Buffer.concat([connect, connect])],
    ['a publish on a topic with a wildcard', Buffer.concat([connect, publishPacket({ topic: 'a/+', payload: 'x' })])],
    ['a publish without a topic', Buffer.concat([connect, publishPacket({ topic: '', payload: 'x' })])],
    ['both QoS bits', Buffer.concat([connect, Buffer.from('36050001610001', 'hex')])],
    ['a length that does not end', Buffer.concat([connect, Buffer.from('30ffffffffff', 'hex')])],
    ['a reserved packet type', Buffer.concat([connect, Buffer.from('0000', 'hex')])],
  ])('%s ends that connection and is counted', async (_what, bytes) => {
    const before = receiver.refusals.length
    const client = await RawClient.connect(broker.port)
    client.send(bytes)
    await client.closed()
    expect(receiver.refusals.slice(before)).toEqual(['malformed_packet'])
    await expectHealthy()
  })

  it('survives packets with any bytes in them', async () => {
    const samples = [
      connect,
      publishPacket({ topic: reading, payload: 'x' }),
      publishPacket({ topic: reading, payload: 'x', qos: 2 }),
      subscribePacket(['parking/v1/acme/gateways/g1/command', '#']),
      ...vectors.map(({ hex }) => Buffer.from(hex, 'hex')),
    ]
    const mutated = tuple(constantFrom(...samples), array(tuple(nat(60), nat(255)), { maxLength: 4 })).map(
      ([sample, changes]) => {
        const bytes = Buffer.from(sample)
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        return bytes
      },
    )
    const property = asyncProperty(array(mutated, { maxLength: 5 }), boolean(), async (packets, introduced) => {
      await sendAndLeave(...(introduced ? [connect] : []), ...packets)
      await expectHealthy()
    })
    await assert(property, { numRuns: 300 })
  })
})
