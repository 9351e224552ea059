import { once } from 'node:events'
import { createConnection } from 'node:net'
import type { Config } from '../../config.ts'
import { BaywireError, UsageError } from '../../errors.ts'
import { brokerAddress, brokerName, connectFailure } from '../../mqtt/address.ts'

/** Where readings are published: at the broker of `MQTT_URL`, or at the one inside the running Baywire. */
export interface Broker {
  url: string
  /** From `MQTT_URL`; without them every gateway uses its own. */
  credentials: { username: string; secret: string } | undefined
}

type BrokerConfig = Pick<Config, 'MQTT_URL' | 'BAYWIRE_HOST' | 'BAYWIRE_MQTT_PORT'>

const probeMs = 5000
/** Where a program that listens everywhere is found on its own machine. */
const everywhere = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

export function findBroker({ MQTT_URL, BAYWIRE_HOST, BAYWIRE_MQTT_PORT }: BrokerConfig): Broker {
  if (MQTT_URL !== undefined) {
    const { username, password } = brokerAddress(MQTT_URL)
    const known = typeof username === 'string' && username !== ''
    return { url: MQTT_URL, credentials: known ? { username, secret: String(password ?? '') } : undefined }
  }
  if (BAYWIRE_MQTT_PORT === 0) {
    throw new UsageError('BAYWIRE_MQTT_PORT is 0: any free port', 'set it to the port that `baywire start` printed')
  }
  const host = everywhere.get(BAYWIRE_HOST) ?? BAYWIRE_HOST
  return { url: `mqtt://${host.includes(':') ? `[${host}]` : host}:${BAYWIRE_MQTT_PORT}`, credentials: undefined }
}

/** @throws BaywireError where nothing listens, before anything is made in the database */
export async function probeBroker({ url }: Broker): Promise<void> {
  const { host = 'localhost', port = 1883 } = brokerAddress(url)
  const socket = createConnection({ host, port })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(probeMs) })
  } catch (error) {
    const late = error instanceof Error && error.name === 'AbortError'
    const { reason } = connectFailure(error instanceof Error && !late ? error : undefined)
    throw new BaywireError(`no broker at ${brokerName(url)}: ${late ? 'no answer in time' : reason}`, {
      advice: 'start `baywire start` first, or set MQTT_URL to the broker that it uses',
      cause: error,
    })
  } finally {
    socket.destroy()
  }
}
