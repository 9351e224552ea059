import { constants } from 'node:fs'
import { chmod, lchown, lstat, mkdir, open, type FileHandle } from 'node:fs/promises'
import { BaywireError, describeError } from '../../errors.ts'
import { isRoot, type Account } from './account.ts'

/**
 * Files and directories that root makes for the server's user. That user may have put a link in their place,
 * so that links are never followed here: nothing else is written to or given away.
 */
/** What root makes must be enterable by the server's user whatever the umask; what exists is left as it is. */
export async function makeEnterable(directory: string): Promise<void> {
  const created = await mkdir(directory, { recursive: true })
  if (created !== undefined && isRoot()) await chmod(directory, 0o711)
}

/** Makes a private directory of the server's user. */
export async function makePrivate(directory: string, account: Account | undefined): Promise<void> {
  await mkdir(directory, { mode: 0o700 })
  if (account !== undefined) await lchown(directory, account.uid, account.gid)
}

/** Opens a private file, to append to and to read; it belongs to the server's user whoever opens it first. */
export async function openPrivate(path: string, account: Account | undefined): Promise<FileHandle> {
  const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW } = constants
  const file = await open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600)
  const { nlink } = await file.stat()
  if (account === undefined) return file
  if (nlink === 1) {
    await file.chown(account.uid, account.gid)
    return file
  }
  await file.close()
  throw new BaywireError(`${path} is not a file of its own`, { advice: 'remove it' })
}

export async function writePrivate(path: string, text: string, account: Account | undefined): Promise<void> {
  const file = await openPrivate(path, account)
  try {
    await file.truncate(0)
    await file.writeFile(text)
  } finally {
    await file.close()
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

const fileAdvice: Record<string, string> = {
  EACCES: 'run as the user who owns it, or set BAYWIRE_DATA_DIR to a directory that you may write to',
  EPERM: 'run as the user who owns it, or set BAYWIRE_DATA_DIR to a directory that you may write to',
  EROFS: 'set BAYWIRE_DATA_DIR to a directory that can be written to',
  ENOTDIR: 'set BAYWIRE_DATA_DIR to a directory',
  EEXIST: 'set BAYWIRE_DATA_DIR to a directory',
  ELOOP: 'remove the link that stands in place of a file of the database',
  ENOSPC: 'free some space, or set BAYWIRE_DATA_DIR to a directory on another disk',
  EDQUOT: 'free some space, or set BAYWIRE_DATA_DIR to a directory on another disk',
}

/** Turns a failure of the file system into one line that names the setting; others pass through. */
export function fileError(error: unknown, dataDir: string, setting = 'BAYWIRE_DATA_DIR'): unknown {
  const advice = fileAdvice[errorCode(error) ?? '']
  if (error instanceof BaywireError || advice === undefined) return error
  return new BaywireError(`${setting}: cannot use ${dataDir}: ${describeError(error)}`, {
    advice: advice.replace('set BAYWIRE_DATA_DIR to', setting === 'BAYWIRE_DATA_DIR' ? '$&' : 'name'),
    cause: error,
  })
}
