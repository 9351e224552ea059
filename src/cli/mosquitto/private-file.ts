import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Files that another process may read at any moment, and of which a half, or none, would shut everybody out or let
 * somebody in. So a file is written beside its place, forced to the disk, and put there by renaming: what stands in
 * the place is the old text or the new one, after a power cut too. They belong to the owner of the directory, who is
 * the broker's user, and nobody else reads them.
 */
const unfinished = /^\.[^/]+\.[0-9a-f]{16}\.new$/

export async function writePrivateFile(
  directory: string,
  { name, text }: { name: string; text: string },
): Promise<void> {
  const beside = join(directory, `.${name}.${randomBytes(8).toString('hex')}.new`)
  try {
    await writeToDisk(beside, { text, owner: await stat(directory) })
    await rename(beside, join(directory, name))
    await syncDirectory(directory)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

/** Undefined where there is none. */
export async function readPrivateFile(directory: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, name), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** What a crash has left half written. */
export async function removeUnfinished(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => unfinished.test(name))
  await Promise.all(names.map((name) => rm(join(directory, name), { force: true })))
}

async function writeToDisk(
  path: string,
  { text, owner }: { text: string; owner: { uid: number; gid: number } },
): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    await file.writeFile(text)
    if (process.getuid?.() === 0) await file.chown(owner.uid, owner.gid)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
