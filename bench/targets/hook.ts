import { setTimeout as pause } from 'node:timers/promises'
import type { Gateway } from '../load/gateway.ts'
import { cpuOf } from '../cpu.ts'
import { codes } from '../database.ts'
import { Helper } from '../helper.ts'
import { watch, type Load, type Window } from '../measure.ts'
import { freePort } from '../program.ts'
import type { AedesOptions } from './aedes-broker.ts'
import { fleetSize, windowReadings, type Measured, type Run } from './target.ts'

/** The ceiling of the broker: aedes, its hook and JSON.parse, no database; counted by the PUBACKs that come back. */
export async function measureHook(run: Run): Promise<Measured> {
  const { lifecycle, onProgress } = run
  const port = await freePort()
  const broker = await lifecycle.start(
    'hook',
    () => Helper.start<AedesOptions, null>('targets/aedes-broker.ts'),
    (started) => started.close(),
  )
  await broker.ask({ port, parse: true })
  const load: Load = await lifecycle.start(
    'load',
    () => Helper.start('load/generator.ts'),
    (started) => started.close(),
  )
  await load.ask({ order: 'connect', port, gateways: anyGateways(), window: windowReadings })
  await load.ask({ order: 'saturate' })
  const windows: Window[] = []
  for (let repeat = 1; repeat <= run.repeats; repeat++) {
    onProgress(`hook: ${repeat} of ${run.repeats}`)
    /* oxlint-disable no-await-in-loop -- one window after the other */
    await pause(run.warmUpS * 1000)
    windows.push(
      await watch({
        seconds: run.seconds,
        processes: { broker: cpuOf(broker.pid), load: cpuOf(load.pid) },
        mark: async () => (await load.ask({ order: 'tally' })).acknowledged,
        amount: async (from, until) => until - from,
      }),
    )
    /* oxlint-enable no-await-in-loop */
  }
  await load.close()
  await broker.close()
  return { windows }
}

function anyGateways(): Gateway[] {
  const boot = Math.floor(Date.now() / 1000)
  return codes('gateway', fleetSize.gateways).map((code) => ({
    username: `bench/gateways/${code}`,
    secret: code,
    topic: `parking/v1/bench/gateways/${code}/readings`,
    devices: codes('sensor', fleetSize.devices / fleetSize.gateways),
    boot,
  }))
}
