import { clusterOf } from './cluster.ts'
import { isAlive, isServerOf, readPidFile, removePidFile } from './pid-file.ts'
import type { Place } from './place.ts'
import { greet } from './session.ts'

/**
 * Looks for a server that already runs in the cluster. It may be used only while the process that started it
 * lives, because it ends with that process: one without is told to stop (its guard has done so already,
 * unless it was killed too) and counts as `busy` until it is gone.
 */
export type Running = { pid: number; port: number; token: string } | 'busy' | 'none'

export async function findRunning(place: Place, password: string): Promise<Running> {
  const cluster = clusterOf(place)
  const pidFile = await readPidFile(cluster)
  if (pidFile === undefined || !isAlive(pidFile.pid)) return 'none'
  if (!(await isServerOf(cluster, pidFile.pid))) {
    await removePidFile(cluster, pidFile)
    return 'none'
  }
  if (pidFile.status !== 'ready') return 'busy'
  const token = await greet({ port: pidFile.port, password })
  if (token === undefined) return 'busy'
  if (isAlive(ownerOf(token))) return { pid: pidFile.pid, port: pidFile.port, token }
  askToStop(pidFile.pid)
  return 'busy'
}

/** Tells one start of a server from any other, and who made it. */
export function newToken(random: string): string {
  return `${process.pid}.${random}`
}

function ownerOf(token: string): number {
  return Number(token.split('.')[0])
}

export function askToStop(pid: number): void {
  try {
    process.kill(pid, 'SIGINT')
  } catch {
    // Gone already, or another user's: whoever waits for it sees which.
  }
}
