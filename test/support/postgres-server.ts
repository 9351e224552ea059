import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from '../../src/store/client.ts'
import { findBinaries } from '../../src/store/embedded/binaries.ts'
import { isRoot, serverAccount, spawnOptions } from '../../src/store/embedded/account.ts'
import { eventually, freePort } from './program.ts'

const run = promisify(execFile)

/** A PostgreSQL as an operator has one, apart from Baywire: its settings can be changed, and it asks for no password. */
export interface PostgresServer {
  port: number
  /** Where its files are. */
  data: string
  /** Of a database, as a login that is there. */
  url(login?: string, database?: string): string
  /** Runs statements one by one, as superuser. */
  execute(statements: readonly string[], database?: string): Promise<void>
  stop(): Promise<void>
}

/** Of Debian, with all the tools of its version; undefined where it is not installed. */
export const debianPostgres: string | undefined = ['/usr/lib/postgresql/15/bin', '/usr/lib/postgresql/17/bin'].find(
  (directory) => existsSync(join(directory, 'initdb')),
)

/** The directory of the programs that npm has installed: initdb and postgres alone. */
export async function npmPostgres(copies: string): Promise<string> {
  const account = await serverAccount(copies)
  return join((await findBinaries({ account, copies, onProgress: () => {} })).directory, 'bin')
}

/** @param data an existing cluster to run; without one, a new one is made and removed again */
export async function startPostgres(bin: string, data?: string): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'baywire-postgres-'))
  await chmod(directory, 0o700)
  const account = isRoot() ? { uid: 65_534, gid: 65_534 } : undefined
  if (account !== undefined) await chown(directory, account.uid, account.gid)
  const cluster = data ?? join(directory, 'cluster')
  const parameters = ['-D', cluster, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C']
  if (data === undefined) await run(join(bin, 'initdb'), parameters, spawnOptions(account))
  const port = await freePort()
  const options = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=']
  const server = spawn(join(bin, 'postgres'), ['-D', cluster, ...options.flatMap((option) => ['-c', option])], {
    ...spawnOptions(account),
    stdio: 'ignore',
  })
  const kill = () => server.kill('SIGKILL')
  process.once('exit', kill)
  const url = (login = 'postgres', database = 'postgres') => `postgres://${login}@127.0.0.1:${port}/${database}`
  const execute = (statements: readonly string[], database?: string) => runAll(url('postgres', database), statements)
  await eventually('the server answers', async () => {
    await execute(['select 1'])
    return true
  })
  return {
    port,
    data: cluster,
    url,
    execute,
    stop: async () => {
      process.off('exit', kill)
      await end(server)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exited = once(server, 'exit')
  server.kill('SIGINT')
  await exited
}

async function runAll(url: string, statements: readonly string[]): Promise<void> {
  const sql = connect({ url, max: 1, statementTimeoutMs: 30_000, name: 'test' })
  try {
    // oxlint-disable-next-line no-await-in-loop
    for (const statement of statements) await sql.unsafe(statement)
  } finally {
    await sql.end({ timeout: 1 })
  }
}
