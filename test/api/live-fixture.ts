import { pino } from 'pino'
import { createApi, type Api } from '../../src/api/app.ts'
import { startApi } from '../../src/api/server.ts'
import type { Access } from '../../src/auth/access.ts'
import type { Role } from '../../src/auth/permissions.ts'
import type { Live } from '../../src/live/live.ts'
import type { StreamSettings } from '../../src/live/streams.ts'
import { newId } from '../../src/ids.ts'
import { createMetrics, type Metrics } from '../../src/metrics.ts'
import { accessChannel } from '../../src/store/access.ts'
import { listen } from '../../src/store/listener.ts'
import { eventsChannel } from '../../src/store/space-rows.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { testAccess } from '../support/access.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { beginSession, insertPerson } from '../support/people.ts'
import { SocketFollower, SseFollower, type FollowOptions } from './support/stream-followers.ts'

/** An API as a process of its own has it: with a port, and following events. */
export interface LiveProcess {
  port: number
  app: Api
  live: Live
  access: Access
  metrics: Metrics
  follow(token: string, options?: Partial<FollowOptions>): SseFollower
  /** A WebSocket of somebody with a ticket of theirs. */
  converse(token: string, headers?: Record<string, string>): Promise<SocketFollower>
  /** JSON below /api/v1. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a test says itself what it expects
  get(token: string, path: string): Promise<{ status: number; body: any }>
  close(): Promise<void>
}

export interface LiveFixture {
  baywire: TestIngest
  process(options?: ProcessOptions): Promise<LiveProcess>
  tenant(spaces?: number): Promise<LiveTenant>
  close(): Promise<void>
}

export interface ProcessOptions {
  streams?: Partial<StreamSettings>
  origins?: readonly string[]
  /** Without it nothing tells of a commit or a revocation: both are found out by looking. */
  notified?: boolean
  /** Of its streams: when tokens end. */
  now?: () => number
}

export interface LiveTenant {
  id: string
  slug: string
  siteId: string
  spaceIds: string[]
  /** A member, and their access token. */
  person(role?: Role): Promise<{ id: string; token: string; sessionId: string }>
  /** Changes one space after the other, through ingest. */
  change(times: number): Promise<void>
  /** As many events in one commit, written as they are. */
  burst(events: number): Promise<void>
  /** Ids of all events as the API shows them to no one but this test: by position. */
  ids(live: Live): Promise<string[]>
}

export async function liveFixture(): Promise<LiveFixture> {
  const baywire = await startTestIngest()
  const running: LiveProcess[] = []
  const tenants = database(baywire)
  const access = testAccess({ tenants })
  await access.maintenance.run()
  return {
    baywire,
    async process(options) {
      const started = await startProcess(baywire, options)
      running.push(started)
      return started
    },
    tenant: (spaces = 3) => makeTenant(baywire, { spaces, tenants, access }),
    async close() {
      await Promise.all(running.map((one) => one.close()))
      await access.authenticator.settled()
      await tenants.close()
      await baywire.close()
    },
  }
}

function database({ ownerUrl }: TestIngest): TenantDatabase {
  return tenantDatabase({ url: ownerUrl, max: 4, statementTimeoutMs: 20_000, name: 'test api' })
}

async function startProcess(
  baywire: TestIngest,
  { streams = {}, origins = [], notified = true, now = Date.now }: ProcessOptions = {},
): Promise<LiveProcess> {
  const tenants = database(baywire)
  const access = testAccess({ tenants, streams, now })
  const { live } = access
  const log = pino({ level: process.env['TEST_LOG'] ?? 'silent' })
  const metrics = createMetrics()
  const app = createApi({
    ...access,
    tenants,
    origins,
    metrics,
    log,
    readiness: () => Promise.resolve({ ready: true, parts: {} }),
  })
  const login = { url: baywire.ownerUrl, role: 'baywire_api', statementTimeoutMs: 20_000, name: 'test' } as const
  const listeners = notified
    ? [
        listen(login, { channel: eventsChannel, onNotify: (tenantId) => live.feeds.notified(tenantId) }),
        listen(login, { channel: accessChannel, onNotify: () => access.authenticator.invalidate() }),
      ]
    : []
  live.feeds.start()
  live.streams.start()
  const api = await startApi({ app, host: '127.0.0.1', port: 0, log })
  const { port } = api
  let closed: Promise<void> | undefined
  const close = async () => {
    live.streams.close()
    await api.close()
    await live.feeds.close()
    await Promise.all(listeners.map((listener) => listener.close()))
    await access.authenticator.settled()
    await tenants.close()
  }
  return {
    port,
    app,
    live,
    access,
    metrics,
    follow: (token, options = {}) => new SseFollower(port, { token, ...options }),
    async converse(token, headers) {
      const ticket = await askTicket(port, token)
      return await new SocketFollower(port, ticket, headers).opened()
    },
    async get(token, path) {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
        headers: { Authorization: `Bearer ${token}` },
      })
      return { status: response.status, body: await response.json() }
    },
    close: () => (closed ??= close()),
  }
}

