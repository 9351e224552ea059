/** A backup taken while readings stream in, restored elsewhere: it starts unaided and has what it must have. */
import { appendFile, cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { eventually } from '../support/program.ts'
import { AckLog, type AcknowledgedReading } from '../e2e/support/acknowledged.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'
import { compareWithLog } from '../e2e/support/log.ts'

interface Backup {
  to: string
  received: number
  files: number
  bytes: number
}

const tenant = 'saved'
/** For a busy machine. */
const loadMs = 120_000
const enough = 2000

let home: Home
let other: Home
let backup: Backup
/** What the publisher had been told before the backup began. */
let acknowledged: AcknowledgedReading[]
let acknowledgedAfter: number

beforeAll(async () => {
  home = await Home.create()
  other = await Home.create()
  const program = await home.start()
  const ackLog = new AckLog(join(home.directory, 'acknowledged.ndjson'))
  const load = `--spaces 300 --messages 1000000 --rate max --gateways 4 --ack-log ${ackLog.path}`.split(' ')
  const simulation = home.spawn(['simulate', '--tenant', tenant, '--provision', '--json', ...load])
  await eventually(`${enough} acknowledgements: ${simulation.describe()}`, () => ackLog.count() >= enough, {
    withinMs: loadMs,
  })
  acknowledged = ackLog.readings()
  backup = await home.json<Backup>(['backup', '--to', join(home.directory, 'backup')])
  acknowledgedAfter = ackLog.count()
  expect(simulation.running, 'under load until its end').toBe(true)
  await simulation.kill()
  expect(await program.stop()).toMatchObject({ code: 0 })
}, 2 * loadMs)
afterAll(() => Promise.all([home.remove(), other.remove()]))

describe('a backup under load', () => {
  it('counts what it has, and is for nobody else to read', async () => {
    expect(backup.received).toBeGreaterThanOrEqual(acknowledged.length)
    expect(acknowledgedAfter, 'readings went on meanwhile').toBeGreaterThan(acknowledged.length)
    expect((await stat(backup.to)).mode & 0o777).toBe(0o700)
    expect((await stat(join(backup.to, 'cluster/PG_VERSION'))).mode & 0o777).toBe(0o600)
  })

  it('is restored elsewhere, starts unaided and has every reading acknowledged before', async () => {
    expect(await other.json(['restore', '--from', backup.to])).toMatchObject({ received: backup.received })
    const program = await other.start()
    const log = await compareWithLog(await other.databaseUrl(), { tenant, acknowledged })
    expect(log).toMatchObject({ missing: [], appliedTwice: [] })
    const { ledger } = await expectSound(other, tenant)
    expect(ledger.received).toBeGreaterThanOrEqual(backup.received)
    expect(await program.stop()).toMatchObject({ code: 0 })
  })

  it('has, of the log of the original, a beginning without gaps', async () => {
    const [restored, original] = await Promise.all([committed(other), committed(home)])
    expect(restored.length).toBeGreaterThanOrEqual(backup.received)
    const there = new Set(original)
    expect(restored.filter((reading) => !there.has(reading))).toEqual([])
  })

  it('is not laid over a database', async () => {
    const { code, stderr } = await other.run(['restore', '--from', backup.to])
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^baywire: BAYWIRE_DATA_DIR: there is a database in .* already: set BAYWIRE_DATA/),
    })
    expect(await committed(other)).not.toEqual([])
  })

  it('is not written over anything', async () => {
    const { code, stderr } = await home.run(['backup', '--to', backup.to])
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/--to: .* exists already/) })
  })
})

describe('a damaged backup', () => {
  const damages: [string, (copy: string) => Promise<void>, RegExp][] = [
    ['a file that grew', (copy) => appendFile(join(copy, 'cluster/PG_VERSION'), '9'), /damaged: .* is not what was/],
    ['a file that is gone', (copy) => rm(join(copy, 'cluster/backup_label')), /damaged: .*backup_label is missing/],
    ['no manifest: it was cut short', (copy) => rm(join(copy, 'manifest.json')), /is no backup of Baywire: ENOENT/],
    ['a manifest that leads elsewhere', leadOut, /is no backup of Baywire: .*leads out of the backup/s],
  ]
  it.each(damages)('is refused and nothing of it is left: %s', async (_, damage, message) => {
    const copy = join(home.directory, 'damaged')
    await cp(backup.to, copy, { recursive: true })
    await damage(copy)
    const empty = await Home.create()
    try {
      const { code, stderr } = await empty.run(['restore', '--from', copy])
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(message) })
      await expect(stat(join(empty.directory, 'data/postgres'))).rejects.toThrow('ENOENT')
    } finally {
      await empty.remove()
      await rm(copy, { recursive: true })
    }
  })
})

it('killed half-way leaves no backup, nothing held on the server, and the way free for the next', async () => {
  const program = await home.start()
  const to = join(home.directory, 'killed')
  const killed = home.spawn(['backup', '--to', to])
  await eventually('the copy has begun', async () => {
    if (!killed.running) throw new Error(killed.describe())
    return (await readdir(home.directory)).some((name) => name.startsWith('killed.partial-'))
  })
  await killed.kill()
  await expect(stat(to)).rejects.toThrow('ENOENT')
  const sql = connect({ url: await home.databaseUrl(), max: 1, statementTimeoutMs: 10_000, name: 'test' })
  try {
    await eventually('the slot is gone', async () => {
      const [held] = await sql<{ slots: number }[]>`select count(*) as slots from pg_replication_slots`
      return held?.slots === 0
    })
  } finally {
    await sql.end({ timeout: 1 })
  }
  expect(await home.json<Backup>(['backup', '--to', to])).toMatchObject({ to })
  expect(await program.stop()).toMatchObject({ code: 0 })
})

it('of an external database is somebody else’s work, and says whose', async () => {
  const env = { DATABASE_URL: 'postgres://u:hidden-word@127.0.0.1:1/x' }
  const { code, stderr } = await home.run(['backup', '--to', join(home.directory, 'never')], { env })
  expect(code).toBe(2)
  expect(stderr).toMatch(/^baywire: this is for the embedded database.*pg_basebackup or pg_dump/)
})

it('of a directory without a database is refused', async () => {
  const empty = await Home.create()
  const { code, stderr } = await empty.run(['backup', '--to', join(empty.directory, 'never')])
  await empty.remove()
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/there is no database in/) })
})

async function leadOut(copy: string): Promise<void> {
  const path = join(copy, 'manifest.json')
  const manifest = JSON.parse(await readFile(path, 'utf8')) as { files: { path: string }[] }
  manifest.files.push({ ...manifest.files[0], path: '../elsewhere' })
  await writeFile(path, JSON.stringify(manifest))
}

/** The deliveries of the log by their id. Starts the database for as long as it takes to read them. */
async function committed(from: Home): Promise<string[]> {
  const program = await from.start()
  const sql = connect({ url: await from.databaseUrl(), max: 1, statementTimeoutMs: 30_000, name: 'test' })
  try {
    const rows = await sql<{ id: string }[]>`select id || ' ' || part as id from readings order by 1`
    return rows.map(({ id }) => id)
  } finally {
    await sql.end({ timeout: 1 })
    await program.stop()
  }
}
