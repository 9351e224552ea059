/**
 * One network connection to the embedded broker, between the socket and aedes. aedes buffers a packet of any
 * announced length, and reads on or not without regard to how many publishes are unacknowledged; so what
 * reaches it is decided here, packet by packet:
 * - a packet larger than the bound ends the connection before it is buffered; a publish that is too large is let pass
 *   by, byte for byte, and acknowledged without effect, since its sender would only send it again and again;
 * - behind CONNECT everything waits until the client is known;
 * - what aedes has nothing to do with (readings, acks) is handed over here and never reaches it;
 * - at most `inFlight` publishes are unsettled, and what a client may send at will comes at its rate; the rest waits
 *   in the socket.
 * PUBACKs are written here, past aedes, when their deliveries are acknowledged.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Identity } from './access.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { packetType, readFrameHeader, readPublish, readPublishHead, type FrameHeader, type Publish } from './frames.ts'
import { TokenBucket, type Rate } from './token-bucket.ts'

export interface ConnectionLimits {
  connectBytes: number
  packetBytes: number
}

/** What one client may send. */
export interface Allowance {
  rate: Rate
  /** Publishes that may be unsettled. */
  inFlight: number
}

/** Takes a publish in place of aedes, or answers false. */
export type TakePublish = (publish: Publish) => boolean

interface ConnectionOptions {
  limits: ConnectionLimits
  /** Milliseconds of a clock that only goes forward. */
  now: () => number
  /** Told of each publish that was too large. */
  onTooLarge: () => void
}

export class PacketTooLarge extends Error {
  override readonly name = 'PacketTooLarge'
}

const nothing: Buffer = Buffer.alloc(0)
/** More than a socket reads at once, so that an ordinary chunk does not stop it. */
const readableBytes = 131_072
/** What may wait for a client that reads slowly. */
const writableBytes = 1_048_576
/** Pieces of a packet that are kept apart: of one byte each they would take much more than the packet. */
const mostParts = 256
/** A publish larger than this is not worth receiving only to be refused. */
const mostPassedByBytes = 4_194_304
/** What a client sends at will; the rest are answers, which the broker asked for. */
const atWill = new Set<number>([packetType.publish, packetType.subscribe, packetType.unsubscribe, packetType.ping])

export class Connection extends Duplex {
  /** Known once the client is authenticated. */
  identity: Identity | undefined
  /** As the socket had it, which forgets it when it is closed. */
  readonly address: string
  /** Its rights ended while it was connected: not even its last will counts. */
  revoked = false
  /** Topics whose newest state it is to be sent when it has read what it was sent before. */
  readonly owed = new Set<string>()
  /** Packet ids of QoS 2 publishes that are not settled. */
  readonly exactlyOnce = new Set<number>()
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #acknowledgements: Acknowledgements
  #take: TakePublish = () => false
  /** What has come and was not handed on, its bytes, and how many the next packet takes, where it must be there in whole. */
  #parts: Buffer[] = []
  #bytes = 0
  #needed = 0
  /** Of a packet that goes on, and of one that is passed by. */
  #bodyLeft = 0
  #passByLeft = 0
  #state: 'new' | 'connecting' | 'open' = 'new'
  #bucket: TokenBucket | undefined
  #tokenTimer: NodeJS.Timeout | undefined
  #maxInFlight = 0
  #inFlight = 0
  #held = false
  #full = false
  #ended = false
  #finished = false
  #scanning = false
  #pumpScheduled = false

