import { setTimeout as pause } from 'node:timers/promises'
import { busySeconds, type Meter } from './processes.ts'

/** By the name of the process; `others` is what does not belong to the benchmark. */
export type Cores = Record<string, number>

export interface Window {
  seconds: number
  /** What was committed or counted in it, per second. */
  rate: number
  /** Processor cores in use on average. */
  cores: Cores
  /** Of each process at the end of it, in MB. */
  memoryMb: Record<string, number>
  /** Readings in a transaction on average, where that is known. */
  batch?: number
}

export interface Counter<Mark> {
  mark: () => Promise<Mark>
  /** What was counted between two marks: asked afterwards, so that the counting takes nothing from what is counted. */
  amount: (from: Mark, until: Mark) => Promise<number>
}

/** Watches what happens for a while: `mark` is read at both ends, and turned into an amount afterwards. */
export async function watch<Mark>(options: {
  seconds: number
  processes: Record<string, Meter>
  counter: Counter<Mark>
}): Promise<Window> {
  const { processes, counter } = options
  const usedSince = await startUse(processes)
  const from = { mark: await counter.mark(), at: performance.now() }
  await pause(options.seconds * 1000)
  const until = { mark: await counter.mark(), at: performance.now() }
  const used = await usedSince()
  const seconds = (until.at - from.at) / 1000
  return { seconds, ...used, rate: (await counter.amount(from.mark, until.mark)) / seconds }
}

/** What is used of the machine from now until the returned function is called. */
export async function startUse(
  processes: Record<string, Meter>,
): Promise<() => Promise<Pick<Window, 'cores' | 'memoryMb'>>> {
  const names = Object.keys(processes)
  const meters = Object.values(processes)
  const read = async () => ({
    at: performance.now(),
    all: busySeconds(),
    // Of this process itself, which asks and waits, so that it is not taken for another program.
    bench: process.cpuUsage(),
    own: await Promise.all(meters.map((meter) => meter.cpuSeconds())),
  })
  const from = await read()
  return async () => {
    const until = await read()
    const cores = (used: number) => (used * 1000) / (until.at - from.at)
    const own = until.own.map((used, index) => cores(used - (from.own[index] ?? 0)))
    const { user, system } = process.cpuUsage(from.bench)
    const bench = cores((user + system) / 1e6)
    const others = cores(until.all - from.all) - own.reduce((sum, one) => sum + one, bench)
    const memory = await Promise.all(meters.map((meter) => meter.memoryBytes()))
    return {
      cores: { ...named(names, own), bench, others: Math.max(0, others) },
      memoryMb: named(
        names,
        memory.map((bytes) => bytes / 1e6),
      ),
    }
  }
}

function named(names: readonly string[], values: readonly number[]): Record<string, number> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? Number.NaN]))
}

/** Cores in use by others up to which a figure may be compared with another. */
export const quietCores = 0.3
const quietWindowMs = 1000
const mostQuietWindows = 20

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

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return (low + high) / 2
}
