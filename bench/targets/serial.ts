import { setTimeout as pause } from 'node:timers/promises'
import { startPeerBroker } from './peer-broker.ts'
import { cpuOf } from '../cpu.ts'
import { codes } from '../database.ts'
import { Helper } from '../helper.ts'
import { committedTo, watch, type Load, type Window } from '../measure.ts'
import type { SerialOptions } from './serial-consumer.ts'
import { fleetSize, windowReadings, type Measured, type Run } from './target.ts'

/**
 * What a good developer writes by hand first: an mqtt.js client of a real broker that awaits one INSERT and one
 * UPDATE per message before it acknowledges, one in flight. Its broker always has more for it than it takes, but not
 * so much that broker and load would take its processor from it.
 */
export interface Serial extends Measured {
  broker: string
}

/** Readings per second that are published: several times what can be committed one by one. */
const offeredPerSecond = 6000
const clientId = 'serial'

export async function measureSerial(run: Run): Promise<Serial> {
  const { database, lifecycle, onProgress } = run
  const devices = codes('sensor', fleetSize.devices)
  await database.execute(tables)
  const broker = await lifecycle.start('peer broker', startPeerBroker, (started) => started.stop())
  const consumer = await lifecycle.start(
    'serial consumer',
    () => Helper.start<SerialOptions, null>('targets/serial-consumer.ts'),
    (started) => started.close(),
  )
  await consumer.ask({ mqttUrl: `mqtt://127.0.0.1:${broker.port}`, databaseUrl: database.url, clientId, devices })
  await database.settle()
  const load: Load = await lifecycle.start(
    'load',
    () => Helper.start('load/generator.ts'),
    (started) => started.close(),
  )
  const topic = 'parking/v1/bench/gateways/gateway-00001/readings'
  const gateways = [{ username: 'gateway', secret: 'gateway', topic, devices, boot: Math.floor(Date.now() / 1000) }]
  await load.ask({ order: 'connect', port: broker.port, gateways, window: windowReadings })
  await load.ask({ order: 'pace', perSecond: offeredPerSecond })
  const windows: Window[] = []
  for (let repeat = 1; repeat <= run.repeats; repeat++) {
    onProgress(`serial: ${repeat} of ${run.repeats}`)
    /* oxlint-disable no-await-in-loop -- one window after the other */
    await pause(run.warmUpS * 1000)
    const processes = {
      consumer: cpuOf(consumer.pid),
      broker: cpuOf(broker.pid),
      postgres: await database.cpu(),
      load: cpuOf(load.pid),
    }
    windows.push(await watch({ seconds: run.seconds, processes, ...committedTo(database, 'serial_readings') }))
    /* oxlint-enable no-await-in-loop */
  }
  if (windows.some(({ rate }) => rate > 0.9 * offeredPerSecond)) throw new Error('serial: the peer waited for readings')
  await load.close()
  await consumer.close()
  await broker.stop()
  return { windows, broker: broker.name }
}

/** Its own, in the same server: one row per reading, one row per space. */
const tables = `
  CREATE TABLE serial_readings (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, device text NOT NULL, occupied boolean NOT NULL,
    at timestamptz NOT NULL, seq bigint, payload jsonb NOT NULL, received_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX ON serial_readings (device, at);
  CREATE TABLE serial_spaces (device text PRIMARY KEY, occupied boolean, at timestamptz, seq bigint)`
