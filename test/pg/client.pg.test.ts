import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { assertRole, checkConnection, connect, resolveDatabase, type Sql } from '../../src/store/client.ts'
import { connectionError, isDataError, isTransient } from '../../src/store/connection-error.ts'
import { systemDatabase } from '../../src/store/transactions.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
let open: Sql[] = []

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())
afterEach(async () => {
  await Promise.all(open.map((sql) => sql.end({ timeout: 1 })))
  open = []
})

function client(options: Partial<Parameters<typeof connect>[0]> = {}): Sql {
  const defaults = { url: database.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'test' }
  const sql = connect({ ...defaults, ...options })
  open.push(sql)
  return sql
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.unreachable('should have failed'),
    (error: unknown) => error,
  )
}

async function roleOf(sql: Sql): Promise<unknown> {
  const [row] = await sql`select current_user as role`
  return row?.['role']
}

async function withLogin(name: string, attribute: string, use: (url: string, login: string) => Promise<void>) {
  const owner = client()
  await owner.unsafe(`create role ${name} login password 'of-the-test' ${attribute}`)
  const url = new URL(database.ownerUrl)
  url.username = name
  url.password = 'of-the-test'
  try {
    await use(url.href, name)
  } finally {
    await Promise.all(open.filter((sql) => sql !== owner).map((sql) => sql.end({ timeout: 1 })))
    await owner.unsafe(`drop owned by ${name}; drop role ${name}`)
  }
}

describe('a connection', () => {
  it.each(['baywire_api', 'baywire_ingest'] as const)('of the role %s has it whatever happens', async (role) => {
    const sql = client({ role })
    expect(await roleOf(sql)).toBe(role)
    await sql`reset all`
    expect(await roleOf(sql)).toBe(role)
    await sql`reset role`
    expect(await roleOf(sql)).toBe(role)
    await expect(sql`create table mine (id int)`).rejects.toMatchObject({ code: '42501' })
  })

  it('has its role again after it was lost', async () => {
    const lasting = systemDatabase({ url: database.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'test' })
    const identity = () =>
      lasting.withSystem(async (tx) => await tx`select pg_backend_pid() as pid, current_user as role`)
    try {
      const [before] = await identity()
      await client()`select pg_terminate_backend(${before?.['pid']})`
      // The loss may first be seen by a transaction that is on its way.
      const [after] = await identity().catch(identity)
      expect(after?.['role']).toBe('baywire_ingest')
      expect(after?.['pid']).not.toBe(before?.['pid'])
    } finally {
      await lasting.close()
    }
  })

  it('each one of a pool', async () => {
    const sql = client({ role: 'baywire_ingest', max: 3 })
    const rows = await Promise.all(
      [1, 2, 3].map(() => sql`select current_user as role, pg_backend_pid() as pid, pg_sleep(0.1)`),
    )
    expect(rows.map(([row]) => row?.['role'])).toEqual(['baywire_ingest', 'baywire_ingest', 'baywire_ingest'])
    expect(new Set(rows.map(([row]) => row?.['pid'])).size).toBe(3)
  })

  it.each([
    [false, { plans: 'force_custom_plan', scans: 'on' }],
    [true, { plans: 'force_generic_plan', scans: 'off' }],
  ])('plans statements of few rows (%s) once, and by index alone', async (fewRows, expected) => {
    const system = systemDatabase({ url: database.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'test' })
    try {
      const [found] = await system.withSystem(
        async (tx) =>
          await tx`
          select current_setting('plan_cache_mode') as plans, current_setting('enable_seqscan') as scans,
            current_user as role`,
        { fewRows },
      )
      expect(found).toEqual({ ...expected, role: 'baywire_ingest' })
    } finally {
      await system.close()
    }
  })

  it('limits the duration of a statement and tells its name', async () => {
    const sql = client({ statementTimeoutMs: 50, name: 'baywire somebody' })
    await expect(sql`select pg_sleep(10)`).rejects.toMatchObject({ code: '57014' })
    expect(await sql`select current_setting('application_name') as name`).toEqual([{ name: 'baywire somebody' }])
  })

  it('reads bigints as numbers and refuses those that are none', async () => {
    const sql = client()
    expect(await sql`select count(*) as n from generate_series(1, 3)`).toEqual([{ n: 3 }])
    expect(await sql`select ${Number.MAX_SAFE_INTEGER}::bigint as n`).toEqual([{ n: Number.MAX_SAFE_INTEGER }])
    await expect(sql`select 9007199254740993::bigint as n`).rejects.toThrow('9007199254740993')
    expect(await sql`select 1::bigint as n`).toEqual([{ n: 1 }])
  })
})

describe('assertRole', () => {
  const logins = [
    ['superuser', 'superuser', 'is or can become a superuser'],
    ['bypassing', 'bypassrls', 'has or can get BYPASSRLS'],
    ['owning', '', 'owns tables'],
  ] as const

  it.each(logins)('refuses a login that is %s', async (name, attribute, fault) => {
    await withLogin(`test_${name}`, attribute, async (url, login) => {
      if (name === 'owning') {
        await client()`create schema theirs`
        await client().unsafe(`create table theirs.own (); alter table theirs.own owner to ${login}`)
      }
      await expect(assertRole(client({ url }), 'DATABASE_URL_API')).rejects.toMatchObject({
        name: 'BaywireError',
        message: expect.stringMatching(new RegExp(`^DATABASE_URL_API: .*${fault}`)),
      })
    })
  })

  it('accepts a login that is only a member of the role, which it acts as', async () => {
    await withLogin('test_member', 'in role baywire_api', async (url) => {
      const sql = client({ url, role: 'baywire_api' })
      await assertRole(sql, 'DATABASE_URL_API')
      expect(await roleOf(sql)).toBe('baywire_api')
      const other = await failure(client({ url, role: 'baywire_ingest' })`select 1`)
      expect(isDataError(other)).toBe(false)
      expect(connectionError(other, { setting: 'DATABASE_URL_API', url })).toMatchObject({
        message: expect.stringContaining('the login'),
      })
    })
  })
})

