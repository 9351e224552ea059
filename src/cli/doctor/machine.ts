import { randomBytes } from 'node:crypto'
import { open, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../config.ts'
import { describeError } from '../../errors.ts'
import { look, ok, problem, warning, type Finding } from './finding.ts'

/** This process and its disk. The data directory is looked at where the embedded database is in use. */
export async function checkMachine(config: Config, { embedded }: { embedded: boolean }): Promise<Finding[]> {
  const node = await look('node', () => checkNode(process.versions.node))
  if (!embedded) return node
  const directory = config.BAYWIRE_DATA_DIR
  const there = await stat(directory).catch(() => undefined)
  if (there === undefined) {
    const where = `BAYWIRE_DATA_DIR ${directory} is not there yet`
    return [...node, warning('data directory', where, 'the first `baywire start` makes it')]
  }
  return [
    ...node,
    ...(await look('data directory', () => checkPrivate(directory))),
    ...(await look('disk', () => checkSpace(directory))),
    ...(await look('disk', () => checkSync(directory))),
  ]
}

/** Until April 2026 there were fixes for Node 20. */
const oldestMaintained = 22

export function checkNode(version: string): Finding {
  const major = Number(version.split('.')[0])
  if (major >= oldestMaintained) return ok('node', `Node ${version}`)
  return warning('node', `Node ${version} is past its end of life: nobody mends it any more`, 'run Baywire on Node 24')
}

async function checkPrivate(directory: string): Promise<Finding> {
  const database = join(directory, 'postgres')
  const found = await stat(database).catch(() => undefined)
  if (found === undefined) return ok('data directory', directory)
  if ((found.mode & 0o077) === 0) return ok('data directory', `${directory}, its database for its owner alone`)
  const mode = (found.mode & 0o777).toString(8)
  return problem('data directory', `others may enter ${database} (mode ${mode})`, `chmod 700 ${database}`)
}

const gigabyte = 1_073_741_824
/** A full disk stops acknowledgements; below the first of these it may fill within the hour. */
const [leastBytes, comfortableBytes] = [gigabyte, 5 * gigabyte]

async function checkSpace(directory: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(directory)
  return judgeSpace(bavail * bsize)
}

export function judgeSpace(free: number): Finding {
  const what = `${(free / gigabyte).toFixed(1)} GB are free`
  const advice = 'free some space: on a full disk nothing is acknowledged'
  if (free < leastBytes) return problem('disk', what, advice)
  return free < comfortableBytes ? warning('disk', what, advice) : ok('disk', what)
}

/** That a write gets through to the disk can only be tried, not proven: a disk may lie. */
async function checkSync(directory: string): Promise<Finding> {
  const path = join(directory, `doctor-${randomBytes(6).toString('hex')}`)
  const began = performance.now()
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile('written by baywire doctor\n')
      await file.datasync()
    } finally {
      await file.close()
    }
    return ok('disk', `a write is on it after ${(performance.now() - began).toFixed(1)} ms`)
  } catch (error) {
    return problem(
      'disk',
      `nothing can be written to ${directory}: ${describeError(error)}`,
      'run this as the user of `baywire start`; otherwise look at the disk and the directory’s owner',
    )
  } finally {
    await rm(path, { force: true })
  }
}
