import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { parseUsername } from '../../src/mqtt/access.ts'
import { startBroker, type Broker } from '../../src/mqtt/broker.ts'
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

/** Who somebody is, and what it may name: with a device's own credential nothing else is reached, however it is spelled. */
const sensor = { username: 'acme/devices/s1', secret: 'right' }
const reading = 'parking/v1/acme/devices/s1/reading'
const command = 'parking/v1/acme/devices/s1/command'

let broker: Broker
const receiver = new RecordingReceiver()
const clients: RawClient[] = []
let nowMs = 0

beforeAll(async () => {
  receiver.onDelivery = (delivery) => delivery.acknowledge()
  broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    receiver,
    clock: systemClock,
    monotonicMs: () => nowMs,
    log: pino({ level: 'silent' }),
    limits: { stopMs: 200 },
    authenticate: (username, secret) =>
      Promise.resolve(secret.toString() === 'right' ? parseUsername(username) : undefined),
  })
})

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
  receiver.deliveries.length = 0
  receiver.refusals.length = 0
  // What one test did is forgotten in the next.
  nowMs += 3_600_000
})

afterAll(() => broker.close())

async function answerTo(parts: ConnectParts): Promise<{ client: RawClient; code: number }> {
  const client = await RawClient.connect(broker.port)
  clients.push(client)
  client.send(connectPacket(parts))
  return { client, code: (await client.receive(4))[3] ?? -1 }
}

async function join(parts: ConnectParts): Promise<RawClient> {
  const { client, code } = await answerTo(parts)
  expect(code).toBe(0)
  return client
}

async function ping(client: RawClient): Promise<void> {
  const before = client.received.length
  client.send(pingPacket)
  await client.receive(before + 2)
}

describe('one session per identity', () => {
  it('a right credential takes over, a wrong one does not disturb: 100 of 100', async () => {
    let current = await join(sensor)
    let undisturbed = 0
    let takenOver = 0
    for (let turn = 0; turn < 100; turn++) {
      // One connect every 5 seconds is borne for ever, and so are failures that are not many a minute.
      nowMs += 10_000
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const intruder = await answerTo({ ...sensor, secret: `wrong ${turn}` })
      // oxlint-disable-next-line no-await-in-loop
      await ping(current)
      if (intruder.code === 4) undisturbed += 1
      // oxlint-disable-next-line no-await-in-loop
      const next = await join(sensor)
      // oxlint-disable-next-line no-await-in-loop
      await current.closed()
      // oxlint-disable-next-line no-await-in-loop
      await ping(next)
      current = next
      takenOver += 1
    }
    expect({ undisturbed, takenOver, connections: broker.connections() }).toEqual({
      undisturbed: 100,
      takenOver: 100,
      connections: 1,
    })
  })

  it('two devices with one credential do not take over from each other for ever, and the last one stays', async () => {
    for (let turn = 0; turn < 14; turn++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await join(sensor)
    }
    const last = await join(sensor)
    expect((await answerTo(sensor)).code).toBe(3)
    await ping(last)
    expect(receiver.refusals).toEqual(['too_many_connects'])
    nowMs += 300_000
    await join(sensor)
    await last.closed()
  })
})

describe('wrong credentials in a flood from one address', () => {
  it('leave all 200 devices behind the same address connected and able to connect', async () => {
    const devices = Array.from({ length: 200 }, (_, index) => ({ ...sensor, username: `acme/devices/d${index}` }))
    const sessions: RawClient[] = []
    for (const device of devices) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      sessions.push(await join(device))
    }
    const flood = Array.from({ length: 1000 }, (_, index) =>
      answerTo({ ...sensor, username: `acme/devices/d${index % 30}`, secret: 'guess' }),
    )
    const codes = await Promise.all(devices.map((device) => answerTo(device).then(({ code }) => code)))
    expect(codes.filter((code) => code === 0)).toHaveLength(200)
    const refused = await Promise.all(flood)
    expect(refused.filter(({ code }) => code === 0)).toEqual([])
    expect(receiver.refusals.filter((reason) => reason === 'too_many_failures').length).toBeGreaterThan(500)
    expect(broker.connections()).toBe(200)
    for (const session of sessions) session.destroy()
  })
})

