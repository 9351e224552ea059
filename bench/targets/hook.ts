import { setTimeout as pause } from 'node:timers/promises'
import { Helper } from '../helper.ts'
import { fleetOf } from '../load/fleet.ts'
import { watch } from '../measure.ts'
import { meterOf } from '../processes.ts'
import { freePort } from '../program.ts'
import type { AedesOptions } from './aedes-broker.ts'
import { startLoad, type Run, type Target } from './target.ts'

/** The ceiling of the embedded broker: aedes, its hook and JSON.parse, no database; counted by the PUBACKs that come back. */
export async function openHook(run: Run): Promise<Target> {
  const { lifecycle, warmUpS, seconds } = run
  const port = await freePort()
  const broker = await lifecycle.start(
    'hook',
    () => Helper.start<AedesOptions, null>('targets/aedes-broker.ts'),
    (started) => started.close(),
  )
  await broker.ask({ port, parse: true })
  const load = await startLoad(run, { port, gateways: await fleetOf('bench', async (code) => code) })
  const measure = async () => {
    await load.ask({ order: 'saturate' })
    await pause(warmUpS * 1000)
    const window = await watch({
      seconds,
      // Takes no part, but cleans up after the windows before.
      processes: { broker: meterOf(broker.pid), postgres: await run.database.meter(), load: meterOf(load.pid) },
      counter: {
        mark: async () => (await load.ask({ order: 'tally' })).acknowledged,
        amount: async (from, until) => until - from,
      },
    })
    await load.ask({ order: 'stop' })
    return window
  }
  return { measure }
}
