import { createAccess, type Access } from '../../auth/access.ts'
import { accessSettings } from '../../auth/settings.ts'
import { systemClock } from '../../clock.ts'
import type { Config } from '../../config.ts'
import type { Lifecycle } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import { accessChannel } from '../../store/access.ts'
import type { OpenDatabase } from '../open.ts'
import { installationSecret } from '../secret.ts'

interface Parts {
  config: Config
  log: Log
  lifecycle: Lifecycle
  database: OpenDatabase
}

/** What tells the API who asks: the signing keys looked after, and changes of access heard of as they are committed. */
export async function startAccess({ config, log, lifecycle, database }: Parts): Promise<Access> {
  const access = createAccess({
    // A client of its own: however many requests wait for the API's, who asks is still found out.
    tenants: database.tenants('baywire access'),
    secret: await installationSecret(config),
    settings: accessSettings(config),
    clock: systemClock,
    log: log.child({ role: 'api' }),
  })
  const { authenticator, publishedKeys, maintenance } = access
  await lifecycle.start(
    'last uses',
    () => {},
    () => authenticator.settled(),
  )
  await lifecycle.start(
    'signing keys',
    () => maintenance.start(),
    () => maintenance.stop(),
  )
  await lifecycle.start(
    'access listener',
    () =>
      database.listen('baywire access listener', {
        as: 'api',
        channel: accessChannel,
        onNotify: () => {
          authenticator.invalidate()
          publishedKeys.invalidate()
        },
      }),
    (listener) => listener.close(),
  )
  return access
}
