import { connect, type ConnectOptions } from './client.ts'

export interface Listener {
  close(): Promise<void>
}

/** How long a close waits, in seconds. */
const closeTimeoutS = 1

/**
 * Calls `onNotify` with what each NOTIFY on the channel says, and with nothing whenever listening began (anew): what was
 * said before went unheard. A lost connection is made again, in its own time: whoever must not miss anything asks from time to time too.
 */
export function listen(
  options: Omit<ConnectOptions, 'max'>,
  { channel, onNotify }: { channel: string; onNotify: (payload?: string) => void },
): Listener {
  const sql = connect({ ...options, max: 1 })
  // postgres.js tries again by itself after a connection was lost, and before the first one too.
  sql.listen(channel, onNotify, () => onNotify()).catch(() => {})
  return { close: () => sql.end({ timeout: closeTimeoutS }) }
}
