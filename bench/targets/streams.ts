import { setTimeout as pause } from 'node:timers/promises'
import mqtt from 'mqtt'
import { apiKeyPrefix, hashApiKey, newApiKey } from '../../src/auth/api-key-text.ts'
import { newId } from '../../src/ids.ts'
import { connect } from '../../src/store/client.ts'
import { provisionFleet } from '../database.ts'
import { Helper } from '../helper.ts'
import type { FanOutOrder } from '../load/fan-out.ts'
import type { FollowersOrder } from '../load/followers.ts'
import type { Gateway } from '../load/gateway.ts'
import { monotonicMs } from '../load/monotonic.ts'
import { untilQuiet } from '../measure.ts'
import { meterOf, type Meter } from '../processes.ts'
import { startBaywire, type Baywire } from '../program.ts'
import type { Run } from './target.ts'

/**
 * From the PUBACK of a reading that changes a space until its event has come to each of so many clients; in turn with a bare
 * fan-out, from its first write. Both of the same bytes, to clients in processes of their own.
 */
export interface Streams {
  clients: number
  changes: number
  product: Arrivals
  bare: Arrivals
  /** p99 of the product by that of the bare fan-out. */
  ratio: number
}

export interface Arrivals {
  p50Ms: number
  p99Ms: number
  kbPerClient: number
}

interface Server {
  followers: Followers
  /** Makes one event; when it was made. */
  change: () => Promise<number>
  latencies: number[]
  kbPerClient: number
}

type Followers = Helper<FollowersOrder, number[]>

const tenant = 'streams'
const pauseMs = 50
const warmUp = 20

export async function measureStreams(
  run: Pick<Run, 'database' | 'lifecycle' | 'onProgress'>,
  { clients, changes }: { clients: number; changes: number },
): Promise<Streams> {
  const { onProgress } = run
  onProgress(`sse: ${clients} clients of each`)
  const product = await openProduct(run, clients)
  const bare = await openBare(run, clients)
  await untilQuiet(onProgress)
  onProgress(`sse: ${changes} changes`)
  for (let change = -warmUp; change < changes; change++) {
    for (const server of [product, bare]) {
      // oxlint-disable no-await-in-loop -- in turn, so that what the machine does meanwhile happens to both
      const latencies = await measureChange(server)
      if (change >= 0) server.latencies.push(...latencies)
      await pause(pauseMs)
      // oxlint-enable no-await-in-loop
    }
  }
  const [ours, theirs] = [arrivalsOf(product), arrivalsOf(bare)]
  return { clients, changes, product: ours, bare: theirs, ratio: ours.p99Ms / theirs.p99Ms }
}

async function measureChange({ followers, change }: Server): Promise<number[]> {
  await followers.ask({ order: 'arm' })
  const at = await change()
  const arrivals = await followers.ask({ order: 'collect' })
  return arrivals.map((arrival) => arrival - at)
}

function arrivalsOf({ latencies, kbPerClient }: Server): Arrivals {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99), kbPerClient }
}

async function openProduct({ database, lifecycle }: Pick<Run, 'database' | 'lifecycle'>, clients: number) {
  const [gateway] = await provisionFleet(database.url, tenant)
  if (gateway === undefined) throw new Error('no gateway')
  const key = await makeKey(database.url)
  const settings = { BAYWIRE_LIMIT_ADDRESS_PER_MINUTE: '0', BAYWIRE_LIMIT_TENANT_PER_MINUTE: '0', ...unlimited }
  const baywire = await lifecycle.start(
    'baywire',
    () => startBaywire({ database, instance: 'bench-streams', settings }),
    (started) => started.stop(),
  )
  const { followers, kbPerClient } = await follow(lifecycle, {
    meter: meterOf(baywire.pid),
    connect: { port: baywire.httpPort, path: '/api/v1/events', key, count: clients },
  })
  return { followers, kbPerClient, latencies: [], change: await changer(lifecycle, { gateway, baywire }) }
}

