import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Sql } from '../../src/store/client.ts'
import { checkSchema, findPending, migrate } from '../../src/store/migrations.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.ts'

let folder: string
let database: TestDatabase
let sql: Sql
const quiet = { onProgress: () => {} }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'baywire-migrations-'))
  return async () => {
    await rm(folder, { recursive: true, force: true })
  }
})

beforeEach(async () => {
  database = await createEmptyDatabase()
  sql = connect({ url: database.ownerUrl, max: 2, statementTimeoutMs: 10_000, name: 'test' })
  return async () => {
    await sql.end({ timeout: 1 })
    await database.drop()
  }
})

/** A migrations folder with these entries, written at these times. */
async function migrations(entries: { tag: string; when: number; sql: string }[]): Promise<string> {
  const path = await mkdtemp(join(folder, 'set-'))
  await mkdir(join(path, 'meta'))
  const journal = entries.map(({ tag, when }, idx) => ({ idx, version: '7', when, tag, breakpoints: true }))
  await writeFile(
    join(path, 'meta', '_journal.json'),
    JSON.stringify({ version: '7', dialect: 'postgresql', entries: journal }),
  )
  for (const entry of entries) await writeFile(join(path, `${entry.tag}.sql`), entry.sql)
  return path
}

const first = { tag: '0000_first', when: 1000, sql: 'create table first_table (id int)' }
const second = { tag: '0001_second', when: 2000, sql: 'create table second_table (id int)' }

describe('migrate', () => {
  it('applies what is missing, once, and says what it applied', async () => {
    const one = await migrations([first])
    expect(await migrate(database.ownerUrl, { ...quiet, migrationsFolder: one })).toEqual({ applied: ['0000_first'] })
    expect(await migrate(database.ownerUrl, { ...quiet, migrationsFolder: one })).toEqual({ applied: [] })
    const both = await migrations([first, second])
    expect(await migrate(database.ownerUrl, { ...quiet, migrationsFolder: both })).toEqual({ applied: ['0001_second'] })
    await checkSchema(sql, { migrationsFolder: both })
  })

  it('is done once when several processes migrate at the same moment', async () => {
    const slow = { ...first, sql: 'select pg_sleep(0.2);--> statement-breakpoint\ncreate table first_table (id int)' }
    const migrationsFolder = await migrations([slow])
    const runs = await Promise.all([1, 2, 3].map(() => migrate(database.ownerUrl, { ...quiet, migrationsFolder })))
    expect(runs.flatMap(({ applied }) => applied)).toEqual(['0000_first'])
  })

  it('applies all of the pending ones or none', async () => {
    const migrationsFolder = await migrations([first, { ...second, sql: 'create table broken (id nonsense)' }])
    await expect(migrate(database.ownerUrl, { ...quiet, migrationsFolder })).rejects.toMatchObject({
      name: 'BaywireError',
      message: expect.stringContaining('type "nonsense" does not exist'),
    })
    const [row] = await sql`select to_regclass('first_table') as name`
    expect(row).toEqual({ name: null })
  })

  it('refuses a database that a newer program has migrated', async () => {
    await migrate(database.ownerUrl, { ...quiet, migrationsFolder: await migrations([first, second]) })
    const older = await migrations([first])
    const refusal = { name: 'BaywireError', message: expect.stringContaining('does not know') }
    await expect(migrate(database.ownerUrl, { ...quiet, migrationsFolder: older })).rejects.toMatchObject(refusal)
    await expect(checkSchema(sql, { migrationsFolder: older })).rejects.toMatchObject(refusal)
  })

  it('refuses a migration that was merged behind one already applied', async () => {
    await migrate(database.ownerUrl, { ...quiet, migrationsFolder: await migrations([second]) })
    const late = await migrations([first, second])
    const refusal = { name: 'BaywireError', message: expect.stringContaining('0000_first is older') }
    await expect(migrate(database.ownerUrl, { ...quiet, migrationsFolder: late })).rejects.toMatchObject(refusal)
    await expect(checkSchema(sql, { migrationsFolder: late })).rejects.toMatchObject(refusal)
  })

  it('refuses a migration that was changed after it was applied', async () => {
    const original = await migrations([first])
    await migrate(database.ownerUrl, { ...quiet, migrationsFolder: original })
    const changed = join(folder, 'changed')
    await cp(original, changed, { recursive: true })
    const file = join(changed, '0000_first.sql')
    await writeFile(file, `${await readFile(file, 'utf8')} -- and more`)
    await expect(checkSchema(sql, { migrationsFolder: changed })).rejects.toMatchObject({
      message: expect.stringContaining('0000_first was changed'),
    })
  })

  it('names DATABASE_URL when the server cannot be reached', async () => {
    const url = new URL(database.ownerUrl)
    url.password = 'wrong-secret'
    await expect(migrate(url.href, quiet)).rejects.toMatchObject({
      name: 'BaywireError',
      message: expect.stringMatching(/^DATABASE_URL: .*wrong user or password/),
    })
  })
})

describe('checkSchema', () => {
  it('says what to run on an empty database', async () => {
    await expect(checkSchema(sql)).rejects.toMatchObject({ advice: 'run `baywire migrate`' })
  })

  it('is content with the migrations of this program, as each role', async () => {
    const migrated = await createTestDatabase()
    for (const role of ['baywire_api', 'baywire_ingest'] as const) {
      const client = connect({ url: migrated.ownerUrl, role, max: 1, statementTimeoutMs: 10_000, name: 'test' })
      await checkSchema(client)
      await client.end()
    }
    await migrated.drop()
  })
})

describe('findPending', () => {
  it('finds nothing to do without migrations', () => {
    expect(findPending([], [])).toEqual([])
  })
})
