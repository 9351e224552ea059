import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { BaywireError } from '../errors.ts'

type Settings = Pick<Config, 'BAYWIRE_SECRET' | 'BAYWIRE_ENV' | 'BAYWIRE_DATA_DIR'>

const secretBytes = 32

/**
 * The secret of the installation. Development has one of its own, made once and kept where its database is; production
 * must be given one: several processes need the same, and it must outlive the machine.
 */
export async function installationSecret(config: Settings): Promise<string> {
  requireSecret(config)
  return config.BAYWIRE_SECRET ?? (await keptSecret(config.BAYWIRE_DATA_DIR))
}

/** Refuses a start in production that was not given one. */
export function requireSecret({ BAYWIRE_SECRET: given, BAYWIRE_ENV: environment }: Omit<Settings, 'BAYWIRE_DATA_DIR'>) {
  if (given !== undefined || environment !== 'production') return
  throw new BaywireError('BAYWIRE_SECRET is not set: with BAYWIRE_ENV=production the API needs one', {
    advice: 'make one with `openssl rand -hex 32`, and keep it as long as the database',
  })
}

/** Whoever comes first makes it; it appears complete, or not at all. */
async function keptSecret(directory: string): Promise<string> {
  const path = join(directory, 'secret')
  const kept = await readIfThere(path)
  if (kept !== undefined) return kept
  await mkdir(directory, { recursive: true })
  const beside = `${path}.${randomBytes(8).toString('hex')}.new`
  try {
    await writePrivate(beside, `${randomBytes(secretBytes).toString('hex')}\n`)
    await link(beside, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(beside, { force: true })
  }
  const made = await readIfThere(path)
  if (made === undefined) throw new BaywireError(`BAYWIRE_DATA_DIR: ${path} cannot be kept`)
  return made
}

async function writePrivate(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim()
    if (text.length < secretBytes) {
      throw new BaywireError(`${path} is too short to be the secret that was made`, {
        advice: 'remove it: a new one is made, and all are signed out',
      })
    }
    await chmod(path, 0o600)
    return text
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
