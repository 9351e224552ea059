/**
 * A consumer that does nothing, as cheaply as mqtt.js can: MQTT 5, called back with an error so that it sends no PUBACK
 * of its own, and all PUBACKs of some milliseconds in one buffer, as after a commit.
 */
import { connectAsync } from 'mqtt'
import { answerOrders } from '../helper.ts'

export interface SubscriberOptions {
  mqttUrl: string
  filter: string
  receiveMaximum: number
}

/** How many messages it has acknowledged so far. */
export interface SubscriberCount {
  count: true
}

const acknowledgeEveryMs = 5
const pubackBytes = 4
const goOn = new Error('acknowledged later')

let acknowledged = 0

answerOrders(async (order: SubscriberOptions | SubscriberCount): Promise<number> => {
  if ('mqttUrl' in order) await subscribe(order)
  return acknowledged
})

async function subscribe({ mqttUrl, filter, receiveMaximum }: SubscriberOptions): Promise<void> {
  const client = await connectAsync(mqttUrl, {
    protocolVersion: 5,
    clean: false,
    clientId: 'subscriber',
    properties: { receiveMaximum, sessionExpiryInterval: 3600 },
  })
  let ids: number[] = []
  const acknowledge = () => {
    const packets = Buffer.allocUnsafe(ids.length * pubackBytes)
    for (const [index, id] of ids.entries()) packets.writeUInt32BE(0x40020000 + id, index * pubackBytes)
    client.stream.write(packets)
    acknowledged += ids.length
    ids = []
  }
  client.handleMessage = ({ messageId }, done) => {
    if (ids.push(messageId ?? 0) === 1) setTimeout(acknowledge, acknowledgeEveryMs)
    done(goOn)
  }
  await client.subscribeAsync(filter, { qos: 1 })
}
