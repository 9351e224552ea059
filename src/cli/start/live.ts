import type { Config } from '../../config.ts'
import type { Lifecycle } from '../../lifecycle.ts'
import { createLive, type Live } from '../../live/live.ts'
import type { Log } from '../../log.ts'
import type { Metrics } from '../../metrics.ts'
import { eventsChannel } from '../../store/space-rows.ts'
import type { OpenDatabase } from '../open.ts'
import { installationSecret } from '../secret.ts'

interface Parts {
  config: Config
  log: Log
  metrics: Metrics
  lifecycle: Lifecycle
  database: OpenDatabase
}

/** The events of all tenants that somebody asks for, followed as they are committed. */
export async function startLive({ config, log, metrics, lifecycle, database }: Parts): Promise<Live> {
  const live = createLive({
    tenants: database.tenants('baywire live'),
    secret: await installationSecret(config),
    log: log.child({ role: 'api' }),
    metrics,
    streams: {
      perProcess: config.BAYWIRE_STREAMS,
      perTenant: config.BAYWIRE_STREAMS_PER_TENANT,
      perUser: config.BAYWIRE_STREAMS_PER_USER,
      replayedEvents: config.BAYWIRE_STREAM_REPLAY_EVENTS,
    },
  })
  await lifecycle.start(
    'feeds',
    () => live.feeds.start(),
    () => live.feeds.close(),
  )
  await lifecycle.start(
    'views',
    () => live.views.start(),
    () => live.views.close(),
  )
  await lifecycle.start(
    'events listener',
    () =>
      database.listen('baywire events listener', {
        as: 'api',
        channel: eventsChannel,
        onNotify: (tenantId) => {
          live.feeds.notified(tenantId)
          live.views.notified(tenantId)
        },
      }),
    (listener) => listener.close(),
  )
  return live
}