const unlimited = Object.fromEntries(['MINUTE', 'HOUR', 'DAY'].map((time) => [`BAYWIRE_LIMIT_API_PER_${time}`, '0']))

async function openBare({ lifecycle }: Pick<Run, 'lifecycle'>, clients: number): Promise<Server> {
  const server: Helper<FanOutOrder, number> = await lifecycle.start(
    'fan-out',
    () => Helper.start<FanOutOrder, number>('load/fan-out.ts'),
    (started) => started.close(),
  )
  const port = await server.ask({ order: 'listen' })
  const { followers, kbPerClient } = await follow(lifecycle, {
    meter: meterOf(server.pid),
    connect: { port, path: '/', key: '', count: clients },
  })
  return { followers, kbPerClient, latencies: [], change: () => server.ask({ order: 'write', text: sample }) }
}

/** Clients of a server, and what each of them costs it. */
async function follow(
  lifecycle: Run['lifecycle'],
  { meter, connect: where }: { meter: Meter; connect: Omit<FollowersOrder & { order: 'connect' }, 'order'> },
): Promise<{ followers: Followers; kbPerClient: number }> {
  const followers: Followers = await lifecycle.start(
    'followers',
    () => Helper.start<FollowersOrder, number[]>('load/followers.ts'),
    (started) => started.close(),
  )
  const before = await meter.memoryBytes()
  await followers.ask({ order: 'connect', ...where })
  return { followers, kbPerClient: ((await meter.memoryBytes()) - before) / 1000 / where.count }
}

/** Each reading changes the space of the same sensor. */
async function changer(
  lifecycle: Run['lifecycle'],
  { gateway, baywire }: { gateway: Gateway; baywire: Baywire },
): Promise<() => Promise<number>> {
  const { username, secret, topic, devices } = gateway
  const url = `mqtt://127.0.0.1:${baywire.mqttPort}`
  const client = await lifecycle.start(
    'gateway',
    () => mqtt.connectAsync(url, { clientId: username, username, password: secret, protocolVersion: 4 }),
    (started) => started.endAsync(true),
  )
  let occupied = false
  return async () => {
    occupied = !occupied
    await client.publishAsync(topic, JSON.stringify({ readings: [{ device: devices[0], occupied }] }), { qos: 1 })
    return monotonicMs()
  }
}

async function makeKey(url: string): Promise<string> {
  const sql = connect({ url, max: 1, statementTimeoutMs: 0, name: 'baywire bench' })
  const [key, user] = [newApiKey(), newId()]
  await sql`INSERT INTO users (id, email, name) VALUES (${user}, 'bench@example.org', 'Bench')`
  await sql`INSERT INTO memberships (tenant_id, user_id, role) SELECT id, ${user}, 'owner' FROM tenants WHERE slug = ${tenant}`
  await sql`
    INSERT INTO api_keys (tenant_id, id, name, prefix, key_hash, scopes, created_by)
    SELECT id, ${newId()}, 'bench', ${apiKeyPrefix(key)}, ${hashApiKey(key)}, '{places:read}', ${user} FROM tenants WHERE slug = ${tenant}`
  await sql.end()
  return key
}

/** As long as an event of ours. */
const sample = `id: ${'x'.repeat(43)}\nevent: occupied\ndata: ${JSON.stringify({
  id: 'x'.repeat(43),
  kind: 'occupied',
  event_time: '2026-11-20T08:15:04.120Z',
  recorded_at: '2026-11-20T08:15:04.310Z',
  site_id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55',
  site: 'main',
  space_id: '01995b6e-9a10-7c02-8b11-3d5e6f708192',
  space: 'sensor-00001',
  cause: { type: 'reading', id: '01995b6e-9a10-7c02-8b11-3d5e6f708193' },
  rule: 'reading',
  state: {
    status: 'occupied',
    occupancy: 'occupied',
    reservation: 'none',
    override: 'none',
    stale: false,
    since: '2026-11-20T08:15:04.120Z',
    observed_at: '2026-11-20T08:15:04.120Z',
    version: 17,
  },
})}\n\n`
