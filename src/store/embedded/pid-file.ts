import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runAs } from './account.ts'
import { errorCode } from './files.ts'

/**
 * `postmaster.pid`, which PostgreSQL keeps in a cluster while it runs (and leaves behind when killed).
 * PostgreSQL itself lets only one server into a cluster; what it cannot know is whether a living process
 * of the recorded number is a server at all, and then it refuses to start.
 */
export interface PidFile {
  pid: number
  port: number
  status: string
  text: string
}

/** Undefined when there is none, or when it is not written to its end yet. */
export async function readPidFile(cluster: string): Promise<PidFile | undefined> {
  const text = await readFile(pidPath(cluster), 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const lines = text.split('\n').map((line) => line.trim())
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  return { pid, port: Number(lines[3] ?? 0), status: lines[7] ?? '', text }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

/** Whether the process is the server of this cluster, by its command line; unknown counts as yes. */
export async function isServerOf(cluster: string, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false
  const line = process.platform === 'linux' ? await linuxCommandLine(pid) : await listedCommandLine(pid)
  return line === undefined || line.includes(cluster)
}

/** Empty for a process that has ended and waits to be reaped. */
async function linuxCommandLine(pid: number): Promise<string | undefined> {
  return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch((error: unknown) =>
    errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH' ? '' : undefined,
  )
}

async function listedCommandLine(pid: number): Promise<string | undefined> {
  const { ok, output } = await runAs(undefined, 'ps', ['-ww', '-o', 'command=', '-p', String(pid)])
  return ok ? output : undefined
}

/**
 * Removes the file of a server that is gone. It is moved aside and looked at again before it is dropped, so
 * that the file of a server that another process has started meanwhile comes back.
 */
export async function removePidFile(cluster: string, stale: PidFile): Promise<void> {
  const aside = `${pidPath(cluster)}.${randomBytes(6).toString('hex')}`
  try {
    await rename(pidPath(cluster), aside)
    if ((await readFile(aside, 'utf8')) !== stale.text) await link(aside, pidPath(cluster))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'EEXIST') throw error
  } finally {
    await rm(aside, { force: true })
  }
}

function pidPath(cluster: string): string {
  return join(cluster, 'postmaster.pid')
}
