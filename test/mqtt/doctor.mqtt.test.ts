/** `baywire doctor` at a broker of one's own: what waits there for ingest is left as it is. */
import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import { connect, connectAsync, type IConnackPacket, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkBroker } from '../../src/cli/doctor/broker.ts'
import { readConfig, type Config } from '../../src/config.ts'
import { consumerUser, mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { eventually, freePort } from '../support/program.ts'

const device = { username: 'acme/devices/d1', secret: 'device-secret' }
const topic = `parking/v1/${device.username}/reading`
const weekS = 7 * 24 * 3600

async function configFor(url: string): Promise<Config> {
  return readConfig({
    MQTT_URL: url,
    BAYWIRE_HTTP_PORT: String(await freePort()),
    BAYWIRE_INSTANCE: 'doctor-test',
  })
}

describe.skipIf(mosquittoProgram === undefined)('Mosquitto', () => {
  let mosquitto: Mosquitto
  beforeAll(async () => {
    mosquitto = await startMosquitto([device])
  })
  afterAll(() => mosquitto?.stop())

  async function consumer(received: string[] = []): Promise<{ client: MqttClient; sessionPresent: boolean }> {
    const client = connect(mosquitto.url(), {
      protocolVersion: 5,
      clean: false,
      clientId: 'baywire-doctor-test',
      properties: { sessionExpiryInterval: weekS },
      reconnectPeriod: 0,
    })
    client.on('message', (_, payload) => received.push(String(payload)))
    const { sessionPresent } = await new Promise<IConnackPacket>((resolve, reject) => {
      client.once('connect', resolve)
      client.once('error', reject)
    })
    return { client, sessionPresent }
  }

  it('is asked without a session being left there', async () => {
    const found = await checkBroker(await configFor(mosquitto.url()), undefined)
    expect(found.map(({ state }) => state)).toEqual(['ok', 'ok'])
    expect(found[1]?.what).toContain('no session of ours yet')
    expect((await checkBroker(await configFor(mosquitto.url()), undefined))[1]?.what).toContain(
      'no session of ours yet',
    )
  })

  it('keeps what waits for ingest: each of 50 readings is delivered after three visits', async () => {
    const { client } = await consumer()
    await client.subscribeAsync('parking/v1/#', { qos: 1 })
    await client.endAsync(false, { properties: { sessionExpiryInterval: weekS } })
    const sensor = await connectAsync(mosquitto.url(device), { clientId: device.username })
    const payloads = Array.from({ length: 50 }, (_, index) => JSON.stringify({ occupied: true, seq: index }))
    for (const payload of payloads) await sensor.publishAsync(topic, payload, { qos: 1 })
    await sensor.endAsync()

    const config = await configFor(mosquitto.url())
    for (let visit = 1; visit <= 3; visit++) {
      // oxlint-disable-next-line no-await-in-loop -- one session
      expect(await checkBroker(config, undefined)).toMatchObject([
        { state: 'ok' },
        { state: 'ok', what: expect.stringContaining('our session is there') },
      ])
    }

    const received: string[] = []
    const again = await consumer(received)
    expect(again.sessionPresent).toBe(true)
    await eventually('all readings', () => new Set(received).size === payloads.length)
    expect([...new Set(received)].toSorted()).toEqual(payloads.toSorted())
    await again.client.endAsync(false, { properties: { sessionExpiryInterval: 0 } })
  })

  it('is left alone while ingest is connected', async () => {
    const { client } = await consumer()
    let lost = false
    client.on('close', () => (lost = true))
    const broker = { ok: true, detail: 'connected to mqtt://broker' }
    const found = await checkBroker(await configFor(mosquitto.url()), { broker })
    expect(found.at(-1)).toMatchObject({ state: 'ok', what: broker.detail })
    await client.subscribeAsync(topic, { qos: 1 })
    expect(lost).toBe(false)
    await client.endAsync(false, { properties: { sessionExpiryInterval: 0 } })
  })

  it('that refuses the password is a problem, and the password is not shown', async () => {
    const wrong = mosquitto.url({ ...consumerUser, secret: 'hidden-word' })
    const found = await checkBroker(await configFor(wrong), undefined)
    expect(found.at(-1)).toMatchObject({ state: 'problem', advice: 'correct user and password in MQTT_URL' })
    expect(JSON.stringify(found)).not.toContain('hidden-word')
  })
})

describe('no broker', () => {
  let silent: Server
  beforeAll(async () => {
    silent = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(silent, 'listening')
  })
  afterAll(() => silent.close())

  it('where nothing listens, or something hangs up', async () => {
    const nothing = await checkBroker(await configFor(`mqtt://u:p@127.0.0.1:${await freePort()}`), undefined)
    expect(nothing.at(-1)).toMatchObject({ state: 'problem', what: expect.stringContaining('nothing listens there') })
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const other = await checkBroker(await configFor(`mqtt://u:p@127.0.0.1:${port}`), undefined)
    expect(other.at(-1)).toMatchObject({ state: 'problem', what: expect.stringContaining('closed without an answer') })
  })

  it('over an open network without TLS is warned of', async () => {
    const found = await checkBroker(await configFor('mqtt://u:hidden-word@broker.invalid'), undefined)
    expect(found.map(({ state }) => state)).toEqual(['ok', 'warning', 'problem'])
    expect(found[1]?.what).toContain('no TLS')
    expect(JSON.stringify(found)).not.toContain('hidden-word')
  })

  it('and of the embedded one, the port: free, ours, or somebody else’s', async () => {
    const address = silent.address()
    const taken = typeof address === 'object' ? address?.port : undefined
    const config = readConfig({ BAYWIRE_HTTP_PORT: '0', BAYWIRE_MQTT_PORT: String(taken) })
    const embedded = { ok: true, detail: 'embedded, 3 connections' }
    expect((await checkBroker(config, undefined)).at(-1)).toMatchObject({
      state: 'problem',
      what: expect.stringContaining('in use by something else'),
      advice: expect.stringContaining('set BAYWIRE_MQTT_PORT to another port'),
    })
    expect((await checkBroker(config, { broker: embedded })).at(-1)).toMatchObject({ state: 'ok' })
    const free = readConfig({ BAYWIRE_HTTP_PORT: '0', BAYWIRE_MQTT_PORT: String(await freePort()) })
    expect((await checkBroker(free, undefined)).at(-1)).toMatchObject({ what: expect.stringContaining('is free') })
  })
})
