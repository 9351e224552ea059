import type { Lifecycle } from '../../src/lifecycle.ts'
import type { BenchDatabase } from '../database.ts'
import { Helper } from '../helper.ts'
import { windowReadings } from '../load/fleet.ts'
import type { Gateway } from '../load/gateway.ts'
import type { Window } from '../measure.ts'
import type { Load } from '../supply.ts'

/** What every measurement of a run has in common. */
export interface Run {
  database: BenchDatabase
  /** Stops what was started, in reverse, however the run ends. */
  lifecycle: Lifecycle
  warmUpS: number
  seconds: number
  onProgress: (message: string) => void
}

/** Something to be measured, started and idle. */
export interface Target {
  /** One window; when it returns, this is idle again. */
  measure: () => Promise<Window>
  /** What else there is to find out once all windows are measured. */
  finish?: (windows: readonly Window[]) => Promise<unknown>
}

/** What a product committed in one transaction. */
export interface CommittedBatch {
  /** Which of its lanes did. */
  lane: number
  /** The gateway that each of its readings came from, as an index; those of one gateway come in the order of its sensors. */
  gateways: number[]
}

/** Why a target cannot be measured here. */
export class Unavailable extends Error {}

/** A load of its own, connected to a broker. */
export async function startLoad(
  { lifecycle }: Pick<Run, 'lifecycle'>,
  { port, gateways }: { port: number; gateways: Gateway[] },
): Promise<Load> {
  const load: Load = await lifecycle.start(
    'load',
    () => Helper.start('load/generator.ts'),
    (started) => started.close(),
  )
  await load.ask({ order: 'connect', port, gateways, window: windowReadings })
  return load
}
