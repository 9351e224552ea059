import { existsSync, readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { parseUsername } from '../../src/mqtt/access.ts'
import { startBroker, type Broker } from '../../src/mqtt/broker.ts'
import {
  connected,
  connectPacket,
  pingPacket,
  publishPacket,
  pubrelPacket,
  RawClient,
  RecordingReceiver,
  subscribePacket,
} from '../support/mqtt.ts'

/**
 * Packets with wrong bytes, by the thousand, from a printed seed (`MUTATION_SEED` takes it again): nothing crashes, memory
 * stays, and the honest device is served on the connection that it has had all along. An unhandled rejection
 * fails the run by itself.
 */
const seed = Number(process.env['MUTATION_SEED'] ?? Date.now() % 2 ** 31)
const packetsToSend = Number(process.env['MUTATED_PACKETS'] ?? 20_000)
const packetsPerConnection = 10
const connectionsAtOnce = 20
const mostGrowthBytes = 50 * 1024 * 1024

const folder = new URL('../../../shared/data/malformed/', import.meta.url)
const read = (name: string) => (existsSync(new URL(name, folder)) ? readFileSync(new URL(name, folder), 'utf8') : '')
const packets = (JSON.parse(read('mqtt-packets.json') || '[]') as { hex: string }[]).map(({ hex }) =>
  Buffer.from(hex, 'hex'),
)
const payloads = [
  ...read('json-test-suite.jsonl')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from((JSON.parse(line) as { base64: string }).base64, 'base64')),
  ...(JSON.parse(read('naughty-strings.json') || '[]') as string[]).map((text) => Buffer.from(text)),
]

const reading = 'parking/v1/acme/devices/s1/reading'
const connect = connectPacket({ username: 'acme/gateways/g1', secret: 'x' })
const readings = 'parking/v1/acme/gateways/g1/readings'
const will = { topic: 'parking/v1/acme/gateways/g1/status', payload: 'offline', retain: true }
const samples = [
  connect,
  connectPacket({ username: 'acme/gateways/g1', secret: 'x', will }),
  publishPacket({ topic: readings, payload: '{"readings":[]}' }),
  publishPacket({ topic: readings, payload: 'x', qos: 2 }),
  publishPacket({ topic: will.topic, payload: 'online', retain: true }),
  pubrelPacket(1),
  subscribePacket(['parking/v1/acme/gateways/g1/command', '#']),
  pingPacket,
  ...packets,
]

let broker: Broker
let receiver: RecordingReceiver
let healthy: RawClient
let nextId = 0

beforeAll(async () => {
  receiver = new RecordingReceiver()
  receiver.onDelivery = (delivery) => {
    delivery.acknowledge()
    receiver.deliveries.length = 0
  }
  broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    receiver,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    authenticate: (username) => Promise.resolve(parseUsername(username)),
    limits: { connectsPerMinute: 1_000_000, messagesPerS: { device: 100_000, gateway: 100_000, app: 50 } },
  })
  healthy = await RawClient.connect(broker.port)
  healthy.send(connectPacket({ username: 'acme/devices/s1', secret: 'x' }))
  await healthy.receive(connected.length)
})

afterAll(async () => {
  healthy.destroy()
  await broker.close()
})

async function expectHealthy(): Promise<void> {
  const before = healthy.received.length
  const id = (nextId++ % 65_000) + 1
  healthy.send(publishPacket({ topic: reading, payload: 'fine', id }))
  await healthy.receive(before + 4)
  expect(healthy.received.subarray(before)).toEqual(Buffer.from([0x40, 2, id >> 8, id & 0xff]))
}

/** A small generator (mulberry32) whose run can be repeated. */
function randomOf(start: number): (below: number) => number {
  let state = start >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Bytes changed, cut off, put in or doubled. */
function mutate(sample: Buffer, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(sample)
  for (let change = random(4); change >= 0; change--) {
    const at = random(Math.max(1, bytes.length))
    switch (random(6)) {
      case 0:
        bytes = bytes.subarray(0, at)
        break
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([random(256), random(256)]), bytes.subarray(at)])
        break
      case 2:
        bytes = Buffer.concat([bytes, bytes.subarray(at)])
        break
      default:
        if (bytes.length > 0) bytes[at] = random(256)
    }
  }
  return bytes
}

async function sendAndLeave(...sent: Buffer[]): Promise<void> {
  const client = await RawClient.connect(broker.port)
  client.send(...sent)
  client.end()
  await client.closed()
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function usedBytes(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

describe('mutated packets', () => {
  it(`${packetsToSend} of them harm nobody else and leave nothing behind`, { timeout: 600_000 }, async () => {
    const random = randomOf(seed)
    const round = async () => {
      const connections = Array.from({ length: connectionsAtOnce }, () => {
        const introduced = random(4) > 0 ? [connect] : []
        const mutated = Array.from({ length: packetsPerConnection }, () =>
          mutate(samples[random(samples.length)] ?? pingPacket, random),
        )
        return sendAndLeave(...introduced, ...mutated)
      })
      await Promise.all(connections)
      await expectHealthy()
    }
    await round()
    const before = usedBytes()
    const rounds = Math.ceil(packetsToSend / (connectionsAtOnce * packetsPerConnection))
    for (let count = 1; count < rounds; count++) {
      // oxlint-disable-next-line no-await-in-loop -- so many at a time
      await round()
    }
    const grown = usedBytes() - before
    process.stdout.write(
      `mutated packets: ${packetsToSend} with MUTATION_SEED=${seed}, ${receiver.refusals.length} refusals, ` +
        `memory ${(grown / 1024 / 1024).toFixed(1)} MiB more\n`,
    )
    expect(grown).toBeLessThan(mostGrowthBytes)
    expect(broker.connections()).toBe(1)
  })
})

describe.skipIf(payloads.length === 0)(
  'published payloads (../shared/data/malformed, skipped where it is absent)',
  () => {
    it('as payload, topic, filter, user name, client id, secret and last will, one after the other', async () => {
      const inConnects = payloads.filter((bytes) => bytes.length < 500).map((bytes) => bytes.toString('latin1'))
      await Promise.all(
        payloads.map((payload) => sendAndLeave(connect, publishPacket({ topic: readings, payload }), pingPacket)),
      )
      await expectHealthy()
      for (const text of inConnects) {
        // oxlint-disable-next-line no-await-in-loop -- few at a time
        await Promise.all([
          sendAndLeave(connect, publishPacket({ topic: text, payload: 'x' })),
          sendAndLeave(connect, subscribePacket([text])),
          sendAndLeave(connectPacket({ username: text, secret: text })),
          sendAndLeave(connectPacket({ username: 'acme/devices/s2', secret: 'x', clientId: text })),
          sendAndLeave(
            connectPacket({ username: 'acme/devices/s2', secret: text, will: { topic: text, payload: text } }),
          ),
        ])
      }
      await expectHealthy()
    })
  },
)
