import type { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'

/**
 * Resolves when what was written to a connection that has too much to send has left, or the connection is gone, and leaves no
 * listener behind. That one is gone is told in a later turn, which somebody who asks again and again must not keep from coming.
 */
export async function drained(connection: Pick<Writable, 'destroyed' | 'on' | 'off'>): Promise<void> {
  if (connection.destroyed) return await turn()
  await new Promise<void>((resolve) => {
    const done = () => {
      connection.off('drain', done)
      connection.off('close', done)
      resolve()
    }
    connection.on('drain', done)
    connection.on('close', done)
  })
}
