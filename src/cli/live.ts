import type { Config } from '../config.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { createLive, type Live } from '../live/live.ts'
import type { Log } from '../log.ts'
import { eventsChannel } from '../store/space-rows.ts'
import type { OpenDatabase } from './open.ts'
import { installationSecret } from './secret.ts'

interface Parts {
  config: Config
  log: Log
  lifecycle: Lifecycle
  database: OpenDatabase
}

/** The events of all tenants that somebody asks for, followed as they are committed. */
export async function startLive({ config, log, lifecycle, database }: Parts): Promise<Live> {
  const live = createLive({
    tenants: database.tenants('baywire live'),
    secret: await installationSecret(config),
    log: log.child({ role: 'api' }),
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
