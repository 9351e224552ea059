/**
 * One network connection to an external broker, between the socket and mqtt.js: PUBLISH packets are taken out of it and
 * handed over here, all others pass. mqtt.js would hand over one packet at a time, through several objects and turns of
 * the event loop each, and acknowledge what has not been committed.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { packetType, readFrameHeader, readPublish, type Publish } from './frames.ts'

const nothing: Buffer = Buffer.alloc(0)

export class Incoming extends Duplex {
  readonly #socket: Socket
  readonly #onPublish: (publish: Publish) => void
  /** What has come and is not handed over yet, and how many bytes the first packet of it has, where that is known. */
  #parts: Buffer[] = []
  #bytes = 0
  #needed = 0
  #held = false
  #scanning = false

  constructor(socket: Socket, onPublish: (publish: Publish) => void) {
    super()
    this.#socket = socket
    this.#onPublish = onPublish
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  /** Hands nothing over until `release`; from the first that waits, nothing more is taken from the socket. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    if (!this.#scanning) this.#take(nothing)
    if (!this.#held) this.#socket.resume()
  }

  #take(chunk: Buffer): void {
    if (chunk.length > 0) this.#parts.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < this.#needed) return
    const bytes = this.#parts.length === 1 ? (this.#parts[0] ?? nothing) : Buffer.concat(this.#parts)
    this.#scanning = true
    const left = bytes.subarray(this.#scan(bytes))
    this.#scanning = false
    this.#parts = left.length === 0 ? [] : [left]
    this.#bytes = left.length
  }

  /** Hands over or on the packets that are complete; answers where the rest begins. */
  #scan(bytes: Buffer): number {
    let at = 0
    let handedOn = 0
    this.#needed = 0
    while (at < bytes.length && !this.destroyed) {
      const header = readFrameHeader(bytes, at)
      if (header === 'incomplete') break
      if (header === 'malformed') return this.#fail(bytes, 'remaining length without an end')
      const packetBytes = header.headerBytes + header.bodyBytes
      if (at + packetBytes > bytes.length) {
        this.#needed = packetBytes
        break
      }
      if (header.type === packetType.publish) {
        if (this.#held) {
          this.#socket.pause()
          break
        }
        if (handedOn < at) this.push(bytes.subarray(handedOn, at))
        const publish = readPublish(bytes, { at, header, version: '5' })
        if (publish === 'malformed') return this.#fail(bytes, 'malformed PUBLISH')
        handedOn = at + packetBytes
        this.#onPublish(publish)
      }
      at += packetBytes
    }
    if (handedOn < at) this.push(bytes.subarray(handedOn, at))
    return at
  }

  #fail({ length }: Buffer, problem: string): number {
    this.destroy(Object.assign(new Error(`the broker sent what is not MQTT: ${problem}`), { code: 'EPROTO_MQTT' }))
    return length
  }

  override _read(): void {
    // Of what is not PUBLISH there is little: it is handed on as it comes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  /** mqtt.js writes a packet in pieces and keeps them together: they go out in one. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    this.#parts = []
    done(error)
  }
}
