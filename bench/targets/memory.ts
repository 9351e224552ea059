import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { provisionFleet } from '../database.ts'
import { startBaywire, type Baywire } from '../program.ts'
import { startLoad, type Run } from './target.ts'

/**
 * Does memory grow? Baywire with its embedded broker at a steady rate; after a first minute, in which caches fill and
 * code is compiled, what is in use after a full collection is looked at again and again, and a line is laid through it.
 */
export interface Memory {
  seconds: number
  perSecond: number
  /** After the first minute. */
  samples: number
  resident: Growth
  heap: Growth
}

export interface Growth {
  firstMb: number
  lastMb: number
  /** Slope of the line, by least squares. */
  mbPerMinute: number
}

export interface MemoryOptions {
  seconds: number
  perSecond: number
}

const settleS = 60
const sampleEveryS = 5
const probe = import.meta.resolve('./memory-probe.mjs')

export async function measureMemory(
  { database, lifecycle, onProgress }: Pick<Run, 'database' | 'lifecycle' | 'onProgress'>,
  { seconds, perSecond }: MemoryOptions,
): Promise<Memory> {
  const gateways = await provisionFleet(database.url, 'memory')
  const baywire = await lifecycle.start(
    'baywire',
    () => startBaywire({ database, instance: 'bench-memory', preload: probe }),
    (started) => started.stop(),
  )
  const load = await startLoad({ lifecycle }, { port: baywire.mqttPort, gateways })
  await load.ask({ order: 'pace', perSecond })
  onProgress(`memory: ${perSecond} readings per second for ${seconds} seconds after the first ${settleS}`)
  const samples: Sample[] = []
  const startedAt = performance.now() + settleS * 1000
  // In the first minute too, without being counted: the first collections give back what was never given back before.
  for (let second = -settleS; second <= seconds; second += sampleEveryS) {
    /* oxlint-disable no-await-in-loop -- one look after the other */
    await pause(Math.max(0, startedAt + second * 1000 - performance.now()))
    const { rss, heapUsed } = await memoryOf(baywire)
    if (second >= 0) samples.push({ minute: (performance.now() - startedAt) / 60_000, rss, heapUsed })
    /* oxlint-enable no-await-in-loop */
  }
  await load.ask({ order: 'stop' })
  await load.close()
  await baywire.stop()
  return {
    seconds,
    perSecond,
    samples: samples.length,
    resident: growthOf(samples.map(({ minute, rss }) => [minute, rss / 1e6])),
    heap: growthOf(samples.map(({ minute, heapUsed }) => [minute, heapUsed / 1e6])),
  }
}

interface Sample {
  minute: number
  rss: number
  heapUsed: number
}

async function memoryOf({ child }: Baywire): Promise<NodeJS.MemoryUsage> {
  const answered = once(child, 'message') as Promise<[NodeJS.MemoryUsage]>
  child.send('memory')
  const [usage] = await answered
  return usage
}

/** @param points at least two, at different minutes */
export function growthOf(points: readonly (readonly [minute: number, mb: number])[]): Growth {
  const [meanMinute, meanMb] = [mean(points.map(([minute]) => minute)), mean(points.map(([, mb]) => mb))]
  const covariance = points.reduce((sum, [minute, mb]) => sum + (minute - meanMinute) * (mb - meanMb), 0)
  const variance = points.reduce((sum, [minute]) => sum + (minute - meanMinute) ** 2, 0)
  return {
    firstMb: points[0]?.[1] ?? Number.NaN,
    lastMb: points.at(-1)?.[1] ?? Number.NaN,
    mbPerMinute: covariance / variance,
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
