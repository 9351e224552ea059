import { setTimeout as pause } from 'node:timers/promises'
import { describeError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Launch, Server } from './server.ts'

const RESTART_PAUSE_MS = 500

/**
 * Starts the server again, on its port, when it ends without being told to (killed, out of memory), until
 * `stop`. It never gives up: connections are tried again by those who hold them, and meet it when it is back.
 */
export function supervise(
  first: Server,
  relaunch: () => Promise<Launch>,
  log: Log | undefined,
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const done = (async () => {
    let server: Server | undefined = first
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop
      if (server !== undefined) await Promise.race([server.ended, stopped])
      if (stopping.signal.aborted) return await server?.stop()
      log?.error('the embedded database ended unexpectedly and is started again')
      // oxlint-disable-next-line no-await-in-loop
      server = await tryRelaunch(relaunch, log)
      // oxlint-disable-next-line no-await-in-loop
      if (server === undefined) await Promise.race([pause(RESTART_PAUSE_MS, undefined, { ref: false }), stopped])
    }
  })()
  return {
    stop: async () => {
      stopping.abort()
      await done
    },
  }
}

async function tryRelaunch(relaunch: () => Promise<Launch>, log: Log | undefined): Promise<Server | undefined> {
  try {
    const launch = await relaunch()
    return typeof launch === 'object' ? launch : undefined
  } catch (error) {
    log?.error({ reason: describeError(error) }, 'the embedded database could not be started again')
    return undefined
  }
}
