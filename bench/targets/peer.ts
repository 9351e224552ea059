import { setTimeout as pause } from 'node:timers/promises'
import { Helper } from '../helper.ts'
import { deviceCodes, fleetOf } from '../load/fleet.ts'
import { watch } from '../measure.ts'
import { startMosquitto, type MosquittoUsers } from '../mosquitto.ts'
import { meterOf } from '../processes.ts'
import { freePort } from '../program.ts'
import { supplied } from '../supply.ts'
import type { AedesOptions } from './aedes-broker.ts'
import type { HandWrittenOptions } from './hand-written.ts'
import { startLoad, type Run, type Target } from './target.ts'

/**
 * What people use instead: a consumer of a broker that writes each reading to a log and the newest one of each device
 * to a table of states, in the same Postgres server as Baywire. Each is written as a good developer would, and kept
 * supplied, so that it never waits, with broker and load taking no more of the processor than it makes them.
 * Left out, and in its favour: identity, order, debouncing, sessions, books, timers, events, more than one tenant.
 */
export interface Peer {
  /** Also the prefix of its tables. */
  name: string
  start: (connection: PeerConnection) => Promise<RunningPeer>
}

export interface PeerConnection {
  mqtt: { host: string; port: number; username: string; secret: string }
  filter: string
  databaseUrl: string
}

export interface RunningPeer {
  pid: number
  close(): Promise<void>
}

/** Several times what one of them takes between two looks at how far it is. */
const aheadReadings = 2000

export async function openPeer(run: Run, { name, start }: Peer): Promise<Target> {
  const { database, lifecycle, warmUpS, seconds } = run
  await database.execute(tablesOf(name))
  const gateways = await fleetOf('bench', async (code) => code)
  const consumer = { username: name, secret: `${name}-bench` }
  const broker = await lifecycle.start(
    'broker',
    () => startBroker({ consumer, gateways }),
    (started) => started.stop(),
  )
  const peer = await lifecycle.start(
    name,
    () =>
      start({
        mqtt: { host: '127.0.0.1', port: broker.port, ...consumer },
        filter: 'parking/v1/+/gateways/+/readings',
        databaseUrl: database.url,
      }),
    (started) => started.close(),
  )
  const load = await startLoad(run, { port: broker.port, gateways })
  const taken = () => database.lastId(`${name}_readings`)
  const measure = () =>
    supplied(load, { taken, ahead: aheadReadings }, async () => {
      await pause(warmUpS * 1000)
      const processes = {
        consumer: meterOf(peer.pid),
        broker: meterOf(broker.pid),
        postgres: await database.meter(),
        load: meterOf(load.pid),
      }
      return await watch({ seconds, processes, counter: database.committed(`${name}_readings`) })
    })
  return { measure }
}

/** The peer by hand, with so many readings at once. */
export function handWritten(name: string, atOnce: number): Peer {
  const start = async ({ mqtt, filter, databaseUrl }: PeerConnection) => {
    const helper = await Helper.start<HandWrittenOptions, null>('targets/hand-written.ts')
    const { host, port, username, secret } = mqtt
    await helper.ask({ mqttUrl: `mqtt://${username}:${secret}@${host}:${port}`, filter, databaseUrl, name, atOnce })
    return helper
  }
  return { name, start }
}

/** A broker of its own: Mosquitto, or aedes as it comes where that is not installed. */
async function startBroker(users: MosquittoUsers): Promise<{ pid: number; port: number; stop(): Promise<void> }> {
  const mosquitto = await startMosquitto(users)
  if (mosquitto !== undefined) return mosquitto
  const port = await freePort()
  const helper = await Helper.start<AedesOptions, null>('targets/aedes-broker.ts')
  await helper.ask({ port, parse: false })
  return { pid: helper.pid, port, stop: () => helper.close() }
}

/** One row per reading, one row per space, and an index to find a device's history by. */
function tablesOf(name: string): string {
  return `
    CREATE TABLE ${name}_readings (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, device text NOT NULL, occupied boolean NOT NULL,
      at timestamptz NOT NULL, seq bigint, payload jsonb NOT NULL, received_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX ON ${name}_readings (device, at);
    CREATE TABLE ${name}_spaces (device text PRIMARY KEY, occupied boolean, at timestamptz, seq bigint);
    INSERT INTO ${name}_spaces (device) VALUES ${deviceCodes()
      .map((code) => `('${code}')`)
      .join(', ')}`
}
