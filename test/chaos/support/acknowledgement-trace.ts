import { packetType, readFrameHeader } from '../../../src/mqtt/frames.ts'
import type { AcknowledgedReading } from '../../e2e/support/acknowledged.ts'
import type { Tap } from './cable.ts'

const pubackType = 4

export interface TracedReading extends AcknowledgedReading {
  tenant: string
  /** When it was first acknowledged, in milliseconds. */
  at: number
}

/**
 * Watches a cable that MQTT passes through, and notes when each reading was acknowledged: at the PUBACK that has the
 * packet id of its PUBLISH, on the same connection.
 */
export class AcknowledgementTrace implements Tap {
  /** By `tenant device boot seq`. */
  readonly #acknowledged = new Map<string, TracedReading>()
  readonly onRequest: (link: number, bytes: Buffer) => void
  readonly onAnswer: (link: number, bytes: Buffer) => void
  readonly #splitters = { requests: new Map<number, Splitter>(), answers: new Map<number, Splitter>() }
  readonly #unacknowledged = new Map<string, { tenant: string; readings: readonly AcknowledgedReading[] }>()
  readonly #version: 4 | 5

  /** @param publishes whether readings are requests (from senders to us) or answers (from a broker to us) */
  constructor({ publishes, version }: { publishes: 'requests' | 'answers'; version: 4 | 5 }) {
    this.#version = version
    const [published, acknowledged] = [
      (link: number, { first, body }: Packet) => this.#published(link, first, body),
      (link: number, { body }: Packet) => this.#noteAcknowledged(link, body),
    ]
    const publishing = take(this.#splitters[publishes], packetType.publish, published)
    const acknowledging = take(
      this.#splitters[publishes === 'requests' ? 'answers' : 'requests'],
      pubackType,
      acknowledged,
    )
    ;[this.onRequest, this.onAnswer] =
      publishes === 'requests' ? [publishing, acknowledging] : [acknowledging, publishing]
  }

  #published(link: number, first: number, body: Buffer): void {
    const qos = (first >> 1) & 3
    if (qos !== 1) return
    const idAt = 2 + body.readUInt16BE(0)
    // MQTT 5 has properties between the id and the payload; those of readings are short.
    const payloadAt = idAt + 2 + (this.#version === 5 ? 1 + (body[idAt + 2] ?? 0) : 0)
    const [, , tenant = ''] = body.toString('utf8', 2, idAt).split('/')
    const { readings } = JSON.parse(body.toString('utf8', payloadAt)) as { readings: AcknowledgedReading[] }
    this.#unacknowledged.set(`${link} ${body.readUInt16BE(idAt)}`, { tenant, readings })
  }

  #noteAcknowledged(link: number, body: Buffer): void {
    const at = performance.now()
    const key = `${link} ${body.readUInt16BE(0)}`
    const { tenant = '', readings = [] } = this.#unacknowledged.get(key) ?? {}
    for (const { device, boot, seq } of readings) {
      const name = `${tenant} ${device} ${boot} ${seq}`
      if (!this.#acknowledged.has(name)) this.#acknowledged.set(name, { tenant, device, boot, seq, at })
    }
    this.#unacknowledged.delete(key)
  }

  of(tenant: string): TracedReading[] {
    return [...this.#acknowledged.values()].filter((reading) => reading.tenant === tenant)
  }
}

type Each = (link: number, packet: Packet) => void

/** Hands on the packets of one type. */
function take(splitters: Map<number, Splitter>, type: number, each: Each) {
  return (link: number, bytes: Buffer) => {
    const splitter = splitters.get(link) ?? new Splitter()
    splitters.set(link, splitter)
    for (const packet of splitter.push(bytes)) if (packet.first >> 4 === type) each(link, packet)
  }
}

interface Packet {
  /** Type and flags. */
  first: number
  body: Buffer
}

/** One direction of one connection, packet by packet. */
class Splitter {
  #waiting: Buffer = Buffer.alloc(0)

  push(bytes: Buffer): Packet[] {
    this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes])
    const packets: Packet[] = []
    let at = 0
    for (;;) {
      const header = readFrameHeader(this.#waiting, at)
      if (header === 'malformed') throw new Error('not MQTT')
      if (header === 'incomplete') break
      const end = at + header.headerBytes + header.bodyBytes
      if (end > this.#waiting.length) break
      packets.push({ first: this.#waiting[at] ?? 0, body: this.#waiting.subarray(at + header.headerBytes, end) })
      at = end
    }
    this.#waiting = this.#waiting.subarray(at)
    return packets
  }
}
