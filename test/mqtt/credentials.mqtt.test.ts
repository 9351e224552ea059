import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { CredentialWatch, identify } from '../../src/ingest/credentials.ts'
import { startBroker, type Broker } from '../../src/mqtt/broker.ts'
import { connect } from '../../src/store/client.ts'
import {
  createCredential,
  credentialChannel,
  revokeCredential,
  type CredentialOwner,
} from '../../src/store/credentials.ts'
import { listen, type Listener } from '../../src/store/listener.ts'
import { limitGateway, rotateSpeaker } from '../../src/store/speakers.ts'
import { tenantDatabase, type TenantDatabase, type TenantTransaction } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { connected, connectPacket, pingPacket, publishPacket, RawClient, type ConnectParts } from '../support/mqtt.ts'
import { eventually } from '../support/program.ts'

/** When rights end in the database, the broker ends what was built on them, with the real pipeline behind it. */
let baywire: TestIngest
let tenants: TenantDatabase
let broker: Broker
let watch: CredentialWatch
let listener: Listener | undefined
const clients: RawClient[] = []
const listenerName = 'test listener'

let tenant: string
let tenantId: string
let turn = 0
const device: CredentialOwner = { kind: 'devices', code: 'A1' }
const gateway: CredentialOwner = { kind: 'gateways', code: 'gw-1' }

beforeAll(async () => {
  baywire = await startTestIngest()
  tenants = tenantDatabase({ url: baywire.ownerUrl, max: 2, statementTimeoutMs: 10_000, name: 'test api' })
  broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    receiver: baywire.ingest,
    authenticate: (username, secret) => identify(baywire.system, { username, secret }),
    clock: systemClock,
    log: pino({ level: 'silent' }),
  })
  baywire.ingest.attach(broker)
})

beforeEach(async () => {
  tenant = `t${turn++}`
  tenantId = await baywire.tenant(tenant, ['A1', 'A2'])
})

afterEach(async () => {
  await listener?.close()
  listener = undefined
  await watch.stop()
  for (const client of clients.splice(0)) client.destroy()
})

afterAll(async () => {
  await broker.close()
  await baywire.expectSound()
  await tenants.close()
  await baywire.close()
})

/** By NOTIFY alone, or by asking alone. */
function watchBy(how: 'notify' | 'poll'): void {
  const pollMs = how === 'poll' ? 100 : 3_600_000
  watch = new CredentialWatch({ database: baywire.system, broker, pollMs, log: pino({ level: 'silent' }) })
  watch.start()
  if (how === 'poll') return
  const options = {
    url: baywire.ownerUrl,
    role: 'baywire_ingest',
    statementTimeoutMs: 10_000,
    name: listenerName,
  } as const
  listener = listen(options, { channel: credentialChannel, onNotify: () => watch.look() })
}

async function untilListening(): Promise<number> {
  return await eventually('a listener', async () => {
    const [row] = await baywire.sql<{ pid: number }[]>`
      select pid from pg_stat_activity where application_name = ${listenerName} and query ilike 'listen%' and state = 'idle'`
    return row?.pid
  })
}

function inTenant<T>(work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
  return tenants.withTenant(tenantId, work)
}

function usernameOf({ kind, code }: CredentialOwner): string {
  return `${tenant}/${kind}/${code}`
}

async function answerTo(parts: ConnectParts): Promise<{ client: RawClient; code: number }> {
  const client = await RawClient.connect(broker.port)
  clients.push(client)
  client.send(connectPacket(parts))
  return { client, code: (await client.receive(4))[3] ?? -1 }
}

async function join(owner: CredentialOwner, options: Partial<ConnectParts> = {}): Promise<RawClient> {
  const secret = await inTenant((tx) => createCredential(tx, owner))
  const { client, code } = await answerTo({ username: usernameOf(owner), secret, ...options })
  expect(code).toBe(0)
  return client
}

async function ping(client: RawClient): Promise<void> {
  const before = client.received.length
  client.send(pingPacket)
  await client.receive(before + 2)
}

const statusTopic = () => `parking/v1/${tenant}/devices/A1/status`
const readingTopic = () => `parking/v1/${tenant}/devices/A1/reading`
const will = () => ({ topic: statusTopic(), payload: 'offline', retain: true })

async function presence(): Promise<string | null | undefined> {
  const [row] = await baywire.sql<{ presence: string | null }[]>`
    select presence from devices where tenant_id = ${tenantId} and code = 'A1'`
  return row?.presence
}

async function logged(): Promise<number> {
  const rows = await baywire.sql`select from readings where tenant_id = ${tenantId}`
  return rows.length
}

describe.each(['notify', 'poll'] as const)('by %s, a session ends', (how) => {
  beforeEach(async () => {
    watchBy(how)
    if (how === 'notify') await untilListening()
  })

  it('when its credential is revoked; the secret opens nothing any more, and the last will says nothing', async () => {
    const secret = await inTenant((tx) => createCredential(tx, device))
    const parts = { username: usernameOf(device), secret, will: will() }
    const { client } = await answerTo(parts)
    client.send(publishPacket({ topic: statusTopic(), payload: 'online', retain: true, id: 1 }))
    await client.receive(connected.length + 4)
    const other = await join({ kind: 'devices', code: 'A2' })
    await inTenant((tx) => revokeCredential(tx, device))
    await client.closed()
    expect((await answerTo(parts)).code).toBe(4)
    await ping(other)
    // Whatever the broker would have said of it has been committed by now.
    other.send(publishPacket({ topic: `parking/v1/${tenant}/devices/A2/status`, payload: 'online', id: 2 }))
    await other.receive(connected.length + 2 + 4)
    expect(await presence()).toBe('online')
  })

  it('when its credential is rotated; the new secret opens, and its session stays', async () => {
    const client = await join(device)
    const secret = await inTenant((tx) => rotateSpeaker(tx, device))
    await client.closed()
    const { client: next, code } = await answerTo({ username: usernameOf(device), secret })
    expect(code).toBe(0)
    // Another look changes nothing for it.
    await join(gateway)
    await inTenant((tx) => revokeCredential(tx, gateway))
    await eventually('the end of the gateway', () => broker.connections() === 1)
    await ping(next)
  })
})

