import { systemClock } from '../../clock.ts'
import type { Config } from '../../config.ts'
import { RedriveRequests } from '../../ingest/redrive-requests.ts'
import type { Lifecycle } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import { redrivesChannel } from '../../store/redrive-requests.ts'
import type { OpenDatabase } from '../open.ts'

interface Parts {
  config: Config
  log: Log
  lifecycle: Lifecycle
  database: OpenDatabase
}

/** Takes up what is asked for over the API to be redriven. Clients of its own: readings never wait for it. */
export async function startRedrives({ config, log, lifecycle, database }: Parts): Promise<void> {
  const requests = await lifecycle.start(
    'redrives',
    () => {
      const started = new RedriveRequests({
        database: database.system('baywire redrives', { statementTimeoutMs: 0 }),
        // Its transaction idles for as long as a redrive takes.
        locks: database.system('baywire redrives lock', { statementTimeoutMs: 0 }),
        clock: systemClock,
        log: log.child({ role: 'ingest' }),
        mostAttempts: config.BAYWIRE_REDRIVE_ATTEMPTS,
        mostReadingsAtATime: config.BAYWIRE_BATCH_READINGS,
      })
      started.start()
      return started
    },
    (started) => started.stop(),
  )
  await lifecycle.start(
    'redrives listener',
    () => database.listen('baywire redrives listener', { channel: redrivesChannel, onNotify: () => requests.woken() }),
    (listener) => listener.close(),
  )
}
