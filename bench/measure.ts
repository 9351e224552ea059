import { setTimeout as pause } from 'node:timers/promises'
import { busySeconds, type CpuMeter } from './cpu.ts'
import type { BenchDatabase } from './database.ts'
import type { Order, Tally } from './load/generator.ts'
import type { Helper } from './helper.ts'

export type Load = Helper<Order, Tally>

/** Processor cores in use on average, by the name of the process; `others` is what does not belong to the benchmark. */
export type Cores = Record<string, number>

export interface Window {
  seconds: number
  /** What was committed or counted in it, per second. */
  rate: number
  cores: Cores
}

/** Watches what happens for a while: `count` is read at both ends, and turned into an amount afterwards. */
export async function watch<Mark>(options: {
  seconds: number
  processes: Record<string, CpuMeter>
  mark: () => Promise<Mark>
  amount: (from: Mark, until: Mark) => Promise<number>
}): Promise<Window> {
  const coresSince = await startCores(options.processes)
  const from = { mark: await options.mark(), at: performance.now() }
  await pause(options.seconds * 1000)
  const until = { mark: await options.mark(), at: performance.now() }
  const cores = await coresSince()
  const seconds = (until.at - from.at) / 1000
  return { seconds, cores, rate: (await options.amount(from.mark, until.mark)) / seconds }
}

/** The cores in use from now until the returned function is called. */
export async function startCores(processes: Record<string, CpuMeter>): Promise<() => Promise<Cores>> {
  const read = async () => ({
    at: performance.now(),
    all: busySeconds(),
    own: await Promise.all(Object.values(processes).map((meter) => meter())),
  })
  const from = await read()
  return async () => {
    const until = await read()
    const cores = (used: number) => (used * 1000) / (until.at - from.at)
    const own = until.own.map((used, index) => cores(used - (from.own[index] ?? 0)))
    const others = cores(until.all - from.all) - own.reduce((sum, one) => sum + one, 0)
    const named = Object.keys(processes).map((name, index) => [name, own[index] ?? 0] as const)
    return { ...Object.fromEntries(named), others: Math.max(0, others) }
  }
}

/** Cores in use by others up to which a figure may be compared with another. */
export const quietCores = 0.3
const quietWindowMs = 1000
const mostQuietWindows = 60

/** Waits, for a while, until the rest of the machine is quiet: beside other work no figure means much. */
export async function untilQuiet(onProgress: (message: string) => void): Promise<void> {
  for (let waited = 0; waited < mostQuietWindows; waited++) {
    const before = busySeconds()
    // oxlint-disable-next-line no-await-in-loop -- a poll
    await pause(quietWindowMs)
    if ((busySeconds() - before) * (1000 / quietWindowMs) < quietCores) return
    if (waited === 0) onProgress('waiting for the machine to be quiet')
  }
  onProgress('the machine is not quiet: see `others` in the table')
}

/** The marks of what is committed to a table. */
export function committedTo(database: BenchDatabase, table: string) {
  return {
    mark: () => database.snapshot(),
    amount: (from: string, until: string) => database.committedBetween(table, [from, until]),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return (low + high) / 2
}
