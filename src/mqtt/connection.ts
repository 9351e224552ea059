/**
 * One network connection to the embedded broker, between the socket and aedes. aedes buffers a packet of any
 * announced length, and reads on or not without regard to how many publishes are unacknowledged; so what
 * reaches it is decided here, packet by packet:
 * - a packet larger than the bound ends the connection before it is buffered;
 * - behind CONNECT everything waits until the client is known;
 * - at most `maxInFlight` publishes are unsettled, the rest waits in the socket.
 * PUBACKs are written here, past aedes, when their deliveries are acknowledged.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Principal } from './access.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { packetType, readFrameHeader, type FrameHeader } from './frames.ts'

export interface ConnectionLimits {
  connectBytes: number
  packetBytes: number
}

export class PacketTooLarge extends Error {
  override readonly name = 'PacketTooLarge'
}

const nothing: Buffer = Buffer.alloc(0)
/** More than a socket reads at once, so that an ordinary chunk does not stop it. */
const readableBytes = 131_072

export class Connection extends Duplex {
  /** Known once the client is authenticated. */
  principal: Principal | undefined
  /** Its rights ended while it was connected: not even its last will counts. */
  revoked = false
  /** Packet ids of QoS 2 publishes that are not settled. */
  readonly exactlyOnce = new Set<number>()
  readonly #socket: Socket
  readonly #limits: ConnectionLimits
  readonly #acknowledgements: Acknowledgements
  #waiting = nothing
  #bodyLeft = 0
  #state: 'new' | 'connecting' | 'open' = 'new'
  #maxInFlight = 0
  #inFlight = 0
  #held = false
  #full = false
  #ended = false
  #finished = false
  #pumpScheduled = false

  constructor(socket: Socket, limits: ConnectionLimits) {
    super({ readableHighWaterMark: readableBytes })
    this.#socket = socket
    this.#limits = limits
    this.#acknowledgements = new Acknowledgements((packets) => {
      if (!socket.destroyed) socket.write(packets)
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk])
      this.#pump()
    })
    socket.on('end', () => {
      this.#ended = true
      this.#pump()
    })
    socket.on('drain', () => this.#pump())
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  /** The client is known: from here on `maxInFlight` publishes may be unsettled. */
  open(maxInFlight: number): void {
    this.#state = 'open'
    this.#maxInFlight = maxInFlight
    this.#pump()
  }

  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.#pump()
  }

  /** A publish that came in is done with, acknowledged or not: another one may come in. */
  settle(): void {
    this.#inFlight--
    if (this.#pumpScheduled) return
    this.#pumpScheduled = true
    queueMicrotask(() => {
      this.#pumpScheduled = false
      this.#pump()
    })
  }

  acknowledge(messageId: number): void {
    this.#acknowledgements.add(messageId)
  }

  /** Hands on as many bytes as the rules above allow, and reads on only when nothing had to wait for a rule. */
  #pump(): void {
    if (this.destroyed || this.#finished) return
    const scan = this.#scan()
    if (scan.problem !== undefined) {
      this.destroy(scan.problem)
      return
    }
    if (scan.bytes > 0) {
      const allowed = this.#waiting.subarray(0, scan.bytes)
      this.#waiting = this.#waiting.length === scan.bytes ? nothing : this.#waiting.subarray(scan.bytes)
      this.#full = !this.push(allowed)
    }
    if (this.#ended && !scan.blocked) {
      this.#finished = true
      this.push(null)
    } else if (this.#full || scan.blocked) this.#socket.pause()
    else this.#socket.resume()
  }

  /** How many of the waiting bytes may go on; `blocked` when the packet behind them has to wait. */
  #scan(): { bytes: number; blocked: boolean; problem?: Error } {
    let at = 0
    while (at < this.#waiting.length) {
      if (this.#bodyLeft > 0) {
        const part = Math.min(this.#bodyLeft, this.#waiting.length - at)
        this.#bodyLeft -= part
        at += part
        continue
      }
      const header = readFrameHeader(this.#waiting, at)
      if (header === 'incomplete') break
      const problem = this.#problem(header)
      if (problem !== undefined) return { bytes: at, blocked: false, problem }
      if (header === 'malformed') break
      if (!this.#admits(header.type)) return { bytes: at, blocked: true }
      at += header.headerBytes
      this.#bodyLeft = header.bodyBytes
    }
    return { bytes: at, blocked: this.#socket.writableNeedDrain }
  }

  #problem(header: FrameHeader | 'malformed'): Error | undefined {
    if (header === 'malformed') return new Error('remaining length without an end')
    const first = this.#state === 'new'
    if (first && header.type !== packetType.connect) return new Error('CONNECT comes first')
    return header.bodyBytes > this.#limits[first ? 'connectBytes' : 'packetBytes'] ? new PacketTooLarge() : undefined
  }

  /** Whether the next packet may go on now; counts it when it does. */
  #admits(type: number): boolean {
    if (this.#state === 'connecting' || this.#socket.writableNeedDrain) return false
    if (this.#state === 'new') this.#state = 'connecting'
    if (type !== packetType.publish) return true
    if (this.#held || this.#inFlight >= this.#maxInFlight) return false
    this.#inFlight++
    return true
  }

  override _read(): void {
    if (!this.#full) return
    this.#full = false
    this.#pump()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#acknowledgements.flush()
    this.#socket.destroy()
    this.#waiting = nothing
    done(error)
  }
}
