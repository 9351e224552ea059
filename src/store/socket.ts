import { createConnection, type Socket } from 'node:net'
import { endWhenSilent } from './silence.ts'

interface SocketTarget {
  host: string[]
  port: number[]
  path: string | false | undefined
}

/**
 * Opens the socket that postgres.js talks through, because its own never calls setNoDelay: several small
 * writes would then wait for each other's delayed acknowledgement (tens of milliseconds each).
 *
 * A peer that accepts and closes without a word is turned into an error here; postgres.js would try again
 * for ever, without a pause. postgres.js times the connecting itself (`connect_timeout`), and takes the name
 * that a TLS certificate is checked against from `host`.
 *
 * @param silenceMs how long an answer may be owed, see `endWhenSilent`; over TLS, which postgres.js puts around the
 * socket afterwards, there is no such limit
 */
export function openSocket({ host, port, path }: SocketTarget, { silenceMs }: { silenceMs?: number } = {}): Socket {
  const address = { host: host[0] ?? 'localhost', port: port[0] ?? 5432 }
  const socket = path ? createConnection(path) : createConnection(address)
  socket.setNoDelay(true)
  if (silenceMs !== undefined) endWhenSilent(socket, silenceMs)
  socket.once('close', (hadError) => {
    if (hadError || socket.bytesRead > 0 || socket.listenerCount('error') === 0) return
    const closed = new Error('the connection was closed before the server said anything')
    socket.emit('error', Object.assign(closed, { code: 'ECONNRESET' }))
  })
  return path ? socket : Object.assign(socket, address)
}
