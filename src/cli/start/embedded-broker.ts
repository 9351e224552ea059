import { systemClock } from '../../clock.ts'
import type { Config } from '../../config.ts'
import { CredentialWatch, identify } from '../../ingest/credentials.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import type { Lifecycle } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import { startBroker, type Broker, type BrokerLimits } from '../../mqtt/broker.ts'
import { credentialChannel } from '../../store/credentials.ts'
import type { OpenDatabase } from '../open.ts'

interface Parts {
  config: Config
  log: Log
  lifecycle: Lifecycle
  database: OpenDatabase
}

/** The broker inside of the ingest role, and what ends the sessions of those whose credential ends. */
export async function startEmbeddedBroker(
  { config, log: parent, lifecycle, database }: Parts,
  ingest: Ingest,
): Promise<Broker> {
  const log = parent.child({ role: 'broker' })
  // A client of its own: however many come at once, they do not stand in the way of the readings.
  const credentials = database.system('baywire broker')
  const broker = await lifecycle.start(
    'broker',
    () =>
      startBroker({
        host: config.BAYWIRE_HOST,
        port: config.BAYWIRE_MQTT_PORT,
        receiver: ingest,
        authenticate: (username, secret) => identify(credentials, { username, secret }),
        limits: limitsOf(config),
        clock: systemClock,
        log,
      }),
    (started) => started.close(),
  )
  const watch = new CredentialWatch({ database: credentials, broker, pollMs: config.BAYWIRE_CREDENTIAL_POLL_MS, log })
  await lifecycle.start(
    'credential watch',
    () => watch.start(),
    () => watch.stop(),
  )
  await lifecycle.start(
    'credential listener',
    () => database.listen('baywire broker listener', { channel: credentialChannel, onNotify: () => watch.look() }),
    (listener) => listener.close(),
  )
  return broker
}

function limitsOf(config: Config): Partial<BrokerLimits> {
  const perDevice = config.BAYWIRE_DEVICE_MESSAGES_PER_S
  return {
    payloadBytes: config.BAYWIRE_PAYLOAD_BYTES,
    messagesPerS: { device: perDevice, gateway: config.BAYWIRE_GATEWAY_MESSAGES_PER_S, app: perDevice },
    inFlight: {
      device: config.BAYWIRE_DEVICE_IN_FLIGHT,
      gateway: config.BAYWIRE_GATEWAY_IN_FLIGHT,
      app: config.BAYWIRE_DEVICE_IN_FLIGHT,
    },
    failures: config.BAYWIRE_CONNECT_FAILURES,
    failuresBlockMs: config.BAYWIRE_CONNECT_FAILURES_BLOCK_S * 1000,
    connectsPerMinute: config.BAYWIRE_CONNECTS_PER_MINUTE,
    connectsBlockMs: config.BAYWIRE_CONNECTS_BLOCK_S * 1000,
    stopMs: config.BAYWIRE_STOP_MS,
  }
}
