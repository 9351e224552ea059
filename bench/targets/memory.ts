import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { provisionFleet } from '../database.ts'
import { startBaywire, type Baywire } from '../program.ts'
import { startLoad, type Run } from './target.ts'

/**
 * Does memory grow? Baywire with its embedded broker at a steady rate; after a first minute, in which caches fill and
 * code is compiled, its resident memory is looked at again and again, and twice a minute what is left of it after full
 * collections, and a line is laid through each.
 */
export interface Memory {
  seconds: number
  perSecond: number
  /** Resident as it runs: with what V8 has not collected, and keeps for later. */
  running: Growth
  /** After collections: what is left, and the pages that it stands on. */
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
const samplesPerCollection = 6
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
  const running: Point[] = []
  const collected: { resident: Point[]; heap: Point[] } = { resident: [], heap: [] }
  const startedAt = performance.now() + settleS * 1000
  // In the first minute too, without being counted: the first collections give back what was never given back before.
  for (let sample = -settleS / sampleEveryS; sample <= seconds / sampleEveryS; sample++) {
    /* oxlint-disable no-await-in-loop -- one look after the other */
    await pause(Math.max(0, startedAt + sample * sampleEveryS * 1000 - performance.now()))
    const minute = (performance.now() - startedAt) / 60_000
    const { rss } = await memoryOf(baywire, 'look')
    if (sample >= 0) running.push([minute, rss / 1e6])
    if (sample % samplesPerCollection !== 0) continue
    const left = await memoryOf(baywire, 'collect')
    if (sample < 0) continue
    collected.resident.push([minute, left.rss / 1e6])
    collected.heap.push([minute, left.heapUsed / 1e6])
    /* oxlint-enable no-await-in-loop */
  }
  await load.ask({ order: 'stop' })
  await load.close()
  await baywire.stop()
  return {
    seconds,
    perSecond,
    running: growthOf(running),
    resident: growthOf(collected.resident),
    heap: growthOf(collected.heap),
  }
}

type Point = readonly [minute: number, mb: number]

async function memoryOf({ child }: Baywire, order: 'look' | 'collect'): Promise<NodeJS.MemoryUsage> {
  const ended = new AbortController()
  const exit = once(child, 'exit', { signal: ended.signal }).then(() => {
    throw new Error('Baywire has ended')
  })
  const answered = once(child, 'message', { signal: ended.signal }) as Promise<[NodeJS.MemoryUsage]>
  child.send(order)
  try {
    const [usage] = await Promise.race([answered, exit])
    return usage
  } finally {
    exit.catch(() => {})
    answered.catch(() => {})
    ended.abort()
  }
}

/** @param points at least two, at different minutes */
export function growthOf(points: readonly Point[]): Growth {
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
