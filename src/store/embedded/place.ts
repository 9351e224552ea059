import { randomBytes } from 'node:crypto'
import { link, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BaywireError } from '../../errors.ts'
import { canEnter, isRoot, serverAccount, type Account } from './account.ts'
import { errorCode, exists, fileError, makeEnterable } from './files.ts'

/**
 * Where the embedded database of a data directory lives, and who runs it.
 *
 * Normally that is `<data dir>/postgres`. Root's server runs as another user, who may be unable to enter the
 * data directory (a home with mode 0700): then a directory below `stateDir` is used, and the file
 * `postgres.location` in the data directory says which, so that removing the data directory starts anew.
 */
export interface Place {
  /** Holds `cluster`, `password`, `port` and `server.log`; it appears by one rename, complete, or not at all. */
  directory: string
  account: Account | undefined
  /** Where a copy of the binaries may be put. */
  copies: string
}

export const defaultStateDir = '/var/lib/baywire'

export interface PlaceOptions {
  dataDir: string
  stateDir: string
  onProgress: (message: string) => void
}

export async function findPlace(options: PlaceOptions): Promise<Place> {
  try {
    const dataDir = await prepareDataDir(options.dataDir)
    const inside = join(dataDir, 'postgres')
    if (!isRoot()) return { directory: inside, account: undefined, copies: dataDir }
    return await findPlaceAsRoot({ ...options, dataDir }, inside)
  } catch (error) {
    throw fileError(error, options.dataDir)
  }
}

async function findPlaceAsRoot(options: PlaceOptions, inside: string): Promise<Place> {
  const { dataDir, stateDir } = options
  const account = await serverAccount(inside)
  const reachable = await canEnter(account, dataDir)
  if (await exists(inside)) {
    if (reachable) return { directory: inside, account, copies: stateDir }
    throw new BaywireError(
      `BAYWIRE_DATA_DIR: the user ${account?.uid} that runs the embedded database cannot enter ${dataDir}`,
      { advice: `make it and every directory above it enterable (chmod o+x), or move it elsewhere` },
    )
  }
  const locationFile = join(dataDir, 'postgres.location')
  const location = await readFile(locationFile, 'utf8').catch(() => undefined)
  if (location === undefined && reachable) return { directory: inside, account, copies: stateDir }
  const state = location?.trim() || (await createLocation(locationFile, stateDir))
  await makeEnterable(stateDir)
  await makeEnterable(state)
  options.onProgress(`the embedded database of ${dataDir} lives in ${state}: its user cannot enter the former`)
  const directory = join(state, 'postgres')
  return { directory, account: await serverAccount(directory), copies: stateDir }
}

/** Names a directory below `stateDir`; of several processes that do so at once, all get the first one's. */
async function createLocation(locationFile: string, stateDir: string): Promise<string> {
  const draft = `${locationFile}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, `${join(stateDir, randomBytes(6).toString('hex'))}\n`, { mode: 0o644 })
  try {
    await link(draft, locationFile)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
  return (await readFile(locationFile, 'utf8')).trim()
}

async function prepareDataDir(dataDir: string): Promise<string> {
  await makeEnterable(dataDir)
  return await realpath(dataDir)
}
