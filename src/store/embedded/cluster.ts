import { randomBytes } from 'node:crypto'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BaywireError } from '../../errors.ts'
import { runAs } from './account.ts'
import type { Binaries } from './binaries.ts'
import { isAlive } from './pid-file.ts'
import { errorCode, exists, makePrivate, writePrivate } from './files.ts'
import type { Place } from './place.ts'
import { superuser } from './session.ts'

/**
 * The files of the database. They are made under another name, which holds the maker's pid, and appear by
 * one rename: a start that is interrupted or fails leaves nothing that a later one would take for a database,
 * and of several processes that make one at the same moment, all use the one that was first.
 */
export function clusterOf({ directory }: Place): string {
  return join(directory, 'cluster')
}

export async function readPassword({ directory }: Place): Promise<string> {
  return (await readFile(join(directory, 'password'), 'utf8')).trim()
}

/** The port that the server had last: kept where possible, so that what is connected finds it again. */
export async function readPort({ directory }: Place): Promise<number> {
  return Number(await readFile(join(directory, 'port'), 'utf8').catch(() => '0')) || 0
}

export async function writePort({ directory, account }: Place, port: number): Promise<void> {
  await writePrivate(join(directory, 'port'), `${port}\n`, account)
}

export async function checkVersion(place: Place, binaries: Binaries): Promise<void> {
  const version = (await readFile(join(clusterOf(place), 'PG_VERSION'), 'utf8')).trim()
  if (version === String(binaries.major)) return
  throw new BaywireError(
    `the embedded database in ${place.directory} was made by PostgreSQL ${version}; this Baywire brings ${binaries.major}`,
    { advice: 'run the Baywire that made it, or set BAYWIRE_DATA_DIR to a new directory' },
  )
}

export async function createCluster(place: Place, binaries: Binaries): Promise<void> {
  await removeAbandoned(place)
  const draft = `${place.directory}.new-${process.pid}-${randomBytes(6).toString('hex')}`
  try {
    await makePrivate(draft, place.account)
    await runInitdb(draft, place, binaries)
    await rename(draft, place.directory)
    await syncDirectory(dirname(place.directory))
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function runInitdb(draft: string, { account }: Place, binaries: Binaries): Promise<void> {
  const password = join(draft, 'password')
  await writePrivate(password, `${randomBytes(24).toString('base64url')}\n`, account)
  const { ok, output } = await runAs(account, join(binaries.directory, 'bin', 'initdb'), [
    `--pgdata=${join(draft, 'cluster')}`,
    `--username=${superuser}`,
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ])
  if (ok) return
  throw new BaywireError(`the embedded database could not be created: ${lastLines(output)}`, {
    advice: /could not look up effective user ID/.test(output) ? nameTheUser : seeTheReason,
  })
}

const seeTheReason = 'BAYWIRE_DATA_DIR says where it is created; with DATABASE_URL there is no need for it'
const nameTheUser =
  'PostgreSQL needs an entry in /etc/passwd for the user it runs as: add one, run as another user, or set DATABASE_URL'

/** Drafts of makers that were killed. One that is still written to is left to the next start. */
async function removeAbandoned({ directory }: Place): Promise<void> {
  const prefix = `${basename(directory)}.new-`
  for (const name of await readdir(dirname(directory))) {
    if (!name.startsWith(prefix) || isAlive(Number(name.slice(prefix.length).split('-')[0]))) continue
    // oxlint-disable-next-line no-await-in-loop
    await rm(join(dirname(directory), name), { recursive: true, force: true }).catch(() => {})
  }
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A directory of this name that is no database of ours is never touched. */
export async function clusterExists(place: Place): Promise<boolean> {
  if (!(await exists(place.directory))) return false
  if (await exists(join(clusterOf(place), 'PG_VERSION'))) return true
  throw new BaywireError(`${place.directory} holds no database of Baywire`, {
    advice: 'move it away, or set BAYWIRE_DATA_DIR to another directory',
  })
}

export function lastLines(output: string, count = 5): string {
  return output.trim().split('\n').slice(-count).join(' · ')
}