/** Names of another's, of the broker's own, wildcards anywhere, look-alikes, and what a parser might stumble over. */
function hostileTopics(): string[] {
  const own = 'parking/v1/acme/devices/s1'
  const codes = ['s2', '+', '#', '*', '%c', '%u', '..', '.', '', ' ', 's1 ', 'S1', 's\u00b91', '\u04551', 's1\u0000']
  codes.push('s1%2f..%2fs2', 's1/../s2', 's1\u200b', 'ｓ1', 's1\ud83d', 'x'.repeat(64), 'x'.repeat(65), '__proto__')
  const leaves = ['reading', 'command', 'status', 'ack', '+', '#']
  const tenants = ['other', '+', '#', 'ACME', 'acme ', '', 'аcme', '$SYS']
  const fixed = ['#', '+', '/', '//', '/#', '+/#', '+/+/+/+/+/+', '$SYS', '$SYS/#', '$SYS/+/heartbeat', '$CONTROL/#']
  fixed.push('$share/g/#', `$share/g/${own}/command`, `$queue/${own}/command`, '$CONTROL/dynamic-security/v1')
  fixed.push(`/${own}/command`, `${own}/command/`, `${own}/command/#`, `${own}/#`, `${own}/+`, `${own}//command`, own)
  fixed.push('parking/#', 'parking/v1/#', 'parking/v1/acme/#', 'parking/+/acme/devices/s1/command', 'parking/v2/acme')
  fixed.push('parking/v1/acme/devices/#', 'parking/v1/acme/devices/+/+', 'parking/v1/+/devices/s1/command')
  fixed.push('parking/v1/acme/sites/+/availability', 'parking/v1/acme/sites/main/availability')
  fixed.push('parking/v1/acme/sites/main/spaces/A/state', 'parking/v1/acme/sites/+/spaces/+/state')
  fixed.push(
    'application/+/device/+/event/+',
    'v3/+/devices/+/up',
    'x'.repeat(300),
    '/'.repeat(99),
    `${own}/command\u0000`,
  )
  return [
    ...fixed,
    ...codes.flatMap((code) => leaves.map((leaf) => `parking/v1/acme/devices/${code}/${leaf}`)),
    ...codes.map((code) => `parking/v1/acme/gateways/${code}/readings`),
    ...tenants.flatMap((tenant) => leaves.map((leaf) => `parking/v1/${tenant}/devices/s1/${leaf}`)),
  ]
}

const allowedTopics = new Set([reading, command, 'parking/v1/acme/devices/s1/status', 'parking/v1/acme/devices/s1/ack'])

describe('with a device its own credential', () => {
  const hostile = [...new Set(hostileTopics())].filter((topic) => !allowedTopics.has(topic))

  it('no hostile filter is granted, and nothing is heard through one', async () => {
    const victim = { username: 'acme/devices/s2', secret: 'right' }
    let granted = 0
    for (const filter of hostile) {
      nowMs += 10_000
      // oxlint-disable-next-line no-await-in-loop -- each on a connection of its own, since some end it
      const client = await join(sensor)
      client.send(subscribePacket([filter]))
      // oxlint-disable-next-line no-await-in-loop
      await client.receive(connected.length + 5).catch(() => {})
      const answer = client.received.subarray(connected.length)
      if (answer.length > 0 && answer.at(-1) !== 0x80) granted += 1
      // oxlint-disable-next-line no-await-in-loop
      const speaker = await join(victim)
      speaker.send(publishPacket({ topic: 'parking/v1/acme/devices/s2/status', payload: 'online', retain: true }))
      // oxlint-disable-next-line no-await-in-loop
      await speaker.receive(connected.length + 4)
      if (client.received.length > connected.length + 5) granted += 1
      client.destroy()
      speaker.destroy()
    }
    process.stdout.write(`hostile filters: ${hostile.length} tried, ${granted} through\n`)
    expect(hostile.length).toBeGreaterThanOrEqual(200)
    expect(granted).toBe(0)
  })

  it('no hostile topic is published to', async () => {
    for (const topic of hostile) {
      nowMs += 10_000
      // oxlint-disable-next-line no-await-in-loop -- each on a connection of its own, since some end it
      const client = await join(sensor)
      client.send(publishPacket({ topic, payload: '{"occupied":true}', retain: true }))
      // oxlint-disable-next-line no-await-in-loop
      await client.receive(connected.length + 4).catch(() => {})
      client.destroy()
    }
    process.stdout.write(`hostile topics: ${hostile.length} tried, ${receiver.deliveries.length} through\n`)
    expect(hostile.length).toBeGreaterThanOrEqual(200)
    expect(receiver.deliveries.map(({ topic }) => topic)).toEqual([])
  })

  it('no hostile user name is let in', async () => {
    const names = hostileTopics().flatMap((topic) => [topic, topic.replace('parking/v1/', '').replace(/\/\w+$/, '')])
    const strange = [...new Set(names)].filter((name) => parseUsername(name) === undefined && name.length < 1000)
    const codes = await Promise.all(strange.map((username) => answerTo({ username, secret: 'right' }).catch(() => {})))
    expect(strange.length).toBeGreaterThan(200)
    expect(codes.filter((answer) => answer?.code === 0)).toEqual([])
  })
})
