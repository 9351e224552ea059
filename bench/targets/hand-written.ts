/** The peer, written as it would be by hand. It knows nothing of Baywire, and of this benchmark only how to be started. */
import { connectAsync, type MqttClient } from 'mqtt'
import postgres from 'postgres'
import { answerOrders } from '../helper.ts'

export interface HandWrittenOptions {
  mqttUrl: string
  filter: string
  databaseUrl: string
  /** Prefix of its tables, and its client id. */
  name: string
  /** Readings that are written at the same time. */
  atOnce: number
}

interface Reading {
  device: string
  occupied: boolean
  at: string
  seq: number
}

type Take = (payload: Buffer) => Promise<void>

/** Connections to the database, which has room for a hundred; what is more at once goes behind, pipelined. */
const mostConnections = 25

answerOrders(async ({ mqttUrl, filter, databaseUrl, name, atOnce }: HandWrittenOptions) => {
  const sql = postgres(databaseUrl, { max: Math.min(atOnce, mostConnections) })
  const [log, states] = [sql(`${name}_readings`), sql(`${name}_spaces`)]

  const take = async (payload: Buffer) => {
    const { readings } = JSON.parse(payload.toString()) as { readings: [Reading] }
    const [reading] = readings
    const { device, occupied, at, seq } = reading
    await sql`
      INSERT INTO ${log} (device, occupied, at, seq, payload)
      VALUES (${device}, ${occupied}, ${at}, ${seq}, ${sql.json({ ...reading })})`
    await sql`
      UPDATE ${states} SET occupied = ${occupied}, at = ${at}, seq = ${seq}
      WHERE device = ${device} AND (at IS NULL OR at < ${at})`
  }

  const client = await connectAsync(mqttUrl, { clientId: name, clean: false })
  if (atOnce === 1) serially(client, take)
  else concurrently(client, { take, atOnce })
  await client.subscribeAsync(filter, { qos: 1 })
  return null
})

/** Right, and slow: the PUBACK leaves when this calls back, and mqtt.js hands over the next message only then. */
function serially(client: MqttClient, take: Take): void {
  client.handleMessage = (packet, acknowledge) => {
    take(Buffer.from(packet.payload)).then(() => acknowledge(), acknowledge)
  }
}

/** Faster, and wrong: mqtt.js acknowledges before anything is written, so what waits here is lost with the process. */
function concurrently(client: MqttClient, { take, atOnce }: { take: Take; atOnce: number }): void {
  const waiting: Buffer[] = []
  let working = 0
  const work = async () => {
    working++
    for (let payload = waiting.shift(); payload !== undefined; payload = waiting.shift()) {
      // oxlint-disable-next-line no-await-in-loop -- each of these loops takes one at a time
      await take(payload)
    }
    working--
  }
  client.on('message', (_topic, payload) => {
    waiting.push(payload)
    if (working < atOnce) void work()
  })
}
