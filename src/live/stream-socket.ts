import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { z } from 'zod'
import { drained } from './drained.ts'
import type { Batch } from './event-body.ts'
import { readRoom } from './rooms.ts'
import type { EndReason, Reset, Sink } from './stream-sink.ts'
import type { Stream } from './stream.ts'

export interface SocketOptions {
  stuckMs: number
  /** The stream that this is the connection of. */
  stream: () => Stream
}

const mostRooms = 100
/** From one heartbeat to the next. */
const mostMessages = 200

/** RFC 6455, 7.4: those from 4000 on are ours, after the statuses of HTTP that mean the same. */
const closeCodes: Record<EndReason, number> = {
  stopping: 1001,
  expired: 4401,
  forbidden: 4403,
  too_slow: 4408,
  too_busy: 4429,
  full: 1013,
}

const message = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('subscribe'), room: z.string().max(64), since: z.string().max(200).optional() }),
  z.strictObject({ type: z.literal('unsubscribe'), room: z.string().max(64) }),
  z.strictObject({ type: z.literal('ping') }),
  z.strictObject({ type: z.literal('pong') }),
])

/** Messages of JSON on a WebSocket: what docs/live.md says. */
export class SocketSink implements Sink {
  readonly kind = 'ws'
  readonly #socket: WebSocket
  readonly #connection: Duplex
  readonly #stream: () => Stream
  /** Heartbeats since the other end was last heard. */
  #unanswered = 0
  #messages = 0

  constructor(socket: WebSocket, connection: Duplex, { stuckMs, stream }: SocketOptions) {
    this.#socket = socket
    this.#connection = connection
    this.#stream = stream
    if ('setTimeout' in connection && typeof connection.setTimeout === 'function') {
      connection.setTimeout(stuckMs, () => stream().gone('too_slow'))
    }
    socket.on('close', () => stream().gone())
    // Frames that are none, or too large: ws answers them with a close of its own.
    socket.on('error', () => {})
    socket.on('pong', () => (this.#unanswered = 0))
    socket.on('message', (data, isBinary) => this.#take(isBinary ? undefined : textOf(data)))
  }

  get unsentBytes(): number {
    return this.#socket.bufferedAmount
  }

  events(batch: Batch): void {
    for (const event of batch.events) this.#socket.send(event.message, { binary: false })
  }

  reset({ room, id, snapshotUrl }: Reset): void {
    this.#say({ type: 'reset', room, id, snapshot_url: snapshotUrl })
  }

  expiring(at: Date): void {
    this.#say({ type: 'session_expiring', expires_at: at.toISOString() })
  }

  caughtUp(id: string): void {
    this.#say({ type: 'live', id })
  }

  /** Browsers answer the ping of the protocol by themselves, so that nobody has to answer ours. */
  heartbeat(id: string | undefined): void {
    this.#messages = 0
    this.#unanswered += 1
    if (this.#unanswered > 3) return this.#stream().gone('too_slow')
    this.#socket.ping()
    this.#say(id === undefined ? { type: 'ping' } : { type: 'ping', id })
  }

  async drained(): Promise<void> {
    if (this.unsentBytes > 0) await drained(this.#connection)
  }

  end(reason: EndReason): void {
    this.#socket.close(closeCodes[reason], reason)
  }

  cut(): void {
    this.#socket.terminate()
  }

  #take(text: string | undefined): void {
    this.#unanswered = 0
    this.#messages += 1
    if (this.#messages > mostMessages) return this.#stream().end('too_busy')
    const parsed = message.safeParse(parse(text))
    if (!parsed.success) return this.#refuse('is no message that is known here: see docs/live.md')
    const said = parsed.data
    if (said.type === 'ping') return this.#say({ type: 'pong' })
    if (said.type === 'pong') return
    const room = readRoom(said.room)
    if (room === undefined) return this.#refuse('room: must be tenant, site:<id> or space:<id>', said.room)
    if (said.type === 'unsubscribe') {
      this.#stream().unsubscribe(room)
      return this.#say({ type: 'unsubscribed', room })
    }
    if (this.#stream().rooms >= mostRooms) return this.#refuse(`room: at most ${mostRooms} at a time`, room)
    this.#say({ type: 'subscribed', room })
    this.#stream().subscribe(room, said.since)
  }

  #refuse(detail: string, room?: string): void {
    this.#say({ type: 'error', detail, ...(room === undefined ? {} : { room }) })
  }

  #say(said: Record<string, unknown>): void {
    this.#socket.send(JSON.stringify(said))
  }
}

/** As one buffer: so ws hands messages over unless told otherwise. */
function textOf(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString('utf8') : ''
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}
