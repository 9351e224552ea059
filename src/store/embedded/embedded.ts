import { setTimeout as pause } from 'node:timers/promises'
import { BaywireError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { clusterExists, readPassword, readPort } from './cluster.ts'
import { Launcher } from './launcher.ts'
import { fileError } from './files.ts'
import { defaultStateDir, findPlace, type Place } from './place.ts'
import { findRunning } from './running.ts'
import { freePort, type Server } from './server.ts'
import { databaseUrl } from './session.ts'
import { supervise } from './supervise.ts'

/**
 * The embedded PostgreSQL of a data directory: created when missing, started when not running, shared when
 * another process has started it.
 *
 * Guarantees: one server per data directory, whatever starts at the same moment (PostgreSQL's own lock
 * decides; who comes second waits and uses the first one's server); no server outlives the process that
 * started it, not even after kill -9; the next start works after any end.
 * A process that uses another one's server loses its connections when that process ends. It meets the
 * database again under the same address once somebody has started it, as the port is kept where possible.
 */
export interface EmbeddedPostgres {
  /** With the password: any client on this machine may use it. */
  url: string
  /** The server belongs to another process: `stop` leaves it alone. */
  adopted: boolean
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  dataDir: string
  /** What a person should know while waiting, or about where things are. */
  onProgress: (message: string) => void
  /** For what happens to the server after the start. */
  log?: Log | undefined
  /** Where root keeps what its server's user could not reach in the data directory. */
  stateDir?: string
}

const START_TIMEOUT_MS = 180_000
const NOTICE_AFTER_MS = 1500
const POLL_MS = 25

export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, onProgress, stateDir = defaultStateDir } = options
  try {
    const place = await findPlace({ dataDir, stateDir, onProgress })
    const launcher = new Launcher(place, onProgress)
    if (!(await clusterExists(place))) await launcher.create()
    const notice = setTimeout(() => {
      onProgress('waiting for the embedded database: it recovers, or another process starts or stops it')
    }, NOTICE_AFTER_MS)
    return await adoptOrStart(place, launcher, options.log).finally(() => clearTimeout(notice))
  } catch (error) {
    throw fileError(error, dataDir)
  }
}

async function adoptOrStart(place: Place, launcher: Launcher, log: Log | undefined): Promise<EmbeddedPostgres> {
  const password = await readPassword(place)
  const deadline = performance.now() + START_TIMEOUT_MS
  let preferredPort = await readPort(place)
  /* oxlint-disable no-await-in-loop -- one attempt after the other */
  while (performance.now() < deadline) {
    const running = await findRunning(place, password)
    if (typeof running === 'object') {
      return { url: databaseUrl({ port: running.port, password }), adopted: true, stop: async () => {} }
    }
    if (running === 'none') {
      const launch = await launcher.launch(await freePort(preferredPort))
      if (typeof launch === 'object') return own(launch, { launcher, password, log })
      if (launch === 'port taken') preferredPort = 0
    }
    await pause(POLL_MS)
  }
  /* oxlint-enable no-await-in-loop */
  throw new BaywireError(`the embedded database in ${place.directory} is neither running nor gone`, {
    advice: 'end the process named in the first line of `cluster/postmaster.pid` there',
  })
}

function own(
  server: Server,
  { launcher, password, log }: { launcher: Launcher; password: string; log: Log | undefined },
): EmbeddedPostgres {
  const { port } = server
  const supervision = supervise(server, () => launcher.relaunch(port), log)
  const stop = async () => {
    launcher.end()
    await supervision.stop()
  }
  return { url: databaseUrl({ port, password }), adopted: false, stop }
}
