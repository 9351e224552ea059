import { createApi, createMonitor, DATABASE_WAIT_MS } from '../../api/app.ts'
import { rateLimits, type RateLimits } from '../../api/rate-limits.ts'
import { checkParts, type PartReadiness } from '../../api/readiness.ts'
import { startApi } from '../../api/server.ts'
import { passwordMaker } from '../../auth/password-maker.ts'
import { systemClock } from '../../clock.ts'
import { splitList, type Config } from '../../config.ts'
import { Ingest } from '../../ingest/ingest.ts'
import { Jobs } from '../../jobs/jobs.ts'
import { Lifecycle } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import { createMetrics, type Metrics } from '../../metrics.ts'
import { readNetworks } from '../../networks.ts'
import { ensurePartitions } from '../../store/readings.ts'
import { eventsChannel } from '../../store/space-rows.ts'
import { consumerClientId, startConsumer } from '../../mqtt/consumer.ts'
import { startEmbeddedBroker } from './embedded-broker.ts'
import { openDatabase, type OpenDatabase } from '../open.ts'
import { startAccess } from './access.ts'
import { startAccounts } from '../accounts.ts'
import { startLive } from './live.ts'
import { startOutbox } from './outbox.ts'
import { refuseUnsafe } from './production.ts'
import { startRedrives } from './redrives.ts'
import { installationSecret } from '../secret.ts'
import type { Role } from './command.ts'

export interface Running {
  readonly database: OpenDatabase
  readonly httpPort: number | undefined
  /** Of /health, /ready and /metrics in a process without the API; undefined where there is none. */
  readonly monitorPort: number | undefined
  /** Of the embedded broker; undefined where there is none. */
  readonly mqttPort: number | undefined
  stop(): Promise<void>
}

type Checks = Record<string, () => Promise<PartReadiness>>

interface Parts {
  config: Config
  log: Log
  metrics: Metrics
  lifecycle: Lifecycle
  database: OpenDatabase
  checks: Checks
}

/** Starts the database and the roles in order; when one does not start, those before it are stopped again. */
export async function start(
  config: Config,
  { roles: wanted, log }: { roles: readonly Role[]; log: Log },
): Promise<Running> {
  const lifecycle = new Lifecycle(log)
  const database = await lifecycle.start(
    'database',
    () => openDatabase(config),
    (opened) => opened.close(),
  )
  await lifecycle.start(
    'production',
    () => refuseUnsafe(config, { urls: database.urls, roles: wanted }),
    () => {},
  )
  const parts: Parts = { config, log, metrics: createMetrics(), lifecycle, database, checks: {} }
  addDatabaseChecks(parts, wanted)
  const mqttPort = wanted.includes('ingest') ? await startIngest(parts) : undefined
  if (wanted.includes('jobs')) await startJobs(parts)
  const httpPort = wanted.includes('api') ? await startHttp(parts) : undefined
  const monitorPort = httpPort === undefined ? await startMonitor(parts) : undefined
  return { database, httpPort, monitorPort, mqttPort, stop: () => lifecycle.stop() }
}

function addDatabaseChecks({ database, checks }: Parts, wanted: readonly Role[]): void {
  const ask = askDatabase(database, wanted)
  checks['postgres'] = async () => {
    await ask()
    return { ok: true, detail: database.urls.embedded ? 'embedded' : 'external' }
  }
  // Checked before anything started; a newer program migrates only additively under a running one.
  checks['migrations'] = async () => ({ ok: true, detail: 'the schema is that of this program' })
}

/** With the login that the roles of this process work with: it may be the only one that they were given. */
function askDatabase(database: OpenDatabase, wanted: readonly Role[]): () => Promise<unknown> {
  if (wanted.some((role) => role !== 'api')) {
    const system = database.system('baywire ready')
    return () => system.withSystem((tx) => tx`SELECT 1`)
  }
  const tenants = database.tenants('baywire ready')
  // Of nobody: what matters is that the answer comes.
  return () => tenants.tenantBySlug('')
}

async function startIngest(parts: Parts): Promise<number | undefined> {
  const { config, log, metrics, lifecycle, checks } = parts
  const database = parts.database.system('baywire ingest')
  await database.withSystem((tx) => ensurePartitions(tx, systemClock.now()))
  const ingest = await lifecycle.start(
    'ingest',
    () => new Ingest({ database, config, metrics, log: log.child({ role: 'ingest' }), clock: systemClock }),
    (started) => started.stop(),
  )
  checks['ingest'] = async () => ({ ok: ingest.trouble === undefined, detail: ingest.trouble ?? 'committing' })
  await startRedrives(parts)
  if (config.MQTT_URL !== undefined) return await startExternalConsumer(parts, { ingest, url: config.MQTT_URL })
  const broker = await startEmbeddedBroker(parts, ingest)
  ingest.attach(broker)
  await startOutbox(parts, { outlet: broker, broker: 'own', isBusy: () => ingest.busy })
  checks['broker'] = async () => ({ ok: true, detail: `embedded, ${broker.connections()} connections` })
  return broker.port
}

