import { randomBytes } from 'node:crypto'
import { lchown, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { BaywireError } from '../../errors.ts'
import type { Account } from './account.ts'
import { syncDirectory } from './cluster.ts'
import { errorCode, exists, fileError, makePrivate } from './files.ts'
import { copyFile, readManifest, type Manifest } from './manifest.ts'
import { defaultStateDir, findPlace } from './place.ts'

/**
 * Puts a backup into a data directory that has no database. Each file is compared with the manifest while it is
 * copied; the database appears by one rename, complete, or not at all. The next start makes it consistent.
 */
export interface RestoreOptions {
  from: string
  dataDir: string
  onProgress: (message: string) => void
  stateDir?: string
}

export async function restore(options: RestoreOptions): Promise<{ manifest: Manifest; directory: string }> {
  const { dataDir, onProgress, stateDir = defaultStateDir } = options
  const from = resolve(options.from)
  const manifest = await readManifest(from)
  const place = await findPlace({ dataDir, stateDir, onProgress })
  if (await exists(place.directory)) throw occupied(place.directory)
  // The name that a start takes for the draft of one that was killed, and removes.
  const draft = `${place.directory}.new-${process.pid}-${randomBytes(6).toString('hex')}`
  try {
    await checkSpace(dirname(place.directory), manifest)
    await makePrivate(draft, place.account)
    await copyAll(manifest, { from, draft, account: place.account })
    await rename(draft, place.directory)
    await syncDirectory(dirname(place.directory))
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw occupied(place.directory)
    throw fileError(error, dataDir)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return { manifest, directory: place.directory }
}

function occupied(directory: string): BaywireError {
  return new BaywireError(`BAYWIRE_DATA_DIR: there is a database in ${directory} already`, {
    advice: 'set BAYWIRE_DATA_DIR to a new directory, or stop what uses that one and move it away',
  })
}

async function checkSpace(directory: string, { files }: Manifest): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  if (bavail * bsize > bytes) return
  throw new BaywireError(`BAYWIRE_DATA_DIR: ${bytes} bytes are needed, ${bavail * bsize} are free`, {
    advice: 'free some space, or set BAYWIRE_DATA_DIR to a directory on another disk',
  })
}

async function copyAll(
  { directories, files }: Manifest,
  { from, draft, account }: { from: string; draft: string; account: Account | undefined },
): Promise<void> {
  /* oxlint-disable no-await-in-loop -- a directory before what is in it */
  for (const directory of directories) await makePrivate(join(draft, directory), account)
  for (const { path, size, sha256 } of files) {
    const target = join(draft, path)
    const copied = await copyFile(join(from, path), target).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error
      return undefined
    })
    if (copied?.size !== size || copied.sha256 !== sha256) throw damaged(join(from, path), copied === undefined)
    if (account !== undefined) await lchown(target, account.uid, account.gid)
  }
  for (const directory of [...directories.toReversed(), '']) await syncDirectory(join(draft, directory))
  /* oxlint-enable no-await-in-loop */
}

function damaged(path: string, missing: boolean): BaywireError {
  return new BaywireError(`the backup is damaged: ${path} ${missing ? 'is missing' : 'is not what was written'}`, {
    advice: 'restore another backup; nothing was restored from this one',
  })
}
