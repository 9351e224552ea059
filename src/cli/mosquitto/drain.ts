import type { Command } from 'commander'
import { systemClock } from '../../clock.ts'
import { readConfig, type Config } from '../../config.ts'
import { BaywireError, describeError, UsageError } from '../../errors.ts'
import { Ingest } from '../../ingest/ingest.ts'
import { Lifecycle } from '../../lifecycle.ts'
import { createLog } from '../../log.ts'
import { createMetrics } from '../../metrics.ts'
import { consumerClientId, startConsumer } from '../../mqtt/consumer.ts'
import type { Receiver } from '../../mqtt/delivery.ts'
import { ensurePartitions } from '../../store/readings.ts'
import { openDatabase } from '../open.ts'
import { processTerminal } from '../terminal.ts'

export function addDrain(mosquitto: Command): void {
  mosquitto
    .command('drain')
    .description(
      'commit what still waits at the broker for an ingest process that will not come back, and end its session',
    )
    .option('--json', 'what was done as JSON')
    .addHelpText(
      'after',
      '\nMQTT_URL and BAYWIRE_INSTANCE are those of the process that is gone. Another ingest process must run:\nwhat is published from now on is kept for nobody else.\n\nExample:\n  baywire mosquitto drain',
    )
    .action(drain)
}

async function drain({ json }: { json?: boolean }): Promise<void> {
  const config = readConfig(process.env)
  const { MQTT_URL: url } = config
  if (url === undefined) throw new UsageError('MQTT_URL is not set', 'set it to what the process that is gone had')
  const lifecycle = new Lifecycle(createLog({ level: config.BAYWIRE_LOG_LEVEL }))
  try {
    const messages = await drainSession(config, { url, lifecycle })
    const terminal = processTerminal()
    if (json === true) terminal.print(JSON.stringify({ instance: config.BAYWIRE_INSTANCE, messages }))
    else terminal.print(`${messages} messages committed; nothing waits for ${config.BAYWIRE_INSTANCE} any more`)
  } finally {
    await lifecycle.stop()
  }
}

/** Answers how many messages there were. */
async function drainSession(
  config: Config,
  { url, lifecycle }: { url: string; lifecycle: Lifecycle },
): Promise<number> {
  const log = createLog({ level: config.BAYWIRE_LOG_LEVEL, role: 'drain' })
  const opened = await lifecycle.start(
    'database',
    () => openDatabase(config),
    (database) => database.close(),
  )
  const database = opened.system('baywire drain')
  await database.withSystem((tx) => ensurePartitions(tx, systemClock.now()))
  const ingest = await lifecycle.start(
    'ingest',
    () => new Ingest({ database, config, metrics: createMetrics(), log, clock: systemClock }),
    (started) => started.stop(),
  )
  const counting = new CountingReceiver(ingest)
  const consumer = await startConsumer({
    url,
    clientId: consumerClientId(config.BAYWIRE_INSTANCE),
    receiveMaximum: config.BAYWIRE_RECEIVE_MAXIMUM,
    shareGroup: config.BAYWIRE_SHARE_GROUP,
    leftGroup: config.BAYWIRE_SHARE_GROUP_LEFT,
    receiver: counting,
    onDoor: (door) => ingest.attach(door),
    onState: () => {},
    retryMinMs: config.BAYWIRE_RETRY_MIN_MS,
    retryMaxMs: config.BAYWIRE_RETRY_MAX_MS,
    payloadBytes: config.BAYWIRE_PAYLOAD_BYTES,
    clock: systemClock,
    log,
  })
  await consumer.leave().catch(async (error: unknown) => {
    await consumer.close()
    throw new BaywireError(`the broker does not let the session be drained: ${describeError(error)}`, {
      advice: 'see docs/mosquitto.md for the rights that it needs',
      cause: error,
    })
  })
  return counting.messages
}

class CountingReceiver implements Receiver {
  messages = 0
  readonly #receiver: Receiver

  constructor(receiver: Receiver) {
    this.#receiver = receiver
  }

  receive(...[delivery]: Parameters<Receiver['receive']>): void {
    this.messages++
    this.#receiver.receive(delivery)
  }

  refuse(...[reason]: Parameters<Receiver['refuse']>): void {
    this.#receiver.refuse(reason)
  }
}