describe('by poll, a session ends', () => {
  beforeEach(() => watchBy('poll'))

  it('when its tenant is called otherwise', async () => {
    const client = await join(device)
    await baywire.sql`update tenants set slug = ${`${tenant}-new`} where id = ${tenantId}`
    await client.closed()
  })

  it('when its gateway is deleted, and one made again with the same code is not opened by the old secret', async () => {
    const secret = await inTenant((tx) => createCredential(tx, gateway))
    const parts = { username: usernameOf(gateway), secret }
    const { client } = await answerTo(parts)
    await baywire.sql`delete from gateways where tenant_id = ${tenantId} and code = 'gw-1'`
    await client.closed()
    await baywire.sql`insert into gateways (tenant_id, id, code) values (${tenantId}, gen_random_uuid(), 'gw-1')`
    expect((await answerTo(parts)).code).toBe(4)
  })

  it('and stays where its device only stands elsewhere: its rights name no space', async () => {
    const client = await join(device)
    await baywire.sql`
      update device_assignments set unassigned_at = now() where tenant_id = ${tenantId}
      and device_id = (select id from devices where tenant_id = ${tenantId} and code = 'A1')`
    await join(gateway)
    await inTenant((tx) => revokeCredential(tx, gateway))
    await eventually('the end of the gateway', () => broker.connections() === 1)
    await ping(client)
  })

  it('takes on a limit of its gateway while it is connected', async () => {
    const client = await join(gateway)
    await inTenant((tx) => limitGateway(tx, gateway.code, { inFlight: 2, messagesPerS: 1 }))
    // A burst is four seconds' worth: of 30 messages few arrive at once, when the limit is there.
    const topic = `parking/v1/${tenant}/gateways/gw-1/readings`
    await eventually('the limit', async () => {
      const before = client.received.length
      const packets = Array.from({ length: 30 }, (_, index) =>
        publishPacket({ topic, payload: '{"readings":[]}', id: index + 1 }),
      )
      client.send(...packets)
      await client.receive(before + 4)
      await baywire.sql`select pg_sleep(0.05)`
      return (client.received.length - before) / 4 < 30
    })
  })
})

describe('what NOTIFY says', () => {
  it('is the id of the tenant, to whomever listens', async () => {
    const stranger = connect({ url: baywire.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'test stranger' })
    const heard: string[] = []
    try {
      await stranger.listen(credentialChannel, (payload) => heard.push(payload))
      watchBy('poll')
      await inTenant((tx) => createCredential(tx, device))
      await inTenant((tx) => revokeCredential(tx, device))
      await eventually('two notices', () => heard.length >= 2)
      expect(new Set(heard)).toEqual(new Set([tenantId]))
    } finally {
      await stranger.end({ timeout: 1 })
    }
  })

  it('is heard again after the listener lost its connection', async () => {
    watchBy('notify')
    const pid = await untilListening()
    const client = await join(device)
    await baywire.sql`select pg_terminate_backend(${pid})`
    await inTenant((tx) => revokeCredential(tx, device))
    await client.closed()
    await eventually('another listener', async () => (await untilListening()) !== pid)
  })
})

describe('readings of a device that is revoked while they wait', () => {
  it('are given up but for those that are being committed, and those of others are not', async () => {
    watchBy('notify')
    await untilListening()
    const client = await join(device)
    const release = await lockReadings()
    const reading = (seq: number) =>
      publishPacket({ topic: readingTopic(), payload: JSON.stringify({ occupied: true, boot: 1, seq }), id: seq })
    client.send(reading(1))
    await eventually('a batch that waits', async () => {
      const rows = await baywire.sql`
        select from pg_stat_activity where application_name = 'test ingest' and wait_event_type = 'Lock'`
      return rows.length > 0
    })
    client.send(...Array.from({ length: 9 }, (_, index) => reading(index + 2)))
    await ping(client)
    await inTenant((tx) => revokeCredential(tx, device))
    await client.closed()
    const inTime = baywire.deliver(readingTopic(), { occupied: false, boot: 1, seq: 100 })
    await release()
    expect(await inTime).toBe('acknowledged')
    expect(await logged()).toBe(2)
    expect(client.received).toHaveLength(connected.length + 2)
  })
})

/** Nothing can be logged until the lock is released. */
async function lockReadings(): Promise<() => Promise<void>> {
  const locker = connect({ url: baywire.ownerUrl, max: 1, statementTimeoutMs: 20_000, name: 'test locker' })
  await locker`begin`
  await locker`lock table readings in exclusive mode`
  return async () => {
    await locker`commit`
    await locker.end({ timeout: 1 })
  }
}
