import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { UsageError } from '../errors.ts'

const secretBytes = 32

/**
 * What keys of this installation are derived from: BAYWIRE_SECRET, and in development, where it is not set, one that is made
 * once and kept in the data directory.
 */
export async function installationSecret(
  config: Pick<Config, 'BAYWIRE_SECRET' | 'BAYWIRE_ENV' | 'BAYWIRE_DATA_DIR'>,
): Promise<string> {
  if (config.BAYWIRE_SECRET !== undefined) return config.BAYWIRE_SECRET
  if (config.BAYWIRE_ENV === 'production') {
    throw new UsageError('BAYWIRE_SECRET is not set', 'set it to what `openssl rand -base64 48` gives, and keep it')
  }
  const path = join(config.BAYWIRE_DATA_DIR, 'secret')
  await mkdir(config.BAYWIRE_DATA_DIR, { recursive: true })
  // Whoever comes second reads what the first one wrote.
  await writeFile(path, randomBytes(secretBytes).toString('base64url'), { flag: 'wx', mode: 0o600 }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    },
  )
  return await readFile(path, 'utf8')
}
