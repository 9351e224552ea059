import { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Door } from '../../src/mqtt/delivery.ts'
import { BaywireError } from '../../src/errors.ts'
import { startConsumer, type Consumer, type ConsumerOptions } from '../../src/mqtt/consumer.ts'
import { consumerUser, mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { Changes, RecordingReceiver } from '../support/mqtt.ts'

const gateway = { username: 'acme/gateways/g1', secret: 'gateway-secret' }
const readings = 'parking/v1/acme/gateways/g1/readings'
const status = 'parking/v1/acme/gateways/g1/status'

/** The states that a consumer reported. */
class States {
  readonly all: { connected: boolean; detail: string }[] = []
  readonly #changes = new Changes()

  readonly add = (state: { connected: boolean; detail: string }): void => {
    this.all.push(state)
    this.#changes.happened()
  }

  async until(connected: boolean, after = 0): Promise<void> {
    await this.#changes.until(() => this.all.slice(after).some((state) => state.connected === connected))
  }
}

describe.skipIf(mosquittoProgram === undefined)('a consumer of Mosquitto (skipped where it is not installed)', () => {
  let server: Mosquitto
  let publisher: MqttClient
  let consumer: Consumer
  let receiver: RecordingReceiver
  let states: States
  let logged: string

  async function consume(options: Partial<ConsumerOptions> = {}): Promise<void> {
    receiver = new RecordingReceiver()
    states = new States()
    logged = ''
    const sink = new Writable({
      write: (chunk, _encoding, done) => {
        logged += String(chunk)
        done()
      },
    })
    consumer = await startConsumer({
      url: server.url(),
      clientId: 'baywire-test',
      receiveMaximum: 100,
      receiver,
      onState: states.add,
      retryMinMs: 20,
      retryMaxMs: 100,
      stopMs: 50,
      clock: systemClock,
      log: pino({ level: 'info' }, sink),
      ...options,
    })
  }

  async function publish(...payloads: string[]): Promise<void> {
    await Promise.all(payloads.map((payload) => publisher.publishAsync(readings, payload, { qos: 1 })))
  }

  function acknowledgeAll(): void {
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    for (const delivery of receiver.deliveries) delivery.acknowledge()
  }

  async function connectPublisher(): Promise<void> {
    const { username, secret } = gateway
    publisher = await mqtt.connectAsync({
      host: '127.0.0.1',
      port: server.port,
      username,
      password: secret,
      clientId: username,
      reconnectPeriod: 20,
    })
    publisher.on('error', () => {})
  }

  beforeAll(async () => {
    server = await startMosquitto([gateway])
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    await connectPublisher()
    await consume()
  })
  afterEach(async () => {
    acknowledgeAll()
    await consumer.close()
    await publisher.endAsync(true)
  })

  it('leaves messages unacknowledged until they are acknowledged: they come again, marked, and then no more', async () => {
    await publish('1', '2', '3')
    await receiver.until(() => receiver.deliveries.length === 3)
    expect(receiver.deliveries.some(({ duplicate, retained }) => duplicate || retained)).toBe(false)
    receiver.deliveries[1]?.acknowledge()
    await consumer.close()

    await consume()
    await receiver.until(() => receiver.deliveries.length === 2)
    expect(receiver.payloads()).toEqual(['1', '3'])
    expect(receiver.deliveries.every(({ duplicate }) => duplicate)).toBe(true)
    for (const delivery of receiver.deliveries) delivery.acknowledge()
    await consumer.close()

    await consume()
    await publish('4')
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.payloads()).toEqual(['4'])
  })

  it('takes up to the receive maximum unacknowledged, and as many again when they are acknowledged', async () => {
    const payloads = Array.from({ length: 250 }, (_, index) => `${index}`)
    await publish(...payloads)
    // QoS 0 knows no receive maximum: it overtakes what has to wait.
    await publisher.publishAsync(readings, 'overtaking', { qos: 0 })
    await receiver.until(() => receiver.payloads().includes('overtaking'))
    expect(receiver.deliveries).toHaveLength(101)
    acknowledgeAll()
    await receiver.until(() => receiver.deliveries.length === 251)
    expect(receiver.payloads().filter((payload) => payload !== 'overtaking')).toEqual(payloads)
  })

  it('drops acknowledgements of an earlier connection, and is sent again what they meant', async () => {
    await publish('1', '2')
    await receiver.until(() => receiver.deliveries.length === 2)
    const [first, second] = receiver.deliveries
    first?.giveUp()
    await states.until(false)
    expect(consumer.connected()).toBe(false)
    second?.acknowledge()
    await receiver.until(() => receiver.deliveries.length === 4)
    expect(receiver.payloads()).toEqual(['1', '2', '1', '2'])
    expect(receiver.deliveries.slice(2).every(({ duplicate }) => duplicate)).toBe(true)
    await states.until(true, 2)
    expect(consumer.connected()).toBe(true)
  })

  it('gets retained presence at each connection, marked, and live presence unmarked', async () => {
    acknowledgeAll()
    await publisher.publishAsync(status, 'online', { qos: 1, retain: true })
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.deliveries[0]?.retained).toBe(false)
    await consumer.close()
    await consume()
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.deliveries[0]).toMatchObject({ topic: status, retained: true, duplicate: false })
    await publisher.publishAsync(status, '', { qos: 1, retain: true })
  })

  it('refuses and acknowledges what is too large, and takes the next', async () => {
    await publish('x'.repeat(65_537), 'x'.repeat(65_536))
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.refusals).toEqual(['payload_too_large'])
    acknowledgeAll()
    await consumer.close()
    await consume()
    await publish('next')
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.payloads()).toEqual(['next'])
  })

  it('hands over nothing while held', async () => {
    consumer.hold()
    // One round trip after the other, in which the first would long since have arrived.
    for (let count = 1; count <= 20; count++) await publish(`${count}`)
    expect(receiver.deliveries).toEqual([])
    consumer.release()
    await receiver.until(() => receiver.deliveries.length === 20)
  })

  it('stays connected while held for longer than it is kept alive without a sign, and is sent nothing twice', async () => {
    await consumer.close()
    await consume({ keepaliveS: 1 })
    consumer.hold()
    await publish('1', '2', '3')
    const before = states.all.length
    await setTimeout(4000)
    expect(states.all.slice(before)).toEqual([])
    expect(receiver.deliveries).toEqual([])
    consumer.release()
    await receiver.until(() => receiver.deliveries.length === 3)
    expect(receiver.deliveries.some(({ duplicate }) => duplicate)).toBe(false)
    // What was not waited for while held is, from now on.
    server.freeze()
    try {
      await states.until(false, before)
    } finally {
      server.thaw()
    }
    await states.until(true, before + 1)
  })

  it('can be held from the first message on, of those that waited for the session', async () => {
    await consumer.close()
    await publish(...Array.from({ length: 50 }, (_, n) => `${n}`))
    let door: Door | undefined
    const starting = consume({ onDoor: (given) => (door = given) })
    receiver.onDelivery = () => {
      if (receiver.deliveries.length === 10) door?.hold()
    }
    await receiver.until(() => receiver.deliveries.length === 10)
    await setTimeout(300)
    expect(receiver.deliveries).toHaveLength(10)
    door?.release()
    await starting
    await receiver.until(() => receiver.deliveries.length === 50)
    expect(new Set(receiver.payloads()).size).toBe(50)
  })

  it('does not wait at the end for a broker that is frozen', async () => {
    await publish('1')
    await receiver.until(() => receiver.deliveries.length === 1)
    server.freeze()
    const closing = consumer.close()
    try {
      await Promise.race([closing, setTimeout(20_000).then(() => Promise.reject(new Error('still waiting')))])
    } finally {
      server.thaw()
    }
    await consume()
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.payloads()).toEqual(['1'])
  })

  it('reports a lost broker, and goes on where it was when that is back', async () => {
    await publish('before')
    await receiver.until(() => receiver.deliveries.length === 1)
    await server.restart()
    await states.until(false)
    await states.until(true, 2)
    await receiver.until(() => receiver.deliveries.length === 2)
    expect(receiver.payloads()).toEqual(['before', 'before'])
    expect(states.all.find(({ connected }) => !connected)?.detail).toMatch(/^mqtt:\/\/127\.0\.0\.1:\d+: /)
    expect(logged).not.toContain('forgotten')
    expect(JSON.stringify(states.all) + logged).not.toContain(consumerUser.secret)
  })

  it('warns when the broker has forgotten the session, and consumes again', async () => {
    await server.restart({ forgetful: true })
    await states.until(true, 1)
    expect(logged).toContain('has forgotten our session')
    if (!publisher.connected) await new Promise<void>((resolve) => publisher.once('connect', () => resolve()))
    await publish('after')
    await receiver.until(() => receiver.payloads().includes('after'))
  })

  it('gets from a device or gateway what the access list allows, and nothing else', async () => {
    const foreign = 'parking/v1/acme/gateways/g2/readings'
    await publisher.publishAsync(foreign, 'foreign', { qos: 1 })
    await publish('own')
    await receiver.until(() => receiver.deliveries.length === 1)
    expect(receiver.payloads()).toEqual(['own'])
  })

  it('says in one line that the password is wrong, without showing it', async () => {
    const url = server.url({ username: consumerUser.username, secret: 'not-the-secret' })
    const error = await failure(url)
    expect(error.message).toMatch(/^MQTT_URL: .* refused the user name or password$/)
    expect(error.message + error.advice).not.toContain('not-the-secret')
  })

  it('says in one line that nothing listens', async () => {
    const error = await failure('mqtt://baywire:pass-word@127.0.0.1:1')
    expect(error.message).toBe('MQTT_URL: cannot consume from mqtt://127.0.0.1:1: nothing listens there')
    expect(error.advice).toContain('MQTT_URL')
  })

  async function failure(url: string): Promise<BaywireError> {
    const kept = consumer
    const error: unknown = await consume({ url, clientId: 'other' }).catch((reason: unknown) => reason)
    consumer = kept
    if (!(error instanceof BaywireError)) throw new Error('no BaywireError', { cause: error })
    return error
  }
})
