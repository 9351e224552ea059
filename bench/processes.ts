import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'

/** Clock ticks per second of /proc: USER_HZ is 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

/** Reads what a process, or several, have used of the machine; NaN where there is no /proc. */
export interface Meter {
  /** Seconds of processor time so far. */
  cpuSeconds(): Promise<number>
  /** Memory now, that which is shared with other processes counted in parts (PSS). */
  memoryBytes(): Promise<number>
}

export function meterOf(pid: number): Meter {
  return { cpuSeconds: async () => (await readStat(pid)).own, memoryBytes: () => readMemory(pid) }
}

/** A process with its children, those that have ended included: of Postgres, whose workers come and go. */
export function meterOfFamily(pid: number): Meter {
  return {
    cpuSeconds: async () => {
      const { own, ended } = await readStat(pid)
      const alive = await Promise.all((await childrenOf(pid)).map(readStat))
      return alive.reduce((sum, child) => sum + child.own, own + ended)
    },
    memoryBytes: async () => {
      const each = await Promise.all([pid, ...(await childrenOf(pid))].map(readMemory))
      return each.reduce((sum, one) => sum + one, 0)
    },
  }
}

export async function parentOf(pid: number): Promise<number> {
  return (await readStat(pid)).parent
}

async function childrenOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return children.split(' ').filter(Boolean).map(Number)
}

/** What a process that has ended, or another system, is counted as. */
const unknown = process.platform === 'linux' ? 0 : Number.NaN

async function readStat(pid: number): Promise<{ parent: number; own: number; ended: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  if (stat === undefined) return { parent: 0, own: unknown, ended: 0 }
  // Behind the name, which may hold spaces and is in parentheses; see proc(5) for the rest.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [utime = 0, stime = 0, endedUtime = 0, endedStime = 0] = fields.slice(11, 15)
  return {
    parent: fields[1] ?? 0,
    own: (utime + stime) / ticksPerSecond,
    ended: (endedUtime + endedStime) / ticksPerSecond,
  }
}

async function readMemory(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
  const kilobytes = /^Pss: +(\d+) kB$/m.exec(rollup)?.[1]
  return kilobytes === undefined ? unknown : Number(kilobytes) * 1024
}

/** Seconds that all processors together were not idle so far. */
export function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000
}

export interface Machine {
  processor: string
  cores: number
  memoryGb: number
}

export function machine(memoryBytes: number): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(memoryBytes / 2 ** 30),
  }
}
