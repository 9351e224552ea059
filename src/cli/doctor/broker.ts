import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt'
import type { Config } from '../../config.ts'
import { brokerAddress, brokerName, connectFailure } from '../../mqtt/address.ts'
import { consumerClientId } from '../../mqtt/consumer.ts'
import { look, ok, problem, warning, type Finding } from './finding.ts'
import type { Parts } from './running.ts'

/** The ports that Baywire listens on, and the broker: its own, or that of MQTT_URL. */
export async function checkBroker(config: Config, running: Parts | undefined): Promise<Finding[]> {
  const http = await look('ports', () =>
    checkPort(config, { setting: 'BAYWIRE_HTTP_PORT', ours: running !== undefined && 'postgres' in running }),
  )
  const { MQTT_URL } = config
  if (MQTT_URL === undefined) {
    const ours = running?.['broker']?.detail.startsWith('embedded') ?? false
    return [...http, ...(await look('broker', () => checkPort(config, { setting: 'BAYWIRE_MQTT_PORT', ours })))]
  }
  return [
    ...http,
    ...checkTransport(MQTT_URL),
    // The session belongs to one connection at a time, and asking under its name would take it from who has it.
    ...(running !== undefined && 'broker' in running
      ? [usedNow(running['broker'])]
      : await look('broker', () => checkExternal(config, MQTT_URL))),
  ]
}

function usedNow(broker: Parts[string] | undefined): Finding {
  const detail = broker?.detail ?? ''
  return broker?.ok ? ok('broker', detail) : problem('broker', detail, 'check that the broker runs, and MQTT_URL')
}

async function checkPort(
  { BAYWIRE_HOST: host, ...ports }: Config,
  { setting, ours }: { setting: 'BAYWIRE_HTTP_PORT' | 'BAYWIRE_MQTT_PORT'; ours: boolean },
): Promise<Finding> {
  const check = setting === 'BAYWIRE_HTTP_PORT' ? 'ports' : 'broker'
  const port = ports[setting]
  const where = `${setting}: port ${port} of ${host}`
  const code = await tryToListen(host, port)
  if (code === undefined) return ok(check, port === 0 ? `${setting}: any free port` : `${where} is free`)
  if (code !== 'EADDRINUSE')
    return problem(check, `${where} cannot be had (${code})`, `correct BAYWIRE_HOST or ${setting}`)
  if (ours) return ok(check, `${where} is in use by the Baywire that runs`)
  return problem(
    check,
    `${where} is in use by something else`,
    `stop what listens there, or set ${setting} to another port`,
  )
}

/** The code of the error; undefined where the port was free. */
async function tryToListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer().listen({ host, port, exclusive: true })
  try {
    await once(server, 'listening')
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  } finally {
    server.close()
  }
}

function checkTransport(url: string): Finding[] {
  const { protocol, hostname } = new URL(url)
  const name = brokerName(url)
  if (protocol === 'mqtts:') return [ok('broker', `${name}: TLS, with a certificate that is checked`)]
  if (/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)) return []
  return [
    warning(
      'broker',
      `${name}: no TLS: who can read along on the way has the password`,
      'give the broker a TLS listener and use mqtts://, unless the network on the way is yours alone',
    ),
  ]
}

const connectTimeoutMs = 10_000
const weekS = 7 * 24 * 3600

/**
 * Connects under the client id of the ingest role, since a broker may allow no other, and takes nothing: what the
 * broker delivers stays unacknowledged and comes again. A session that was there stays as it was.
 */
async function checkExternal(config: Config, url: string): Promise<Finding[]> {
  const name = brokerName(url)
  const client = connect(clientOptions(config, url))
  // Never called back, so never acknowledged.
  client.handleMessage = () => {}
  try {
    const answer = await firstAnswer(client)
    if (answer instanceof Error) {
      const { kind, reason } = connectFailure(answer)
      const advice =
        kind === 'refused' ? 'correct user and password in MQTT_URL' : 'check that the broker runs, and MQTT_URL'
      return [problem('broker', `MQTT_URL: ${name}: ${reason}`, advice)]
    }
    await leave(client, answer)
    return judgeConnack(answer, { name, payloadBytes: config.BAYWIRE_PAYLOAD_BYTES })
  } finally {
    client.end(true)
  }
}

function clientOptions({ BAYWIRE_INSTANCE }: Config, url: string): IClientOptions {
  return {
    ...brokerAddress(url),
    clientId: consumerClientId(BAYWIRE_INSTANCE),
    protocolVersion: 5,
    clean: false,
    properties: { receiveMaximum: 1, sessionExpiryInterval: weekS },
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: 0,
    resubscribe: false,
  }
}

async function firstAnswer(client: MqttClient): Promise<IConnackPacket | Error> {
  return await new Promise((resolve) => {
    client.once('connect', resolve)
    client.once('error', resolve)
    client.once('close', () => resolve(new Error('the connection was closed without an answer')))
  })
}

/** A session that only this visit has made ends with it. */
async function leave(client: MqttClient, { sessionPresent }: IConnackPacket): Promise<void> {
  await client.endAsync(false, {
    properties: { sessionExpiryInterval: sessionPresent ? weekS : 0 },
  })
}

export function judgeConnack(
  { sessionPresent, properties = {} }: Pick<IConnackPacket, 'sessionPresent' | 'properties'>,
  { name, payloadBytes }: { name: string; payloadBytes: number },
): Finding[] {
  const findings: Finding[] = []
  const { maximumQoS = 2, sessionExpiryInterval = weekS, maximumPacketSize = Number.POSITIVE_INFINITY } = properties
  if (maximumQoS < 1) {
    findings.push(problem('broker', `${name}: it takes no QoS 1: readings could be lost`, 'allow QoS 1 in the broker'))
  }
  if (sessionExpiryInterval < weekS) {
    const hours = (sessionExpiryInterval / 3600).toFixed(1)
    const what = `${name}: it keeps our session for ${hours} h only; what arrives during a longer absence is lost`
    findings.push(warning('broker', what, 'have it keep sessions for 7 days'))
  }
  if (maximumPacketSize < payloadBytes) {
    const what = `${name}: it takes packets of up to ${maximumPacketSize} bytes, Baywire payloads of ${payloadBytes}`
    findings.push(warning('broker', what, 'raise its limit (message_size_limit), or lower BAYWIRE_PAYLOAD_BYTES'))
  }
  if (findings.length > 0) return findings
  const session = sessionPresent ? 'our session is there' : 'no session of ours yet; the first start of ingest makes it'
  return [ok('broker', `${name}: it lets us in; ${session}`)]
}
