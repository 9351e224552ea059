import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Home } from '../../e2e/support/home.ts'
import { EmbeddedProcess } from '../../support/embedded-process.ts'
import { Cable, type Tap } from './cable.ts'
import { inHome } from './in-home.ts'

export interface Behind {
  home: Home
  /** Between all programs of the home and their database. */
  cable: Cable
  /** The database itself, past the cable. */
  databaseUrl: string
}

/** A home whose database is somebody else's, and reached through a cable. Nothing is left of any of it. */
export async function withDatabaseBehindCable<T>(
  { tap, env = {} }: { tap?: Tap; env?: Record<string, string> },
  work: (behind: Behind) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'baywire-chaos-database-'))
  await chmod(directory, 0o755)
  const server = new EmbeddedProcess(directory, { stateDir: join(directory, 'state') })
  let cable: Cable | undefined
  try {
    const databaseUrl = await server.url()
    const url = new URL(databaseUrl)
    const joined = await Cable.to(Number(url.port), tap === undefined ? {} : { tap })
    cable = joined
    url.port = String(joined.port)
    return await inHome({ DATABASE_URL: url.href, ...env }, (home) => work({ home, cable: joined, databaseUrl }))
  } finally {
    cable?.close()
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
}
