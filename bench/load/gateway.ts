import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connectPacket, Sensors, type Login, type SensorsOptions } from './sensors.ts'

export interface Gateway extends Login, SensorsOptions {}

export interface GatewayOptions {
  port: number
  /** Most readings that are sent and not acknowledged. */
  window: number
  /** In milliseconds of `performance.now()`. */
  onAcknowledged: (dueAt: number, now: number) => void
  /** Called once per chunk of acknowledgements, when there is room again. */
  onRoom: (gateway: GatewayConnection) => void
}

const connack = Buffer.from([0x20, 2, 0, 0])
const pubackBytes = 4

/** One connection of a gateway: MQTT 3.1.1 by hand, pipelined, many readings in flight. */
export class GatewayConnection {
  published = 0
  acknowledged = 0
  readonly #socket: Socket
  readonly #sensors: Sensors
  readonly #options: GatewayOptions
  readonly #freeIds: number[]
  /** When the reading of a packet id was due, in milliseconds of `performance.now()`. */
  readonly #dueAt: Float64Array
  #received: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket, sensors: Sensors, options: GatewayOptions) {
    this.#socket = socket
    this.#sensors = sensors
    this.#options = options
    this.#freeIds = Array.from({ length: options.window }, (_, index) => index + 1)
    this.#dueAt = new Float64Array(options.window + 1)
  }

  static async open(gateway: Gateway, options: GatewayOptions): Promise<GatewayConnection> {
    const socket = connect({ host: '127.0.0.1', port: options.port, noDelay: true })
    await once(socket, 'connect')
    socket.write(connectPacket(gateway))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    if (!answer.equals(connack)) throw new Error(`${gateway.username} was refused: ${answer.toString('hex')}`)
    const connection = new GatewayConnection(socket, new Sensors(gateway), options)
    socket.on('data', (chunk: Buffer) => connection.#receive(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      throw new Error(`${gateway.username} was disconnected`)
    })
    return connection
  }

  get room(): number {
    return this.#freeIds.length
  }

  /**
   * Sends `count` readings, at most as many as there is room for. When they were due is also the time that they say
   * they were read at: a wait in here is not hidden.
   */
  send(count: number, dueAt: number): void {
    const { packetBytes } = this.#sensors
    const packets = Buffer.allocUnsafe(count * packetBytes)
    const nowMs = Math.floor(Date.now() - (performance.now() - dueAt))
    for (let index = 0; index < count; index++) {
      const packetId = this.#freeIds.pop() as number
      this.#dueAt[packetId] = dueAt
      this.#sensors.write(packets, index * packetBytes, { packetId, nowMs })
    }
    this.published += count
    this.#socket.write(packets)
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    const whole = bytes.length - (bytes.length % pubackBytes)
    this.#received = bytes.subarray(whole)
    const now = performance.now()
    for (let at = 0; at < whole; at += pubackBytes) {
      if (bytes[at] !== 0x40) throw new Error(`not a PUBACK: ${bytes.toString('hex', at, at + pubackBytes)}`)
      const packetId = bytes.readUInt16BE(at + 2)
      this.#freeIds.push(packetId)
      this.#options.onAcknowledged(this.#dueAt[packetId] ?? now, now)
    }
    this.acknowledged += whole / pubackBytes
    this.#options.onRoom(this)
  }
}