  constructor(socket: Socket, options: ConnectionOptions) {
    super({ readableHighWaterMark: readableBytes, writableHighWaterMark: writableBytes })
    this.#socket = socket
    this.#options = options
    this.address = socket.remoteAddress ?? ''
    this.#acknowledgements = new Acknowledgements((packets) => {
      if (!socket.destroyed) socket.write(packets)
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#parts.push(chunk)
      this.#bytes += chunk.length
      if (this.#parts.length > mostParts) this.#keep(this.#gather())
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

  /** Whether a CONNECT has begun to arrive in whole. */
  get introduced(): boolean {
    return this.#state !== 'new'
  }

  /** The client is known: from here on it may send so much, and its publishes are offered to `take` first. */
  open(allowance: Allowance, take: TakePublish): void {
    this.#state = 'open'
    this.#take = take
    this.allow(allowance)
  }

  /** From now on it may send so much. */
  allow({ rate, inFlight }: Allowance): void {
    const now = this.#options.now()
    if (this.#bucket === undefined) this.#bucket = new TokenBucket(rate, now)
    else this.#bucket.change(rate, now)
    this.#maxInFlight = inFlight
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
    if (this.destroyed || this.#finished || this.#scanning) return
    if (this.#bytes < this.#needed && !this.#ended) {
      if (!this.#full) this.#socket.resume()
      return
    }
    const waiting = this.#passBy(this.#gather())
    this.#scanning = true
    const scan = this.#scan(waiting)
    this.#scanning = false
    if (this.destroyed) return
    if (scan.problem !== undefined) {
      this.destroy(scan.problem)
      return
    }
    this.#handOn(waiting.subarray(scan.takenTo, scan.at))
    this.#keep(waiting.subarray(scan.at))
    this.#needed = scan.needed ?? 0
    if (scan.tooLarge !== undefined) this.#refuse(scan.tooLarge)
    else if (this.#ended && !scan.blocked) {
      this.#finished = true
      this.push(null)
    } else if (this.#full || scan.blocked) this.#socket.pause()
    else this.#socket.resume()
  }

  #gather(): Buffer {
    return this.#parts.length === 1 ? (this.#parts[0] ?? nothing) : Buffer.concat(this.#parts)
  }

  #keep(bytes: Buffer): void {
    this.#parts = bytes.length === 0 ? [] : [bytes]
    this.#bytes = bytes.length
  }

  #handOn(bytes: Buffer): void {
    if (bytes.length > 0) this.#full = !this.push(bytes)
  }

  /** How many of the waiting bytes may go on; `blocked` when the packet behind them has to wait. */
  #scan(waiting: Buffer): Scan {
    if (waiting.length > 0) this.#bucket?.refill(this.#options.now())
    let at = 0
    let takenTo = 0
    while (at < waiting.length && !this.destroyed) {
      if (this.#bodyLeft > 0) {
        const part = Math.min(this.#bodyLeft, waiting.length - at)
        this.#bodyLeft -= part
        at += part
        continue
      }
      const header = readFrameHeader(waiting, at)
      if (header === 'incomplete') break
      if (header === 'malformed') return { at, takenTo, problem: new Error('remaining length without an end') }
      if (this.#isTooLarge(header)) return this.#scanTooLarge(waiting, { at, takenTo, header })
      if (this.#state === 'new' && header.type !== packetType.connect) {
        return { at, takenTo, problem: new Error('CONNECT comes first') }
      }
      const end = at + header.headerBytes + header.bodyBytes
      const isPublish = this.#state === 'open' && header.type === packetType.publish
      // Whether aedes has to do with it, its topic says.
      if (isPublish && end > waiting.length) return { at, takenTo, needed: end - at }
      if (!this.#admits(header.type)) return { at, takenTo, blocked: true }
      if (isPublish && this.#isTaken(waiting, { at, takenTo, header })) takenTo = at = end
      else {
        at += header.headerBytes
        this.#bodyLeft = header.bodyBytes
      }
    }
    return { at, takenTo, blocked: this.#socket.writableNeedDrain }
  }

  /** Whether a publish was taken. What stands before it goes on to aedes, which reads it at some later moment. */
  #isTaken(waiting: Buffer, { at, takenTo, header }: Found): boolean {
    const publish = readPublish(waiting, { at, header, version: '3.1.1' })
    if (publish === 'malformed' || !this.#take(publish)) return false
    this.#handOn(waiting.subarray(takenTo, at))
    return true
  }

  #isTooLarge({ bodyBytes }: FrameHeader): boolean {
    const { connectBytes, packetBytes } = this.#options.limits
    return bodyBytes > (this.#state === 'new' ? connectBytes : packetBytes)
  }

  /** A publish of QoS 0 or 1 may pass by; QoS 2 has a handshake that would have to be remembered for it. */
  #scanTooLarge(waiting: Buffer, { at, takenTo, header }: Found): Scan {
    if (this.#state === 'connecting') return { at, takenTo, blocked: true }
    const mayPass = this.#state === 'open' && header.bodyBytes <= mostPassedByBytes
    const head = mayPass ? readPublishHead(waiting, at, header) : 'malformed'
    if (head === 'incomplete') return { at, takenTo }
    if (head === 'malformed' || head.qos > 1) return { at, takenTo, problem: new PacketTooLarge() }
    if (!this.#admits(header.type)) return { at, takenTo, blocked: true }
    return { at, takenTo, tooLarge: { ...header, messageId: head.messageId } }
  }

  /** What is left of it is passed by as it arrives. */
  #refuse({ headerBytes, bodyBytes, messageId }: TooLarge): void {
    this.#passByLeft = headerBytes + bodyBytes
    this.#options.onTooLarge()
    if (messageId !== undefined) this.acknowledge(messageId)
    // Pumps again, since behind it there may be others.
    this.settle()
    this.#keep(this.#passBy(this.#gather()))
    if (!this.#full) this.#socket.resume()
  }

  #passBy(waiting: Buffer): Buffer {
    const bytes = Math.min(this.#passByLeft, waiting.length)
    this.#passByLeft -= bytes
    return bytes === 0 ? waiting : waiting.subarray(bytes)
  }

  /** Whether the next packet may go on now; counts it when it does. */
  #admits(type: number): boolean {
    if (this.#state === 'connecting' || this.#socket.writableNeedDrain) return false
    if (this.#state === 'new') this.#state = 'connecting'
    if (!atWill.has(type)) return true
    if (type !== packetType.publish) return this.#takeToken()
    if (this.#held || this.#inFlight >= this.#maxInFlight || !this.#takeToken()) return false
    this.#inFlight++
    return true
  }

  #takeToken(): boolean {
    const bucket = this.#bucket
    if (bucket === undefined || bucket.take()) return true
    this.#tokenTimer ??= setTimeout(() => {
      this.#tokenTimer = undefined
      this.#pump()
    }, Math.ceil(bucket.waitMs()))
    return false
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
    clearTimeout(this.#tokenTimer)
    this.#acknowledgements.flush()
    this.#socket.destroy()
    this.#keep(nothing)
    done(error)
  }
}

interface TooLarge {
  headerBytes: number
  bodyBytes: number
  /** Of QoS 1. */
  messageId: number | undefined
}

/** A packet at `at`; what is before `takenTo` was taken in place of aedes. */
interface Found {
  at: number
  takenTo: number
  header: FrameHeader
}

interface Scan extends Omit<Found, 'header'> {
  /** The packet at `at` has to wait for a rule. */
  blocked?: boolean
  /** Or for the rest of it: so many bytes from there on. */
  needed?: number
  problem?: Error
  /** A publish behind those bytes that is to be refused. */
  tooLarge?: TooLarge
}
