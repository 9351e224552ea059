import type { BenchDatabase } from '../database.ts'
import type { Lifecycle } from '../../src/lifecycle.ts'
import type { Window } from '../measure.ts'

/** What every measurement of a run has in common. */
export interface Run {
  database: BenchDatabase
  /** Stops what was started, in reverse, however the run ends. */
  lifecycle: Lifecycle
  warmUpS: number
  seconds: number
  repeats: number
  onProgress: (message: string) => void
}

export interface Measured {
  windows: Window[]
}

/** Gateways and devices of every load. */
export const fleetSize = { gateways: 50, devices: 5000 }
/** Readings that one gateway has in flight. */
export const windowReadings = 200
