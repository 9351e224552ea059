import { setTimeout as pause } from 'node:timers/promises'
import { cpuOf } from '../cpu.ts'
import { provisionFleet } from '../database.ts'
import { Helper } from '../helper.ts'
import { committedTo, median, watch, type Load, type Window } from '../measure.ts'
import { askBaywire, startBaywire } from '../program.ts'
import { fleetSize, windowReadings, type Measured, type Run } from './target.ts'

/**
 * Baywire with its embedded broker: gateways publish, the PUBACK comes after COMMIT. First as fast as it takes
 * them, then at half that rate for the latency, which at the limit would only be window / rate.
 */
export interface Embedded extends Measured {
  p50Ms: number | null
  p99Ms: number | null
  /** Published per second for it, and acknowledged per second: less where it did not keep up. */
  pacedPerSecond: number
  keptUpPerSecond: number
  acknowledged: number
  /** Why the figures do not count; empty where they do. */
  faults: string[]
}

const tenant = 'bench'

export async function measureEmbedded(run: Run): Promise<Embedded> {
  const { database, lifecycle, onProgress } = run
  const gateways = await provisionFleet(database.url, { tenant, ...fleetSize })
  await database.settle()
  const baywire = await lifecycle.start(
    'baywire',
    () => startBaywire(database.dataDir),
    (started) => started.stop(),
  )
  const load: Load = await lifecycle.start(
    'load',
    () => Helper.start('load/generator.ts'),
    (started) => started.close(),
  )
  await load.ask({ order: 'connect', port: baywire.mqttPort, gateways, window: windowReadings })
  const windows = await saturate(run, load, baywire.pid)
  const pacedPerSecond = Math.round(median(windows.map(({ rate }) => rate)) / 2)
  const latency = await pace(run, load, pacedPerSecond)
  onProgress('embedded: waiting for the last acknowledgements')
  const { acknowledged } = await load.ask({ order: 'stop' })
  await load.close()
  await baywire.stop()
  return { windows, ...latency, pacedPerSecond, acknowledged, faults: await faultsOf(run, acknowledged) }
}

async function saturate(run: Run, load: Load, pid: number): Promise<Window[]> {
  const windows: Window[] = []
  await load.ask({ order: 'saturate' })
  for (let repeat = 1; repeat <= run.repeats; repeat++) {
    run.onProgress(`embedded: as fast as it takes them, ${repeat} of ${run.repeats}`)
    /* oxlint-disable no-await-in-loop -- one window after the other */
    await pause(run.warmUpS * 1000)
    const processes = { baywire: cpuOf(pid), postgres: await run.database.cpu(), load: cpuOf(load.pid) }
    windows.push(await watch({ seconds: run.seconds, processes, ...committedTo(run.database, 'readings') }))
    /* oxlint-enable no-await-in-loop */
  }
  return windows
}

async function pace(run: Run, load: Load, perSecond: number) {
  run.onProgress(`embedded: ${perSecond} readings per second, for the latency`)
  await load.ask({ order: 'stop' })
  await load.ask({ order: 'pace', perSecond })
  await pause(run.warmUpS * 1000)
  const before = await load.ask({ order: 'measure' })
  await pause(run.seconds * 1000)
  const { p50Ms, p99Ms, acknowledged } = await load.ask({ order: 'tally' })
  return { p50Ms, p99Ms, keptUpPerSecond: (acknowledged - before.acknowledged) / run.seconds }
}

/** A fast wrong thing is no result: what was acknowledged is there, the books balance, and the fold gives the same. */
async function faultsOf({ database, onProgress }: Run, acknowledged: number): Promise<string[]> {
  const faults: string[] = []
  const logged = await database.count('readings', tenant)
  if (logged !== acknowledged) faults.push(`${acknowledged} readings were acknowledged, ${logged} are in the log`)
  onProgress('embedded: comparing the ledger with the log')
  const ledger = await askBaywire(database.dataDir, ['ledger', '--tenant', tenant])
  if (!ledger.ok) faults.push(`the ledger does not agree with the log: ${JSON.stringify(ledger.json)}`)
  onProgress('embedded: folding all inputs again')
  const replay = await askBaywire(database.dataDir, ['replay', '--verify', '--tenant', tenant])
  if (!replay.ok) faults.push(`replay --verify differs: ${JSON.stringify(replay.json)}`)
  return faults
}
