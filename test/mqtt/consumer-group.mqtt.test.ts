import { spawnSync } from 'node:child_process'
import mqtt, { type MqttClient } from 'mqtt'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { startConsumer, type Consumer, type ConsumerOptions } from '../../src/mqtt/consumer.ts'
import { mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { RecordingReceiver } from '../support/mqtt.ts'
import { eventually } from '../support/program.ts'

const gateway = { username: 'acme/gateways/g1', secret: 'gateway-secret' }
const stranger = { username: 'acme/gateways/g2', secret: 'stranger-secret' }
const names = ['baywire-1', 'baywire-2', 'baywire-3']
const readings = 'parking/v1/acme/gateways/g1/readings'
const status = 'parking/v1/acme/gateways/g1/status'
/** Whether this Mosquitto does; a later one may not. Baywire says so in either case. */
const forgets = mosquittoProgram !== undefined && spawnSync(mosquittoProgram, ['-h']).stdout.includes('version 2.0.')
const shareGroup = 'a-group-that-nobody-can-guess'

/** A consumer, what it was given, and whether it acknowledges. */
interface Member {
  consumer: Consumer
  receiver: RecordingReceiver
}

describe.skipIf(mosquittoProgram === undefined)('consumers that share (skipped without Mosquitto)', () => {
  let server: Mosquitto
  let publisher: MqttClient
  const members: Member[] = []
  let published = 0

  async function join(username: string, options: Partial<ConsumerOptions> = {}): Promise<Member> {
    const receiver = new RecordingReceiver()
    receiver.onDelivery = (delivery) => delivery.acknowledge()
    const consumer = await startConsumer({
      url: server.url({ username, secret: 'own-secret' }),
      clientId: username,
      receiveMaximum: 100,
      shareGroup,
      receiver,
      onState: () => {},
      retryMinMs: 20,
      retryMaxMs: 100,
      stopMs: 50,
      clock: systemClock,
      log: pino({ level: 'silent' }),
      ...options,
    })
    const member = { consumer, receiver }
    members.push(member)
    return member
  }

  async function publish(count: number): Promise<void> {
    const payloads = Array.from({ length: count }, () => `${published++}`)
    await Promise.all(payloads.map((payload) => publisher.publishAsync(readings, payload, { qos: 1 })))
  }

  /** All that was given to these, once it is so many. */
  async function given(count: number, ...among: Member[]): Promise<string[]> {
    const all = () => among.flatMap(({ receiver }) => receiver.payloads())
    await eventually(`${count} messages`, () => all().length >= count, { withinMs: 5000 })
    return all()
  }

  const everything = () => Array.from({ length: published }, (_, number) => `${number}`)

  beforeAll(async () => {
    const own = names.map((username) => ({ username, secret: 'own-secret' }))
    server = await startMosquitto([gateway, stranger, ...own])
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    published = 0
    const { username, secret: password } = gateway
    const address = { host: '127.0.0.1', port: server.port, reconnectPeriod: 20 }
    publisher = await mqtt.connectAsync({ ...address, username, password, clientId: username })
    publisher.on('error', () => {})
  })
  afterEach(async () => {
    await publisher.endAsync(true)
    await Promise.all(members.splice(0).map(({ consumer }) => consumer.close()))
    // Sessions of one test are none of the next one's.
    for (const username of names) {
      // oxlint-disable-next-line no-await-in-loop
      const client = await mqtt.connectAsync({
        host: '127.0.0.1',
        port: server.port,
        reconnectPeriod: 0,
        username,
        password: 'own-secret',
        clientId: username,
        clean: true,
      })
      // oxlint-disable-next-line no-await-in-loop
      await client.endAsync()
    }
  })

  it('are given each message once, and both of them work', async () => {
    const [one, two] = [await join('baywire-1'), await join('baywire-2')]
    await publish(100)
    expect(byNumber(await given(100, one, two))).toEqual(everything())
    expect(one.receiver.deliveries.length).toBeGreaterThan(0)
    expect(two.receiver.deliveries.length).toBeGreaterThan(0)
  })

  it('each hear of presence, the retained one too', async () => {
    await publisher.publishAsync(status, 'online', { qos: 1, retain: true })
    const [one, two] = [await join('baywire-1'), await join('baywire-2')]
    for (const { receiver } of [one, two]) {
      // oxlint-disable-next-line no-await-in-loop
      await receiver.until(() => receiver.deliveries.length === 1)
      expect(receiver.deliveries[0]).toMatchObject({ topic: status, retained: true })
    }
    await publisher.publishAsync(status, '', { qos: 1, retain: true })
    await Promise.all([one, two].map(({ receiver }) => receiver.until(() => receiver.deliveries.length === 2)))
  })

  it('what one was given and did not acknowledge waits for it, and so does its share of the rest', async () => {
    const [one, two] = [await join('baywire-1'), await join('baywire-2')]
    two.receiver.onDelivery = undefined
    await publish(20)
    expect(await given(20, one, two)).toHaveLength(20)
    await two.consumer.close()
    await publish(20)
    const back = await join('baywire-2')
    expect(byNumber(await given(40, one, back))).toEqual(everything())
    expect(back.receiver.deliveries.filter(({ duplicate }) => duplicate)).toHaveLength(two.receiver.deliveries.length)
  })

  it('what waits for one that leaves is settled before it is gone, and then nothing is given to it', async () => {
    const [one, two] = [await join('baywire-1'), await join('baywire-2')]
    two.receiver.onDelivery = undefined
    await publish(20)
    await given(20, one, two)
    await two.consumer.close()
    await publish(300)
    const leaving = await join('baywire-2')
    await leaving.consumer.leave()
    expect(byNumber(await given(320, one, leaving))).toEqual(everything())

    await publish(50)
    expect(byNumber(await given(370, one, leaving))).toEqual(everything())
    const later = await join('baywire-2', {
      subscriptions: [{ filter: 'nothing', retained: 'new_session', divisible: false }],
    })
    await publish(10)
    await given(380, one, leaving)
    expect(later.receiver.deliveries).toEqual([])
  })

  it('leaving waits until the last is settled, and starts again where the connection is lost on the way', async () => {
    const one = await join('baywire-1')
    one.receiver.onDelivery = undefined
    await publish(5)
    await given(5, one)
    let left = false
    const leaving = one.consumer.leave().then(() => (left = true))
    one.receiver.deliveries[0]?.giveUp()
    await given(10, one)
    expect(left).toBe(false)
    for (const delivery of one.receiver.deliveries) delivery.acknowledge()
    await leaving
    expect(new Set(one.receiver.payloads())).toEqual(new Set(everything()))
    const again = await join('baywire-1')
    await publish(1)
    expect(await given(1, again)).toEqual(['5'])
  })

  it('leaving is refused where the broker does not let the session speak to itself', async () => {
    const { consumer } = await join(stranger.username, { url: server.url(stranger) })
    await expect(consumer.leave()).rejects.toThrow(/[Nn]ot authorized/)
  })

  it('a session that had all to itself has each message once when it begins to share, and when it ends to', async () => {
    const alone = await join('baywire-1', { shareGroup: undefined })
    await publish(5)
    await given(5, alone)
    await alone.consumer.close()
    const [one, two] = [await join('baywire-1'), await join('baywire-2')]
    await publish(20)
    expect(byNumber(await given(25, alone, one, two))).toEqual(everything())
    await Promise.all([one.consumer.close(), two.consumer.leave()])

    const renamed = await join('baywire-1', { shareGroup: `${shareGroup}-2`, leftGroup: shareGroup })
    await publish(20)
    expect(byNumber(await given(45, alone, one, two, renamed))).toEqual(everything())
    await renamed.consumer.close()

    const last = await join('baywire-1', { shareGroup: undefined, leftGroup: `${shareGroup}-2` })
    await publish(20)
    expect(byNumber(await given(65, alone, one, two, renamed, last))).toEqual(everything())
  })

  it('nobody who does not know the group takes anything out of it', async () => {
    const one = await join('baywire-1')
    const { username, secret: password } = stranger
    const thief = await mqtt.connectAsync({
      host: '127.0.0.1',
      port: server.port,
      reconnectPeriod: 0,
      username,
      password,
      clientId: username,
    })
    for (const group of ['baywire', '+', '#', 'a-group-that-nobody-can-gues', '']) {
      // oxlint-disable-next-line no-await-in-loop
      await thief.subscribeAsync(`$share/${group}/parking/v1/+/gateways/+/readings`, { qos: 1 }).catch(() => undefined)
      if (!thief.connected) break
    }
    await publish(50)
    expect(byNumber(await given(50, one))).toEqual(everything())
    await thief.endAsync(true)
  })

  it('says when Mosquitto has forgotten at a restart who shares', async () => {
    const [logs, connected] = [[] as string[], [] as boolean[]]
    const log = pino({ level: 'warn' }, { write: (line) => void logs.push(line) })
    const options = { log, onState: (state: { connected: boolean }) => void connected.push(state.connected) }
    const first = await join('baywire-1', { ...options, shareGroup: undefined })
    await first.consumer.close()
    const second = await join('baywire-1', options)
    await second.consumer.close()
    const one = await join('baywire-1', options)
    expect(logs, 'nothing is forgotten while it runs').toEqual([])
    const before = connected.length
    await server.restart()
    await eventually('the consumer is back', () => connected.slice(before).includes(true))
    expect(logs.filter((line) => line.includes('has forgotten who shares'))).toHaveLength(forgets ? 1 : 0)
    await publish(20)
    expect(byNumber(await given(20, one))).toEqual(everything())
  })
})

function byNumber(payloads: string[]): string[] {
  return payloads.toSorted((a, b) => Number(a) - Number(b))
}
