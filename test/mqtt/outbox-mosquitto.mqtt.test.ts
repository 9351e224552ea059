import { isDeepStrictEqual } from 'node:util'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eraseTenantByCommand } from '../../src/administration/platform.ts'
import { systemClock } from '../../src/clock.ts'
import { startConsumer, type Consumer } from '../../src/mqtt/consumer.ts'
import { PublishRefused } from '../../src/mqtt/outlet.ts'
import type { Outbox, OutboxOptions } from '../../src/outbox/outbox.ts'
import { tenantDatabase, type SystemDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { consumerUser, mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { RecordingReceiver } from '../support/mqtt.ts'
import { availabilityOf, startOutbox, stateOf, Watcher } from '../support/outbox.ts'
import { eventually } from '../support/program.ts'

/** States and availability on a Mosquitto, published by one of several processes. */
const slug = 'city'
const other = 'other'
const devices = ['A1', 'A2', 'A3']
const app = { username: `${slug}/apps/app`, secret: 'app-secret' }
const stranger = { username: `${other}/apps/app`, secret: 'app-secret' }
const second = { username: 'baywire-two', secret: 'second-secret' }
/** Baywire's own by its name, and not let publish anything. */
const powerless = { username: 'city/apps/powerless', secret: 'powerless-secret' }

describe.skipIf(mosquittoProgram === undefined)('states on Mosquitto (skipped where it is not installed)', () => {
  let baywire: TestIngest
  let tenants: TenantDatabase
  let server: Mosquitto
  let tenantId: string
  let watcher: Watcher
  const open: { stop(): Promise<void> }[] = []

  async function consume(user = consumerUser): Promise<{ consumer: Consumer; receiver: RecordingReceiver }> {
    const receiver = new RecordingReceiver()
    const consumer = await startConsumer({
      url: server.url(user),
      clientId: `baywire-${user.username.replaceAll('/', '-')}`,
      receiveMaximum: 100,
      receiver,
      onState: () => {},
      retryMinMs: 20,
      retryMaxMs: 100,
      stopMs: 50,
      clock: systemClock,
      log: pino({ level: 'silent' }),
    })
    open.push({ stop: () => consumer.close() })
    return { consumer, receiver }
  }

  function publish(consumer: Consumer, options: Partial<OutboxOptions> = {}): Outbox {
    const outbox = startOutbox(baywire, { outlet: consumer, broker: 'shared', ...options })
    open.push({ stop: () => outbox.stop() })
    return outbox
  }

  async function stopAll(): Promise<void> {
    for (const part of open.splice(0).toReversed()) {
      // oxlint-disable-next-line no-await-in-loop -- in this order
      await part.stop()
    }
  }

  async function watch(user = app, tenant = slug): Promise<Watcher> {
    const filters = [stateOf(tenant, '+', '+'), availabilityOf(tenant, '+')]
    const { username, secret } = user
    return await Watcher.open({ port: server.port, username, secret, filters })
  }

  let seq = 0
  const say = (device: string, occupied: boolean) =>
    baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, { occupied, seq: ++seq, boot: 1 })
  const shows = (device: string, status: string) =>
    watcher.until(() => watcher.last(stateOf(slug, device))?.['status'] === status)

  const holder = async () => {
    const [lease] = await baywire.sql<{ holder: string }[]>`select holder from leases where name = 'outbox'`
    return lease?.holder.split('/')[0]
  }

  beforeAll(async () => {
    baywire = await startTestIngest()
    tenants = tenantDatabase({ url: baywire.ownerUrl, max: 2, statementTimeoutMs: 20_000, name: 'test api' })
    server = await startMosquitto([app, stranger, second, powerless])
  })
  afterAll(async () => {
    await server.stop()
    await tenants.close()
    await baywire.close()
  })
  beforeEach(async () => {
    const known = await tenants.tenantBySlug(slug)
    tenantId = known?.id ?? (await baywire.tenant(slug, devices))
    watcher = await watch()
  })
  afterEach(async () => {
    await stopAll()
    await watcher.close()
  })

  it('an app gets what is retained and what happens; nobody else does, and none of it comes back as a reading', async () => {
    const foreign = await watch(stranger)
    const { consumer, receiver } = await consume()
    publish(consumer)
    await say('A1', true)
    await shows('A1', 'occupied')
    await say('A1', false)
    await shows('A1', 'free')
    await watcher.until(() => watcher.last(availabilityOf(slug)) !== undefined)
    await watcher.close()
    watcher = await watch()
    await shows('A1', 'free')
    expect(watcher.of(stateOf(slug, 'A1'))[0]?.retained).toBe(true)
    expect(foreign.heard).toEqual([])
    expect(receiver.deliveries).toEqual([])
    await foreign.close()
  })

  it.each([
    ['is restarted', {}],
    ['is killed, and has forgotten what was retained', { forgetful: true, signal: 'SIGKILL' }],
  ] as const)('the broker %s: everything is there again, the last state of each', async (_what, how) => {
    const { consumer } = await consume()
    publish(consumer)
    await say('A1', true)
    await shows('A1', 'occupied')
    watcher.heard.length = 0
    const restarted = server.restart(how)
    for (const occupied of [false, true, false]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await say('A1', occupied)
    }
    await say('A2', true)
    await restarted
    await shows('A1', 'free')
    await shows('A2', 'occupied')
    await watcher.until(() => watcher.last(stateOf(slug, 'A3')) !== undefined)
    const fresh = await watch()
    await fresh.until(() => fresh.last(stateOf(slug, 'A1'))?.['status'] === 'free')
    await fresh.close()
    expect(watcher.wentBack()).toEqual([])
  })

  it('what went while nothing ran is cleared', async () => {
    const { consumer } = await consume()
    publish(consumer)
    await watcher.until(() => devices.every((code) => watcher.last(stateOf(slug, code)) !== undefined))
    await stopAll()
    await baywire.sql`update spaces set archived_at = now() where tenant_id = ${tenantId} and code = 'A3'`
    await baywire.sql`update spaces set code = 'A3' where tenant_id = ${tenantId} and code = 'A2'`
    watcher.heard.length = 0
    publish((await consume()).consumer)
    await watcher.until(() => watcher.isCleared(stateOf(slug, 'A2')))
    await watcher.until(() => watcher.last(stateOf(slug, 'A3'))?.['status'] === 'occupied')
    const topics = [availabilityOf(slug), stateOf(slug, 'A1'), stateOf(slug, 'A3')]
    await eventually('nothing else is remembered', async () => {
      const kept = await baywire.sql<{ topic: string }[]>`
        select topic from published_topics where tenant_id = ${tenantId}`
      return isDeepStrictEqual(kept.map(({ topic }) => topic).toSorted(), topics.toSorted())
    })
  })

  it('one process publishes, and the other when that one stops; no state goes back', async () => {
    const first = publish((await consume()).consumer, { processName: 'first' })
    await eventually('the first', async () => (await holder()) === 'first')
    publish((await consume(second)).consumer, { processName: 'second' })
    await say('A1', true)
    await shows('A1', 'occupied')
    expect(await holder()).toBe('first')
    await first.stop()
    await say('A1', false)
    await shows('A1', 'free')
    expect(await holder()).toBe('second')
    expect(watcher.wentBack()).toEqual([])
  })

  it('one that cannot renew its lease stops by itself, and another takes over', async () => {
    let isAway = false
    const database: SystemDatabase = {
      ...baywire.system,
      withSystem: (work) =>
        isAway ? Promise.reject(new Error('the database is away')) : baywire.system.withSystem(work),
    }
    const one = await consume()
    publish(one.consumer, { processName: 'first', database })
    await say('A1', true)
    await shows('A1', 'occupied')
    publish((await consume(second)).consumer, { processName: 'second' })
    isAway = true
    await say('A1', false)
    await shows('A1', 'free')
    expect(await holder()).toBe('second')
    isAway = false
    await say('A1', true)
    await shows('A1', 'occupied')
    expect(watcher.wentBack()).toEqual([])
  })

  it('what was in flight when the connection was lost is not sent again', async () => {
    const { consumer } = await consume()
    const topic = stateOf(slug, 'FLIGHT')
    const message = (version: number) => ({ topic, payload: Buffer.from(JSON.stringify({ version })) })
    server.freeze()
    const published = consumer.publishRetained([message(1)], () => true)
    const lost = expect(published).rejects.toThrow()
    const restarted = server.restart({ signal: 'SIGKILL' })
    await Promise.all([lost, restarted])
    await eventually('connected', () => consumer.connection !== undefined)
    await consumer.publishRetained([message(2)], () => true)
    await watcher.until(() => watcher.last(topic)?.['version'] === 2)
    expect(watcher.of(topic).map(({ body }) => body?.['version'])).toEqual([2])
    await consumer.publishRetained([{ topic, payload: Buffer.alloc(0) }], () => true)
  })

  it('where we may not publish, we are told', async () => {
    const { consumer } = await consume(powerless)
    const message = { topic: stateOf(slug, 'A1'), payload: Buffer.from('{}') }
    await expect(consumer.publishRetained([message], () => true)).rejects.toThrow(PublishRefused)
  })

  it('an erased tenant is cleared, and forgotten', async () => {
    publish((await consume()).consumer)
    await watcher.until(() => watcher.last(stateOf(slug, 'A1')) !== undefined)
    await stopAll()
    await tenants.withTenant(tenantId, eraseTenantByCommand)
    expect(await baywire.sql`select from published_topics where tenant_id = ${tenantId}`).not.toEqual([])
    publish((await consume()).consumer)
    await watcher.until(() => watcher.isCleared(stateOf(slug, 'A1')) && watcher.isCleared(availabilityOf(slug)))
    await eventually(
      'forgotten',
      async () => (await baywire.sql`select from published_topics where tenant_id = ${tenantId}`).length === 0,
    )
  })
})
