import type { Socket } from 'node:net'

/** Of messages to the server and, below, from it (protocol 3.0, 55.7); and what a Describe asks about. */
const request = { describe: 0x44, query: 0x51, sync: 0x53, statement: 0x53 } as const
const answer = { error: 0x45, parameterDescription: 0x74, ready: 0x5a } as const
const headerBytes = 5

/**
 * Ends a connection to Postgres that owes an answer and has said nothing for so long. Where packets are dropped without
 * a word (a firewall, a server that lost its power) TCP itself gives up after a quarter of an hour, and until then
 * whoever waits holds a connection of the pool. The server's own limit of a statement must be below `limitMs`.
 *
 * Owed is a ReadyForQuery for each Query and Sync, and a ParameterDescription for each statement that is described:
 * postgres.js waits for that before it goes on. Idle connections owe nothing. It writes whole messages.
 */
export function endWhenSilent(socket: Socket, limitMs: number): void {
  const owed = { ready: 0, described: 0 }
  const answers = new MessageTypes()
  // Node starts this time anew with whatever is read or written, but for once it is over.
  socket.setTimeout(limitMs)
  socket.on('timeout', () => {
    if (owed.ready + owed.described === 0) socket.setTimeout(limitMs)
    else socket.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }))
  })
  const write = socket.write.bind(socket) as (...parameters: unknown[]) => boolean
  socket.write = (...parameters: unknown[]) => {
    const [bytes] = parameters
    if (Buffer.isBuffer(bytes)) noteRequests(bytes, owed)
    return write(...parameters)
  }
  socket.on('data', (bytes: Buffer) => {
    for (const type of answers.read(bytes)) {
      // The one that ends the start-up was not asked for.
      if (type === answer.ready) owed.ready = Math.max(0, owed.ready - 1)
      else if (type === answer.parameterDescription) owed.described--
      else if (type === answer.error) owed.described = 0
    }
  })
}

/** Reads whole messages. The first of a connection has no type; it is timed as part of connecting. */
function noteRequests(bytes: Buffer, owed: { ready: number; described: number }): void {
  if (bytes[0] === 0) return
  for (let at = 0; at + headerBytes <= bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
    const type = bytes[at]
    if (type === request.query || type === request.sync) owed.ready++
    else if (type === request.describe && bytes[at + headerBytes] === request.statement) owed.described++
  }
}

/** The types of the messages in a stream, wherever it is cut into pieces. */
class MessageTypes {
  #skip = 0
  #header: Buffer = Buffer.alloc(0)

  read(piece: Buffer): number[] {
    const types: number[] = []
    const bytes = this.#header.length === 0 ? piece : Buffer.concat([this.#header, piece])
    let at = this.#skip
    while (at + headerBytes <= bytes.length) {
      types.push(bytes[at] ?? 0)
      at += 1 + bytes.readUInt32BE(at + 1)
    }
    this.#header = bytes.subarray(Math.min(at, bytes.length))
    this.#skip = Math.max(0, at - bytes.length)
    return types
  }
}
