/**
 * The readings of one gateway's sensors as finished MQTT packets. Each sensor has one PUBLISH of fixed length, into
 * which only what changes is written: so a reading costs its generator well below a microsecond, and what is measured
 * is whoever takes it.
 */
export interface SensorsOptions {
  topic: string
  devices: readonly string[]
  /** Session of the counters, in epoch seconds: unlike that of any earlier run. */
  boot: number
}

/** One reading in five changes the state of its space. */
const readingsPerChange = 5
/** So that the counter keeps its seven digits: JSON knows no leading zeros. */
const firstSeq = 1_000_000
const idLength = 2

interface Sensor {
  packet: Buffer
  sent: number
  lastAtMs: number
}

export class Sensors {
  /** Of every packet. */
  readonly packetBytes: number
  /** Where the payload begins in every packet. */
  readonly payloadAt: number
  readonly #sensors: Sensor[]
  readonly #places: { id: number; occupied: number; time: number; seq: number; kind: number }
  #next = 0
  #timeMs = 0
  #time = ''

  constructor({ topic, devices, boot }: SensorsOptions) {
    this.#sensors = devices.map((device, index) => {
      // Out of step with each other, so that changes are spread evenly.
      return { packet: publishPacket(topic, payloadOf(device, boot)), sent: index % readingsPerChange, lastAtMs: 0 }
    })
    const lengths = new Set(this.#sensors.map(({ packet }) => packet.length))
    const [first] = this.#sensors
    if (first === undefined || lengths.size !== 1) throw new Error('codes of one gateway must have one length')
    this.packetBytes = first.packet.length
    this.payloadAt = first.packet.indexOf('{"readings":')
    const after = (part: string) => first.packet.indexOf(part) + part.length
    this.#places = {
      id: after(topic),
      occupied: after('"occupied":'),
      time: after('"at":"'),
      seq: after('"seq":'),
      kind: after('"kind":'),
    }
  }

  /** Writes the next sensor's next reading: its own time always goes forward, as its counter does. */
  write(target: Buffer, offset: number, { packetId, nowMs }: { packetId: number; nowMs: number }): void {
    const sensor = this.#sensors[this.#next] as Sensor
    this.#next = (this.#next + 1) % this.#sensors.length
    const { packet } = sensor
    const turn = sensor.sent++
    sensor.lastAtMs = Math.max(nowMs, sensor.lastAtMs + 1)
    const places = this.#places
    packet.writeUInt16BE(packetId, places.id)
    packet.write(Math.floor(turn / readingsPerChange) % 2 === 0 ? 'false' : 'true ', places.occupied, 'latin1')
    packet.write(this.#rfc3339(sensor.lastAtMs), places.time, 'latin1')
    packet.write(String(firstSeq + turn), places.seq, 'latin1')
    packet.write(turn % readingsPerChange === 0 ? '"change"   ' : '"heartbeat"', places.kind, 'latin1')
    packet.copy(target, offset)
  }

  #rfc3339(timeMs: number): string {
    if (timeMs !== this.#timeMs) {
      this.#timeMs = timeMs
      this.#time = new Date(timeMs).toISOString()
    }
    return this.#time
  }
}

function payloadOf(device: string, boot: number): string {
  const occupied = false
  const at = new Date(0).toISOString()
  const rest = { kind: 'heartbeat', battery: 87, rssi: -71, temperature: 11.5, firmware: '2.4.1' }
  return JSON.stringify({ readings: [{ device, occupied, at, seq: firstSeq, boot, ...rest }] })
}

/** QoS 1 (MQTT 3.1.1, 3.3). */
function publishPacket(topic: string, payload: string): Buffer {
  const body = Buffer.concat([text(topic), Buffer.alloc(idLength), Buffer.from(payload)])
  return Buffer.concat([Buffer.from([0x32, ...remainingLength(body.length)]), body])
}

export interface Login {
  username: string
  secret: string
}

/** With the user name as client id, and no keep alive (MQTT 3.1.1, 3.1). */
export function connectPacket({ username, secret }: Login): Buffer {
  const header = Buffer.from([...text('MQTT'), 4, 0xc2, 0, 0])
  const body = Buffer.concat([header, text(username), text(username), text(secret)])
  return Buffer.concat([Buffer.from([0x10, ...remainingLength(body.length)]), body])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

function remainingLength(length: number): number[] {
  return length < 128 ? [length] : [(length & 0x7f) | 0x80, ...remainingLength(length >> 7)]
}
