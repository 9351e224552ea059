import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { connect } from '../../src/store/client.ts'
import { startEmbeddedPostgres } from '../../src/store/embedded/embedded.ts'
import { migrate } from '../../src/store/migrations.ts'
import { onDatabase, TEMPLATE } from './database.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The server that all tests of a run share, as its superuser. */
    serverUrl: string
  }
}

/** Starts one server for the run and migrates the database that every test database is a copy of. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'baywire-test-'))
  await chmod(dataDir, 0o755)
  const server = await startEmbeddedPostgres({ dataDir, onProgress: () => {} })
  const teardown = async () => {
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    const sql = connect({ url: server.url, max: 1, statementTimeoutMs: 60_000, name: 'baywire test setup' })
    await sql.unsafe(`create database ${TEMPLATE}`)
    await sql.end()
    await migrate(onDatabase(server.url, TEMPLATE), { onProgress: () => {} })
  } catch (error) {
    await teardown()
    throw error
  }
  project.provide('serverUrl', server.url)
  return teardown
}
