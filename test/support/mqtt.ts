import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Delivery, Receiver, RefusalReason } from '../../src/mqtt/delivery.ts'

/** Lets a test wait until something is as it should be; the test's own time limit ends a vain wait. */
export class Changes {
  readonly #checks = new Set<() => void>()

  happened(): void {
    for (const check of this.#checks) check()
  }

  async until(condition: () => boolean): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve) => {
      const check = () => {
        if (!condition()) return
        this.#checks.delete(check)
        resolve()
      }
      this.#checks.add(check)
    })
  }
}

/** Keeps what a door hands over. */
export class RecordingReceiver implements Receiver {
  readonly deliveries: Delivery[] = []
  readonly refusals: RefusalReason[] = []
  onDelivery: ((delivery: Delivery) => void) | undefined
  readonly #changes = new Changes()

  receive(delivery: Delivery): void {
    this.deliveries.push(delivery)
    this.onDelivery?.(delivery)
    this.#changes.happened()
  }

  refuse(reason: RefusalReason): void {
    this.refusals.push(reason)
    this.#changes.happened()
  }

  payloads(): string[] {
    return this.deliveries.map(({ payload }) => payload.toString())
  }

  until(condition: () => boolean): Promise<void> {
    return this.#changes.until(condition)
  }
}

/** A client that says exactly the bytes it is told to. */
export class RawClient {
  readonly #socket: Socket
  readonly #changes = new Changes()
  #received = Buffer.alloc(0)
  #closed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#changes.happened()
    })
    socket.on('close', () => {
      this.#closed = true
      this.#changes.happened()
    })
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port })
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  get received(): Buffer {
    return this.#received
  }

  send(...packets: Buffer[]): void {
    this.#socket.write(Buffer.concat(packets))
  }

  /** Everything received so far, once it is so many bytes. */
  async receive(bytes: number): Promise<Buffer> {
    await this.#changes.until(() => this.#closed || this.#received.length >= bytes)
    if (this.#received.length < bytes) throw new Error(`closed after ${this.#received.toString('hex')}`)
    return this.#received
  }

  closed(): Promise<void> {
    return this.#changes.until(() => this.#closed)
  }

  /** Reads nothing until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

function packet(first: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length: number[] = []
  let rest = body.length
  do {
    length.push((rest % 128) + (rest >= 128 ? 128 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

export interface ConnectParts {
  username: string
  secret: string
  clientId?: string
  keepalive?: number
  clean?: boolean
  will?: { topic: string; payload: string; retain?: boolean }
}

export function connectPacket({
  username,
  secret,
  clientId = username,
  keepalive = 60,
  clean = true,
  will,
}: ConnectParts): Buffer {
  const flags = 0xc0 | (clean ? 0x02 : 0) | (will === undefined ? 0 : 0x04 | 0x08 | (will.retain === true ? 0x20 : 0))
  const willParts = will === undefined ? [] : [text(will.topic), text(will.payload)]
  return packet(
    0x10,
    Buffer.from([0, 4, ...Buffer.from('MQTT'), 4, flags, keepalive >> 8, keepalive & 0xff]),
    text(clientId),
    ...willParts,
    text(username),
    text(secret),
  )
}

export interface PublishParts {
  topic: string
  payload: string | Buffer
  id?: number
  qos?: 0 | 1 | 2
  retain?: boolean
  duplicate?: boolean
}

export function publishPacket({ topic, payload, id = 1, qos = 1, retain, duplicate }: PublishParts): Buffer {
  const first = 0x30 | (qos << 1) | (retain === true ? 1 : 0) | (duplicate === true ? 8 : 0)
  const idBytes = qos === 0 ? Buffer.alloc(0) : Buffer.from([id >> 8, id & 0xff])
  return packet(first, text(topic), idBytes, Buffer.from(payload))
}

export function pubrelPacket(id: number): Buffer {
  return Buffer.from([0x62, 2, id >> 8, id & 0xff])
}

export function subscribePacket(filters: string[], id = 1): Buffer {
  return packet(
    0x82,
    Buffer.from([id >> 8, id & 0xff]),
    ...filters.flatMap((filter) => [text(filter), Buffer.from([1])]),
  )
}

export const pingPacket = Buffer.from([0xc0, 0])
export const disconnectPacket = Buffer.from([0xe0, 0])
export const connected = Buffer.from([0x20, 2, 0, 0])
