import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { eventually, type Program } from '../support/program.ts'
import { AckLog } from '../e2e/support/acknowledged.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'
import { expectAllArrived, isNotReady, messages, simulate } from '../e2e/support/stream.ts'

/** An external broker goes away while the program consumes from it, and comes back. */
const outageMs = 60_000

describe.skipIf(mosquittoProgram === undefined)('a broker of its own goes away (needs mosquitto)', () => {
  const tenant = 'acme'
  const gateway = { username: `${tenant}/gateways/simulator-1`, secret: 'simulator-secret' }
  const secondUser = { username: 'baywire-two', secret: 'second-secret' }
  let mosquitto: Mosquitto
  let home: Home
  let program: Program

  beforeEach(async () => {
    mosquitto = await startMosquitto([gateway, secondUser])
    // Away for long enough to be seen.
    home = await Home.create({ MQTT_URL: mosquitto.url(), BAYWIRE_RETRY_MIN_MS: '1000' })
    program = await home.start()
  })

  afterEach(async () => {
    await home.remove()
    await mosquitto.stop()
  })

  it('and comes back: what was acknowledged arrives, once', async () => {
    const sent = { tenant, ackLog: new AckLog(join(home.directory, 'acknowledged.ndjson')) }
    const simulation = simulate(home, sent, { MQTT_URL: mosquitto.url(gateway) })
    for (const part of [1, 2]) {
      // oxlint-disable no-await-in-loop -- twice the same
      await eventually('a part of the readings', () => sent.ackLog.count() > (part * messages) / 5)
      await Promise.all([eventually('503', () => isNotReady(home, 'broker')), mosquitto.restart()])
      await eventually('200', async () => (await home.readiness()).ready, { withinMs: outageMs })
      // oxlint-enable no-await-in-loop
    }
    expect(await simulation.end(outageMs)).toMatchObject({ code: 0 })
    await eventually('all of it committed', async () => {
      const received = await home.metric('baywire_readings_total', { tenant })
      return received >= messages && (await home.metric('baywire_in_flight')) === 0
    })
    await expectAllArrived(home, await home.databaseUrl(), sent)
    expect(program.running).toBe(true)
  })

  it('keeps what is for a program that was killed', async () => {
    const sent = { tenant, ackLog: new AckLog(join(home.directory, 'acknowledged.ndjson')) }
    const simulation = simulate(home, sent, { MQTT_URL: mosquitto.url(gateway) })
    for (const part of [1, 2]) {
      // oxlint-disable no-await-in-loop -- twice the same
      await eventually('a part of the readings', () => sent.ackLog.count() > (part * messages) / 5)
      await program.kill()
      program = await home.start()
      // oxlint-enable no-await-in-loop
    }
    expect(await simulation.end(outageMs)).toMatchObject({ code: 0 })
    await eventually('the last of it', async () => {
      const { verification } = await expectSound(home, tenant)
      return verification.inputs >= messages
    })
    await expectAllArrived(home, await home.databaseUrl(), sent)
  })

  it('freezes and goes on: two consumers that share lose nothing, and take nothing twice', async () => {
    const sharing = { BAYWIRE_SHARE_GROUP: 'a-group-that-nobody-can-guess' }
    await program.stop()
    program = await home.start(['start'], sharing)
    const two = { ...sharing, MQTT_URL: mosquitto.url(secondUser), BAYWIRE_INSTANCE: 'two' }
    const second = home.spawn(['start', 'ingest'], two)
    await eventually('the second consumer', () => second.stderr.includes('consuming from'))

    const sent = { tenant, ackLog: new AckLog(join(home.directory, 'acknowledged.ndjson')) }
    const simulation = simulate(home, sent, { MQTT_URL: mosquitto.url(gateway) })
    for (const part of [1, 2]) {
      // oxlint-disable no-await-in-loop -- twice the same
      await eventually('a part of the readings', () => sent.ackLog.count() > (part * messages) / 5)
      mosquitto.freeze()
      // For as long as a command takes.
      await home.json(['ledger', '--tenant', tenant])
      mosquitto.thaw()
      // oxlint-enable no-await-in-loop
    }
    expect(await simulation.end(outageMs)).toMatchObject({ code: 0 })
    await eventually('the last of it', async () => {
      const { verification } = await expectSound(home, tenant)
      return verification.inputs >= messages
    })
    await expectAllArrived(home, await home.databaseUrl(), sent)
    expect([program.running, second.running]).toEqual([true, true])
  })

  it('is started again, and a consumer is killed: two that are each sent everything lose nothing', async () => {
    const two = { MQTT_URL: mosquitto.url(secondUser), BAYWIRE_INSTANCE: 'two', BAYWIRE_RETRY_MIN_MS: '100' }
    const second = home.spawn(['start', 'ingest'], two)
    await eventually('the second consumer', () => second.stderr.includes('consuming from'))
    const sent = { tenant, ackLog: new AckLog(join(home.directory, 'acknowledged.ndjson')) }
    const simulation = simulate(home, sent, { MQTT_URL: mosquitto.url(gateway) })
    await eventually('a part of the readings', () => sent.ackLog.count() > messages / 5)
    await mosquitto.restart()
    await eventually('a part of the readings', () => sent.ackLog.count() > (2 * messages) / 5)
    await second.kill()
    expect(await simulation.end(outageMs)).toMatchObject({ code: 0 })
    await eventually('the last of it', async () => {
      const { verification } = await expectSound(home, tenant)
      return verification.inputs >= messages
    })
    const deliveries = await expectAllArrived(home, await home.databaseUrl(), sent)
    expect(deliveries, 'the second took them too').toBeGreaterThan(messages)
  })
})
