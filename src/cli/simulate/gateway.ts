import { usernameOf } from '../../mqtt/access.ts'
import { connectPublisher } from '../../mqtt/publisher.ts'
import { readingsTopic } from '../../mqtt/topics.ts'
import type { Broker } from './broker.ts'
import type { Gateway, GatewayConnection } from './simulate.ts'

/** Longest pause before a lost broker is tried again: a run is waiting for it. */
const retryMaxMs = 1000

/** A gateway's connection: what it sends is sent again until it is acknowledged, over any number of connections. */
export async function connectGateway(
  { tenant, code, secret }: Gateway,
  { url, credentials }: Broker,
): Promise<GatewayConnection> {
  const clientId = usernameOf({ tenant, kind: 'gateway', code })
  const publisher = await connectPublisher({
    url,
    clientId,
    ...(credentials ?? { username: clientId, secret }),
    retryMaxMs,
  })
  const topic = readingsTopic(tenant, code)
  return {
    publish: (payload) => publisher.publish(topic, payload),
    close: () => publisher.abort(),
  }
}
