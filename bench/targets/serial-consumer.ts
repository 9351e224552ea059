/** The peer, written as it would be by hand. It knows nothing of Baywire, and of this benchmark only how to be started. */
import { connectAsync } from 'mqtt'
import postgres from 'postgres'
import { answerOrders } from '../helper.ts'

export interface SerialOptions {
  mqttUrl: string
  databaseUrl: string
  clientId: string
  devices: readonly string[]
}

interface Reading {
  device: string
  occupied: boolean
  at: string
  seq: number
}

answerOrders(async ({ mqttUrl, databaseUrl, clientId, devices }: SerialOptions) => {
  const sql = postgres(databaseUrl, { max: 1 })
  await sql`INSERT INTO serial_spaces (device) SELECT jsonb_array_elements_text(${sql.json([...devices])})`
  const client = await connectAsync(mqttUrl, { clientId, clean: false })

  const take = async (payload: Buffer) => {
    const { readings } = JSON.parse(payload.toString()) as { readings: [Reading] }
    const [reading] = readings
    const { device, occupied, at, seq } = reading
    await sql`
      INSERT INTO serial_readings (device, occupied, at, seq, payload)
      VALUES (${device}, ${occupied}, ${at}, ${seq}, ${sql.json({ ...reading })})`
    await sql`
      UPDATE serial_spaces SET occupied = ${occupied}, at = ${at}, seq = ${seq}
      WHERE device = ${device} AND (at IS NULL OR at < ${at})`
  }

  // The PUBACK leaves when this calls back; mqtt.js hands over the next message only then.
  client.handleMessage = (packet, acknowledge) => {
    take(Buffer.from(packet.payload)).then(() => acknowledge(), acknowledge)
  }
  await client.subscribeAsync('parking/v1/+/gateways/+/readings', { qos: 1 })
  return null
})
