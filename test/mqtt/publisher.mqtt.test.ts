import { pino } from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { parseUsername } from '../../src/mqtt/access.ts'
import { startBroker, type Broker } from '../../src/mqtt/broker.ts'
import { connectPublisher, RefusedCredential, type Publisher } from '../../src/mqtt/publisher.ts'
import { RecordingReceiver } from '../support/mqtt.ts'

const topic = 'parking/v1/acme/gateways/g1/readings'
const username = 'acme/gateways/g1'

let broker: Broker
let receiver: RecordingReceiver
let publisher: Publisher
let secret = 'right'

async function start(port: number): Promise<void> {
  receiver = new RecordingReceiver()
  broker = await startBroker({
    host: '127.0.0.1',
    port,
    receiver,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    limits: { stopMs: 20 },
    authenticate: (name, given) => Promise.resolve(given.toString() === secret ? parseUsername(name) : undefined),
  })
}

function options(): Parameters<typeof connectPublisher>[0] {
  const url = `mqtt://127.0.0.1:${broker.port}`
  return { url, username, secret: 'right', window: 5, retryMinMs: 10, retryMaxMs: 50 }
}

beforeEach(async () => {
  secret = 'right'
  await start(0)
  publisher = await connectPublisher(options())
})
afterEach(async () => {
  await publisher.abort()
  await broker.close()
})

it('resolves when PUBACK arrives, not before', async () => {
  let resolved = false
  const published = publisher.publish(topic, 'x').then(() => (resolved = true))
  await receiver.until(() => receiver.deliveries.length === 1)
  expect([resolved, publisher.unacknowledged()]).toEqual([false, 1])
  receiver.deliveries[0]?.acknowledge()
  await published
  expect(publisher.unacknowledged()).toBe(0)
})

it('makes room for as many messages as its window has', async () => {
  for (let count = 0; count < 5; count++) {
    await publisher.room()
    void publisher.publish(topic, `${count}`).catch(() => {})
  }
  await receiver.until(() => receiver.deliveries.length === 5)
  let hasRoom = false
  const room = publisher.room().then(() => (hasRoom = true))
  expect(hasRoom).toBe(false)
  receiver.deliveries[3]?.acknowledge()
  await room
  expect(publisher.unacknowledged()).toBe(4)
})

it('sends again what was not acknowledged, in order, at once and flagged, and what came meanwhile', async () => {
  const published = ['1', '2', '3'].map((payload) => publisher.publish(topic, payload))
  await receiver.until(() => receiver.deliveries.length === 3)
  receiver.deliveries[1]?.acknowledge()
  await published[1]
  const { port } = broker
  await broker.close()
  const later = publisher.publish(topic, '4')
  await start(port)
  await receiver.until(() => receiver.deliveries.length === 3)
  expect(receiver.payloads()).toEqual(['1', '3', '4'])
  expect(receiver.deliveries.slice(0, 2).every(({ duplicate }) => duplicate)).toBe(true)
  receiver.onDelivery = (delivery) => delivery.acknowledge()
  for (const delivery of receiver.deliveries) delivery.acknowledge()
  await Promise.all([...published, later])
  await publisher.end()
})

it('waits at its end for what is not acknowledged', async () => {
  const published = publisher.publish(topic, 'x')
  const ended = publisher.end()
  await receiver.until(() => receiver.deliveries.length === 1)
  receiver.deliveries[0]?.acknowledge()
  await Promise.all([published, ended])
  await expect(publisher.publish(topic, 'y')).rejects.toThrow('ended')
})

it('rejects what is not acknowledged when it is aborted', async () => {
  const published = publisher.publish(topic, 'x')
  await receiver.until(() => receiver.deliveries.length === 1)
  await Promise.all([expect(published).rejects.toThrow('aborted'), publisher.abort()])
})

it('tells a refused credential from a broker that is not there', async () => {
  const refused = connectPublisher({ ...options(), secret: 'wrong' })
  await expect(refused).rejects.toThrow(RefusedCredential)
  await expect(refused).rejects.not.toThrow('wrong')
  const unreachable = connectPublisher({ ...options(), url: 'mqtt://127.0.0.1:1' })
  await expect(unreachable).rejects.toThrow('nothing listens there')
  await expect(unreachable).rejects.not.toThrow(RefusedCredential)
})

it('stops trying when its credential is refused later', async () => {
  const published = publisher.publish(topic, 'x')
  await receiver.until(() => receiver.deliveries.length === 1)
  secret = 'changed'
  broker.disconnect(username)
  await expect(published).rejects.toThrow(RefusedCredential)
})
