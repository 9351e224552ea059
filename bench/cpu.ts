import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'

/** Clock ticks per second of /proc: USER_HZ is 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

/** Reads how many seconds of processor time something has used so far; NaN where there is no /proc. */
export type CpuMeter = () => Promise<number>

export function cpuOf(pid: number): CpuMeter {
  return async () => (await readStat(pid)).own
}

/** A process with its children, those that have ended included: of Postgres, whose workers come and go. */
export function cpuOfFamily(pid: number): CpuMeter {
  return async () => {
    const { own, ended } = await readStat(pid)
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
    const alive = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(readStat))
    return alive.reduce((sum, child) => sum + child.own, own + ended)
  }
}

export async function parentOf(pid: number): Promise<number> {
  return (await readStat(pid)).parent
}

async function readStat(pid: number): Promise<{ parent: number; own: number; ended: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  if (stat === undefined) {
    const unknown = process.platform === 'linux' ? 0 : Number.NaN
    return { parent: 0, own: unknown, ended: 0 }
  }
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