describe('a database that cannot be used', () => {
  const secret = 'do-not-show-me'

  function broken(change: (url: URL) => void): string {
    const url = new URL(database.ownerUrl)
    url.password = secret
    change(url)
    return url.href
  }

  const cases: [string, (url: URL) => void, RegExp][] = [
    ['nothing listens', (url) => (url.port = '1'), /nothing listens there \(ECONNREFUSED\)/],
    ['no such host', (url) => (url.hostname = 'nowhere.invalid'), /host/],
    ['a wrong password', () => {}, /wrong user or password \(28P01\)/],
  ]

  it.each(cases)('%s: one line that names the setting and hides the password', async (_, change, expected) => {
    const error = await failure(checkConnection('DATABASE_URL', broken(change)))
    expect(error).toMatchObject({ name: 'BaywireError', message: expect.stringMatching(expected) })
    expect(error).toMatchObject({ message: expect.stringMatching(/^DATABASE_URL: cannot connect to [^\n]*$/) })
    expect(JSON.stringify([String(error), error])).not.toContain(secret)
  })

  it('no such database', async () => {
    const url = new URL(database.ownerUrl)
    url.pathname = '/missing'
    await expect(checkConnection('DATABASE_URL', url.href)).rejects.toMatchObject({
      message: expect.stringContaining('there is no such database (3D000)'),
      advice: expect.stringContaining('DATABASE_URL'),
    })
  })

  it('something that closes every connection: an error, not an endless attempt', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    await expect(checkConnection('DATABASE_URL', `postgres://a:${secret}@127.0.0.1:${port}/b`)).rejects.toMatchObject({
      message: expect.stringContaining('closed at once'),
    })
    server.close()
  })

  it('a password that is not percent-encoded', () => {
    expect(() => client({ url: `postgres://a:100%${secret}@localhost/b` })).toThrow(/^a database URL cannot be read$/)
  })
})

describe('errors', () => {
  it('of data are told from those worth another attempt', async () => {
    const sql = client()
    await sql`create table once (id int primary key)`
    await sql`insert into once values (1)`
    const duplicate = await failure(sql`insert into once values (1)`)
    const range = await failure(sql`select ${'99999999999'}::text::int`)
    const absent = await failure(sql`select from absent`)
    for (const error of [duplicate, range]) expect([isDataError(error), isTransient(error)]).toEqual([true, false])
    expect([isDataError(absent), isTransient(absent)]).toEqual([false, false])
    expect(isDataError(new Error('wrapped', { cause: duplicate }))).toBe(true)
  })

  it('of a lost connection are transient', async () => {
    const sql = client()
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
    const running = failure(sql`select pg_sleep(20)`)
    await client()`select pg_terminate_backend(${row?.pid ?? 0})`
    expect(isTransient(await running)).toBe(true)
    await sql.end({ timeout: 1 })
    expect(isTransient(await failure(sql`select 1`))).toBe(true)
    expect(isTransient(new Error('unknown'))).toBe(false)
  })
})

describe('resolveDatabase', () => {
  const config = { BAYWIRE_DATA_DIR: '/nowhere', DATABASE_URL_API: undefined, DATABASE_URL_INGEST: undefined }
  const quiet = { onProgress: () => {} }

  it('takes DATABASE_URL for all roles unless they have their own', async () => {
    const url = database.ownerUrl
    expect(await resolveDatabase({ ...config, DATABASE_URL: url }, quiet)).toMatchObject({
      ownerUrl: url,
      apiUrl: url,
      ingestUrl: url,
      embedded: false,
    })
    const own = `${url}?application_name=own`
    expect(await resolveDatabase({ ...config, DATABASE_URL: url, DATABASE_URL_API: own }, quiet)).toMatchObject({
      apiUrl: own,
      ingestUrl: url,
    })
  })

  it('names the setting that does not work', async () => {
    const wrong = new URL(database.ownerUrl)
    wrong.password = 'wrong'
    const settings = { ...config, DATABASE_URL: database.ownerUrl, DATABASE_URL_INGEST: wrong.href }
    await expect(resolveDatabase(settings, quiet)).rejects.toMatchObject({
      message: expect.stringMatching(/^DATABASE_URL_INGEST: /),
    })
  })

  it('takes the login of one role alone, and says which setting another one would need', async () => {
    const own = database.ownerUrl
    const found = await resolveDatabase({ ...config, DATABASE_URL: undefined, DATABASE_URL_API: own }, quiet)
    expect(found).toMatchObject({ embedded: false, apiUrl: own })
    expect(() => found.ownerUrl).toThrow('this needs DATABASE_URL, which is not set')
    expect(() => found.ingestUrl).toThrow('this needs DATABASE_URL_INGEST, which is not set')
  })
})
