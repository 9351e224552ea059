import type { Config } from '../../config.ts'
import type { Lifecycle } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Metrics } from '../../metrics.ts'
import { Outbox, type OutboxOptions } from '../../outbox/outbox.ts'
import { eventsChannel } from '../../store/space-rows.ts'
import type { OpenDatabase } from '../open.ts'

interface Parts {
  config: Config
  log: Log
  metrics: Metrics
  lifecycle: Lifecycle
  database: OpenDatabase
}

/** Publishes states and availability to the broker of the ingest role, as they are committed. */
export async function startOutbox(
  { config, log, metrics, lifecycle, database }: Parts,
  broker: Pick<OutboxOptions, 'outlet' | 'broker' | 'isBusy'>,
): Promise<void> {
  if (config.BAYWIRE_MQTT_STATES === 'off') return
  const outbox = await lifecycle.start(
    'outbox',
    () => {
      const started = new Outbox({
        // A client of its own: readings never wait for it.
        database: database.system('baywire outbox'),
        ...broker,
        processName: `${config.BAYWIRE_INSTANCE}/${process.pid}`,
        metrics,
        log: log.child({ role: 'outbox' }),
        windowMs: config.BAYWIRE_MQTT_STATE_MS,
      })
      started.start()
      return started
    },
    (started) => started.stop(),
  )
  await lifecycle.start(
    'outbox listener',
    () => database.listen('baywire outbox listener', { channel: eventsChannel, onNotify: () => outbox.woken() }),
    (listener) => listener.close(),
  )
}
