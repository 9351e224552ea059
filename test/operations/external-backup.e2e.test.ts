/** The commands of docs/backup.md for a PostgreSQL of one's own, run as they stand while readings stream in. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isRoot } from '../../src/store/embedded/account.ts'
import { projectRoot } from '../support/compose.ts'
import { debianPostgres, startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { eventually } from '../support/program.ts'
import { AckLog, type AcknowledgedReading } from '../e2e/support/acknowledged.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'
import { compareWithLog } from '../e2e/support/log.ts'

const run = promisify(execFile)
const tenant = 'saved'
/** For a busy machine. */
const loadMs = 120_000
const enough = 1000

let directory: string
let original: PostgresServer
let home: Home
let acknowledged: AcknowledgedReading[]

/** Kept with the backups: the keys that tokens are signed with lie sealed in the database. */
const secret = randomBytes(32).toString('hex')
const settings = (server: PostgresServer) => ({
  BAYWIRE_ENV: 'production',
  BAYWIRE_SECRET: secret,
  DATABASE_URL: server.url('baywire_owner:word', 'parking'),
  DATABASE_URL_API: server.url('door:word', 'parking'),
  DATABASE_URL_INGEST: server.url('pen:word', 'parking'),
})

/** The block of docs/backup.md that has this mark, run by a shell against the server. */
async function runBlock(mark: string, server: PostgresServer): Promise<void> {
  const text = await readFile(join(projectRoot, 'docs/backup.md'), 'utf8')
  const script = new RegExp(`<!-- ${mark} -->\\n\`\`\`sh\\n([^\`]*)\`\`\``).exec(text)?.[1]
  if (script === undefined) throw new Error(`docs/backup.md has no block "${mark}"`)
  const PATH = `${debianPostgres}:${process.env['PATH']}`
  const env = { PATH, PGHOST: '127.0.0.1', PGPORT: String(server.port), PGUSER: 'postgres', LC_ALL: 'C' }
  await run('/bin/sh', ['-e', '-c', script], { env, cwd: directory })
}

async function expectRestored(server: PostgresServer): Promise<void> {
  const restored = await Home.create(settings(server))
  try {
    const program = await restored.start()
    const log = await compareWithLog(server.url('postgres', 'parking'), { tenant, acknowledged })
    expect(log).toMatchObject({ missing: [], appliedTwice: [] })
    const { ledger } = await expectSound(restored, tenant)
    expect(ledger.received).toBeGreaterThanOrEqual(acknowledged.length)
    const { stdout } = await restored.run(['doctor', '--json'])
    const { findings } = JSON.parse(stdout) as { findings: { state: string }[] }
    expect(findings.filter(({ state }) => state === 'problem')).toEqual([])
    expect(await program.stop()).toMatchObject({ code: 0 })
  } finally {
    await restored.remove()
  }
}

describe.skipIf(debianPostgres === undefined)('docs/backup.md on a PostgreSQL of one’s own', () => {
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'baywire-external-'))
    await chmod(directory, 0o755)
    original = await startPostgres(debianPostgres ?? '')
    await original.execute([
      'create role baywire_owner login createrole',
      'create database parking owner baywire_owner',
    ])
    home = await Home.create(settings(original))
    expect(await home.run(['migrate', '--create-logins'])).toMatchObject({ code: 0 })
    const program = await home.start()
    const ackLog = new AckLog(join(home.directory, 'acknowledged.ndjson'))
    const load = `--spaces 200 --messages 1000000 --rate max --gateways 4 --ack-log ${ackLog.path}`.split(' ')
    const simulation = home.spawn(['simulate', '--tenant', tenant, '--provision', ...load])
    await eventually(`${enough} acknowledgements: ${simulation.describe()}`, () => ackLog.count() >= enough, {
      withinMs: loadMs,
    })
    acknowledged = ackLog.readings()
    await runBlock('dump', original)
    await runBlock('base backup', original)
    expect(simulation.running, 'under load until the end').toBe(true)
    await simulation.kill()
    await program.stop()
  }, 2 * loadMs)
  afterAll(async () => {
    await home?.remove()
    await original?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  it('restores a dump into an empty server', async () => {
    const server = await startPostgres(debianPostgres ?? '')
    try {
      await runBlock('restore', server)
      await expectRestored(server)
    } finally {
      await server.stop()
    }
  })

  it('starts on a base backup', async () => {
    const data = join(directory, 'restored')
    await cp(join(directory, 'base'), data, { recursive: true })
    if (isRoot()) await run('chown', ['-R', '65534:65534', data])
    const server = await startPostgres(debianPostgres ?? '', data)
    try {
      await expectRestored(server)
    } finally {
      await server.stop()
    }
  })

  it('cannot be dumped by its owner, whom row level security holds too', async () => {
    const dump = run(join(debianPostgres ?? '', 'pg_dump'), [original.url('baywire_owner', 'parking')])
    await expect(dump).rejects.toThrow(/row-level security/)
  })
})
