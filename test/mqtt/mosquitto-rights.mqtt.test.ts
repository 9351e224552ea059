import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mayPublish, maySubscribe, usernameOf, type Principal } from '../../src/mqtt/access.ts'
import { parseTopic } from '../../src/mqtt/topics.ts'
import { eventually } from '../support/program.ts'
import { connectPublisher } from '../../src/mqtt/publisher.ts'
import { consumerUser, mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'

/**
 * The rights that Mosquitto gives, compared with those of the built-in broker (`access.ts`), case by case. Where they
 * differ, the difference is written down here and in docs/mosquitto.md.
 */
const device: Principal = { tenant: 'acme', kind: 'device', code: 'x1' }
const gateway: Principal = { tenant: 'acme', kind: 'gateway', code: 'x1' }
const app: Principal = { tenant: 'acme', kind: 'app', code: 'x1' }
const principals = [device, gateway, app]
const secret = 'a-secret'
const withinMs = 5000
/** May do anything: what the others may is seen and caused through it. */
const observer = { username: 'observer', secret }

const everyTopic = ['acme', 'other'].flatMap((tenant) =>
  ['x1', 'x2'].flatMap((name) => [
    ...['devices', 'gateways', 'apps'].flatMap((group) =>
      ['reading', 'readings', 'status', 'command', 'ack'].map(
        (leaf) => `parking/v1/${tenant}/${group}/${name}/${leaf}`,
      ),
    ),
    `parking/v1/${tenant}/sites/${name}/availability`,
    `parking/v1/${tenant}/sites/${name}/spaces/${name}/state`,
  ]),
)
/** Topics that are nobody's, which Mosquitto's patterns let a device or gateway write under its own name all the same. */
const strays = {
  device: ['parking/v1/acme/devices/x1/readings'],
  gateway: ['parking/v1/acme/gateways/x1/reading', 'parking/v1/acme/gateways/x1/ack'],
  app: [],
}

const hostileFilters = [
  '#',
  '+/#',
  '/#',
  'parking/#',
  'parking/v1/#',
  'parking/v1/acme/#',
  'parking/v1/+/devices/+/command',
  'parking/v1/+/devices/x1/command',
  'parking/v1/acme/+/+/+',
  'parking/v1/acme/devices/x1/#',
  'parking/v1/acme/sites/#',
  'parking/v1/+/sites/+/availability',
  'parking/v1/+/sites/+/spaces/+/state',
  'parking/v1/%u/command',
  '$share/g/#',
  '$share/g/parking/v1/+/devices/+/reading',
  '$SYS/#',
  '$CONTROL/#',
  'baywire/#',
  'baywire/baywire/drained',
]
const topicsRead = {
  device: ['parking/v1/acme/devices/x1/command'],
  gateway: ['parking/v1/acme/gateways/x1/command'],
  app: everyTopic.filter((topic) => /^parking\/v1\/acme\/sites\/.*(state|availability)$/.test(topic)),
}

describe.skipIf(mosquittoProgram === undefined)('rights at Mosquitto (skipped where it is not installed)', () => {
  let server: Mosquitto
  let watch: MqttClient
  let clients: MqttClient[]
  let seen: string[]

  async function join(username: string, options: mqtt.IClientOptions = {}): Promise<MqttClient> {
    const address = { host: '127.0.0.1', port: server.port, reconnectPeriod: 0 }
    const client = await mqtt.connectAsync({ ...address, username, password: secret, clientId: username, ...options })
    client.on('error', () => {})
    clients.push(client)
    return client
  }

  /** Each publish that is refused is acknowledged and ends the connection: this one makes another. */
  async function publishEverything(username: string, password = secret): Promise<void> {
    const publisher = await connectPublisher({
      url: server.url(),
      username,
      secret: password,
      retryMinMs: 1,
      retryMaxMs: 1,
    })
    // oxlint-disable-next-line no-await-in-loop -- what is refused would take the next one with it
    for (const topic of everyTopic) await publisher.publish(topic, 'x')
    await publisher.end()
  }

  /** What has arrived at the observer, once all that was published before has. */
  async function seenByNow(): Promise<string[]> {
    await watch.publishAsync('fence', '', { qos: 1 })
    await eventually('the last message', () => seen.includes('fence'), { withinMs })
    return [...new Set(seen)].filter((topic) => topic !== 'fence').toSorted()
  }

  beforeAll(async () => {
    const filters = ['acme/devices/+', '+/devices/+']
    const users = [...principals.map(usernameOf), ...filters].map((username) => ({ username, secret }))
    const everything = ['user observer', 'topic readwrite #', 'topic read $SYS/#']
    server = await startMosquitto([...users, observer], { rules: everything })
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    clients = []
    seen = []
    watch = await join(observer.username)
    watch.on('message', (topic) => seen.push(topic))
    await watch.subscribeAsync('#', { qos: 1 })
  })
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.endAsync(true)))
  })

  it.each(principals)('$kind: publishes to its own topics, and to nobody else’s', async (principal) => {
    await publishEverything(usernameOf(principal))
    const allowed = everyTopic.filter((topic) => {
      const parsed = parseTopic(topic)
      return parsed !== undefined && mayPublish(principal, parsed)
    })
    expect(await seenByNow()).toEqual([...allowed, ...strays[principal.kind]].toSorted())
  })

  it.each(principals)('$kind: reads what is meant for it, whatever it subscribes to', async (principal) => {
    const client = await join(usernameOf(principal))
    const got: string[] = []
    let last = ''
    client.on('message', (topic, payload) => {
      got.push(topic)
      last = String(payload)
    })
    const fence = topicsRead[principal.kind][0] ?? ''
    for (const filter of [...hostileFilters, ...everyTopic]) {
      await client.subscribeAsync([filter, fence], { qos: 1 })
      for (const topic of everyTopic) watch.publish(topic, 'x')
      await watch.publishAsync(fence, filter, { qos: 1 })
      await eventually(`the last message behind ${filter}`, () => last === filter, { withinMs })
      await client.unsubscribeAsync([filter, fence])
      if (maySubscribe(principal, filter)) expect(got, filter).toContain(filter)
    }
    expect([...new Set(got)].filter((topic) => !topicsRead[principal.kind].includes(topic))).toEqual([])
  })

  it('a process of Baywire’s own says what is its to say, and no reading', async () => {
    await publishEverything(consumerUser.username, consumerUser.secret)
    const said = /^parking\/v1\/\w+\/((devices|gateways)\/\w+\/command|sites\/.*(state|availability))$/
    expect(await seenByNow()).toEqual(everyTopic.filter((topic) => said.test(topic)).toSorted())
  })

  it('a publish that is refused is acknowledged, and ends the connection', async () => {
    const client = await join('acme/devices/x1')
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
    await client.publishAsync('parking/v1/acme/devices/x2/reading', 'x', { qos: 1 })
    await closed
    expect(await seenByNow()).toEqual([])
  })

  it('a name that is a filter has no rights', async () => {
    for (const username of ['acme/devices/+', '+/devices/+']) {
      // oxlint-disable-next-line no-await-in-loop
      await publishEverything(username)
    }
    expect(await seenByNow()).toEqual([])
  })

  it('a client id that is another’s is not taken for it', async () => {
    const other = await join('acme/gateways/x1')
    const client = await join('acme/devices/x1', { clientId: 'acme/gateways/x1' })
    await client.publishAsync('parking/v1/acme/gateways/x1/readings', 'x', { qos: 1 })
    await other.publishAsync('parking/v1/acme/gateways/x1/status', 'online', { qos: 1 })
    expect(await seenByNow()).toEqual(['parking/v1/acme/gateways/x1/status'])
  })

  it('a last will on another’s topic is not delivered', async () => {
    const own = { topic: 'parking/v1/acme/devices/x1/status', payload: Buffer.from('offline'), qos: 1 as const }
    for (const will of [{ ...own, topic: 'parking/v1/acme/devices/x2/status' }, own]) {
      // oxlint-disable-next-line no-await-in-loop
      const client = await join('acme/devices/x1', { will }).catch(() => undefined)
      client?.stream.destroy()
    }
    await eventually('the last will', () => seen.includes(own.topic), { withinMs })
    expect(await seenByNow()).toEqual([own.topic])
  })
})