async function startExternalConsumer(
  parts: Parts,
  { ingest, url }: { ingest: Ingest; url: string },
): Promise<undefined> {
  const { config, log, lifecycle, checks } = parts
  let connection: PartReadiness = { ok: false, detail: 'not connected yet' }
  const consumer = await lifecycle.start(
    'consumer',
    () =>
      startConsumer({
        url,
        clientId: consumerClientId(config.BAYWIRE_INSTANCE),
        receiveMaximum: config.BAYWIRE_RECEIVE_MAXIMUM,
        shareGroup: config.BAYWIRE_SHARE_GROUP,
        leftGroup: config.BAYWIRE_SHARE_GROUP_LEFT,
        receiver: ingest,
        onDoor: (door) => ingest.attach(door),
        onState: ({ connected, detail }) => {
          connection = { ok: connected, detail }
        },
        retryMinMs: config.BAYWIRE_RETRY_MIN_MS,
        retryMaxMs: config.BAYWIRE_RETRY_MAX_MS,
        payloadBytes: config.BAYWIRE_PAYLOAD_BYTES,
        stopMs: config.BAYWIRE_STOP_MS,
        clock: systemClock,
        log: log.child({ role: 'consumer' }),
      }),
    (started) => started.close(),
  )
  checks['broker'] = async () => connection
  await startOutbox(parts, { outlet: consumer, broker: 'shared', isBusy: () => ingest.busy })
}

async function startJobs({ config, log, metrics, lifecycle, database, checks }: Parts): Promise<void> {
  const jobs = await lifecycle.start(
    'jobs',
    () => {
      const started = new Jobs({
        database: database.system('baywire jobs'),
        patientDatabase: database.system('baywire jobs work', { patient: true }),
        config,
        metrics,
        log: log.child({ role: 'jobs' }),
        clock: systemClock,
      })
      started.start()
      return started
    },
    (started) => started.stop(),
  )
  await lifecycle.start(
    'jobs listener',
    () => database.listen('baywire jobs listener', { channel: eventsChannel, onNotify: () => jobs.notified() }),
    (listener) => listener.close(),
  )
  checks['jobs'] = async () => ({
    ok: jobs.trouble === undefined,
    detail: jobs.trouble ?? (jobs.failed.length > 0 ? `failed: ${jobs.failed.join(', ')}` : 'running'),
  })
}

async function startHttp(parts: Parts): Promise<number> {
  const { config, log, metrics, lifecycle, database, checks } = parts
  const access = await startAccess(parts)
  const tenants = database.tenants('baywire api')
  const secret = await installationSecret(config)
  const accounts = await startAccounts(config, { lifecycle, log, database: tenants, secret, sessions: access.sessions })
  const live = await startLive(parts)
  const app = createApi({
    ...access,
    tenants,
    live,
    accounts,
    invites: {
      sender: accounts.sender,
      passwords: passwordMaker(accounts),
      mayBeSent: (tx, address) => accounts.sendLimits.allow(tx, address),
      inviteHours: config.BAYWIRE_INVITE_HOURS,
    },
    metrics,
    log: log.child({ role: 'api' }),
    readiness: () => checkParts(checks),
    clock: systemClock,
    limits: limitsOf(config, database),
    trustedProxies: readNetworks(config.BAYWIRE_TRUSTED_PROXIES ?? ''),
    origins: splitList(config.BAYWIRE_CORS_ORIGINS ?? ''),
    replayedReadings: config.BAYWIRE_REPLAY_READINGS,
  })
  const api = await lifecycle.start(
    'api',
    () =>
      startApi({
        app,
        host: config.BAYWIRE_HOST,
        port: config.BAYWIRE_HTTP_PORT,
        log,
        streams: config.BAYWIRE_STREAMS,
      }),
    (started) => started.close(),
  )
  // Stopped before the server, which would wait for them.
  await lifecycle.start(
    'streams',
    () => live.streams.start(),
    () => live.streams.close(),
  )
  return api.port
}

function limitsOf(config: Config, database: OpenDatabase): RateLimits {
  return rateLimits({
    settings: {
      addressPerMinute: config.BAYWIRE_LIMIT_ADDRESS_PER_MINUTE,
      openPerMinute: config.BAYWIRE_LIMIT_OPEN_PER_MINUTE,
      apiPerMinute: config.BAYWIRE_LIMIT_API_PER_MINUTE,
      apiPerHour: config.BAYWIRE_LIMIT_API_PER_HOUR,
      apiPerDay: config.BAYWIRE_LIMIT_API_PER_DAY,
      tenantPerMinute: config.BAYWIRE_LIMIT_TENANT_PER_MINUTE,
      loginsPerMinute: config.BAYWIRE_LIMIT_LOGINS_PER_MINUTE,
    },
    store: database.rateLimits('baywire limits'),
    databaseWaitMs: DATABASE_WAIT_MS,
  })
}

async function startMonitor({ config, log, metrics, lifecycle, checks }: Parts): Promise<number | undefined> {
  const { BAYWIRE_HOST: host, BAYWIRE_MONITOR_PORT: port } = config
  if (port === undefined) return undefined
  const app = createMonitor({ metrics, log: log.child({ role: 'monitor' }), readiness: () => checkParts(checks) })
  const monitor = await lifecycle.start(
    'monitor',
    () => startApi({ app, host, port, setting: 'BAYWIRE_MONITOR_PORT', log }),
    (started) => started.close(),
  )
  return monitor.port
}