export async function askTicket(port: number, token: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/ws/tickets`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
  })
  if (response.status !== 201) throw new Error(`no ticket: ${response.status} ${await response.text()}`)
  return ((await response.json()) as { ticket: string }).ticket
}

let number = 0

async function makeTenant(
  baywire: TestIngest,
  { spaces, tenants, access }: { spaces: number; tenants: TenantDatabase; access: Access },
): Promise<LiveTenant> {
  const slug = `live-${++number}`
  const codes = Array.from({ length: spaces }, (_, n) => `s${String(n).padStart(3, '0')}`)
  const id = await baywire.tenant(slug, codes)
  const rows = await baywire.sql<{ id: string; site_id: string }[]>`
    SELECT id, site_id FROM spaces WHERE tenant_id = ${id} ORDER BY code`
  const spaceIds = rows.map((row) => row.id)
  let sent = 0
  return {
    id,
    slug,
    siteId: rows[0]?.site_id ?? '',
    spaceIds,
    async person(role = 'viewer') {
      const userId = await insertPerson(baywire.sql, { in: { [id]: role } })
      const { accessToken, sessionId } = await beginSession({ tenants, access }, { userId, tenantId: id })
      return { id: userId, token: accessToken, sessionId }
    },
    async change(times) {
      for (let n = 0; n < times; n++, sent++) {
        const device = codes[sent % spaces]
        const occupied = Math.floor(sent / spaces) % 2 === 0
        baywire.clock.advance(10)
        // oxlint-disable-next-line no-await-in-loop -- in this order
        await baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, { occupied })
      }
    },
    async burst(events) {
      await burst(baywire, { tenantId: id, spaceIds, events })
    },
    async ids(live) {
      const positions = await baywire.sql<{ position: number }[]>`
        SELECT position::float8 FROM space_events WHERE tenant_id = ${id} ORDER BY position`
      return positions.map(({ position }) => live.cursors.of(id, position))
    },
  }
}

async function burst(
  { sql }: TestIngest,
  { tenantId, spaceIds, events }: { tenantId: string; spaceIds: readonly string[]; events: number },
): Promise<void> {
  const state = { status: 'free', occupancy: 'vacant', reservation: 'none', override: 'none', stale: false }
  const whole = JSON.stringify({ ...state, since: null, observed_at: null, version: 1 })
  const cause = JSON.stringify({ type: 'reading', id: newId(), part: 0 })
  await sql`
    WITH head AS (
      INSERT INTO event_heads AS h (tenant_id, position) VALUES (${tenantId}, ${events})
      ON CONFLICT (tenant_id) DO UPDATE SET position = h.position + excluded.position RETURNING position
    )
    INSERT INTO space_events
      (tenant_id, position, space_id, input_seq, ordinal, event_time, recorded_at, kind, cause, rule, state)
    SELECT ${tenantId}, head.position - ${events}::int + n, (${`{${spaceIds.join(',')}}`}::text::uuid[])[1 + n % ${spaceIds.length}::int],
      1000000 + n, 0, now(), now(), 'vacated', ${cause}::text::json, 'reading', ${whole}::text::json
    FROM head, generate_series(1, ${events}::int) AS n`
  await sql`SELECT pg_notify(${eventsChannel}, ${tenantId})`
}
