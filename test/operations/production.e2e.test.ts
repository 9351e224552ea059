/** With BAYWIRE_ENV=production a database that is not safe is refused at the start; `baywire doctor` says the same. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { npmPostgres, startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { Home } from '../e2e/support/home.ts'

interface Finding {
  check: string
  state: 'ok' | 'warning' | 'problem'
  what: string
  advice?: string
}

const database = 'parking'
const password = 'hidden-word'
let directory: string
let server: PostgresServer
let home: Home

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baywire-production-'))
  await chmod(directory, 0o755)
  server = await startPostgres(await npmPostgres(directory))
  await server.execute([
    'create role keeper login createrole',
    'create role stranger login',
    `create database ${database} owner keeper`,
  ])
  home = await Home.create({ BAYWIRE_ENV: 'production', BAYWIRE_SECRET: randomBytes(32).toString('hex') })
  const { code, stderr } = await home.run(['migrate', '--create-logins'], { env: all() })
  expect(code, stderr).toBe(0)
})
afterAll(async () => {
  await home?.remove()
  await server?.stop()
  await rm(directory, { recursive: true, force: true })
})

const url = (login: string) => server.url(`${login}:${password}`, database)
const roleLogins = () => ({ DATABASE_URL_API: url('door'), DATABASE_URL_INGEST: url('pen') })
const all = () => ({ DATABASE_URL: url('keeper'), ...roleLogins() })

async function problems(env: Record<string, string>): Promise<Finding[]> {
  const { stdout, stderr } = await home.run(['doctor', '--json'], { env })
  expect(stdout + stderr).not.toContain(password)
  const { findings } = JSON.parse(stdout) as { findings: Finding[] }
  return findings.filter(({ state }) => state === 'problem')
}

interface Fault {
  /** As superuser, in this order; undone by `mend`. */
  break: string[]
  mend: string[]
  env?: () => Record<string, string>
  says: RegExp
}

const reload = 'select pg_reload_conf()'
const faults: [string, Fault][] = [
  [
    'fsync off',
    {
      break: ['alter system set fsync = off', reload],
      mend: ['alter system reset fsync', reload],
      says: /fsync is off.*set fsync = on/,
    },
  ],
  [
    'full_page_writes off',
    {
      break: ['alter system set full_page_writes = off', reload],
      mend: ['alter system reset full_page_writes', reload],
      says: /full_page_writes is off.*set full_page_writes = on/,
    },
  ],
  [
    'synchronous_commit off for one login',
    {
      break: ['alter role pen set synchronous_commit = off'],
      mend: ['alter role pen reset synchronous_commit'],
      says: /DATABASE_URL_INGEST: synchronous_commit is off/,
    },
  ],
  [
    'an owner that is a superuser',
    {
      break: ['alter role keeper superuser'],
      mend: ['alter role keeper nosuperuser'],
      says: /DATABASE_URL: the login "keeper" is a superuser.*CREATEROLE/,
    },
  ],
  [
    'an owner with BYPASSRLS',
    {
      break: ['alter role keeper bypassrls'],
      mend: ['alter role keeper nobypassrls'],
      says: /DATABASE_URL: the login "keeper" has BYPASSRLS/,
    },
  ],
  [
    'a role’s login that is a superuser',
    {
      break: ['alter role door superuser'],
      mend: ['alter role door nosuperuser'],
      says: /DATABASE_URL_API: .*superuser/,
    },
  ],
  [
    'a role’s login with BYPASSRLS',
    {
      break: ['alter role pen bypassrls'],
      mend: ['alter role pen nobypassrls'],
      says: /DATABASE_URL_INGEST: .*BYPASSRLS/,
    },
  ],
  [
    'a role that works as the owner',
    {
      break: [],
      mend: [],
      env: () => ({ ...all(), DATABASE_URL_API: url('keeper') }),
      says: /DATABASE_URL_API: the login "keeper" owns tables/,
    },
  ],
  [
    'no login for the roles',
    {
      break: [],
      mend: [],
      env: () => ({ DATABASE_URL: url('keeper') }),
      says: /DATABASE_URL_API.* not set.*--create-logins/,
    },
  ],
  [
    'a migration that was not applied, where nobody may apply it',
    {
      break: [
        `create table kept as select * from drizzle.__drizzle_migrations`,
        'delete from drizzle.__drizzle_migrations',
      ],
      mend: ['insert into drizzle.__drizzle_migrations select * from kept', 'drop table kept'],
      env: roleLogins,
      says: /the database lacks 0000_.*run `baywire migrate`/,
    },
  ],
]

describe.each(faults)('%s', (_, { break: damage, mend, env = all, says }) => {
  it('is refused in one line, and found by the doctor', { timeout: 60_000 }, async () => {
    await server.execute(damage, database)
    try {
      const { code, stderr } = await home.run(['start'], { env: env(), withinMs: 25_000 })
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(says) })
      expect(stderr.trim().split('\n')).toHaveLength(1)
      expect(stderr).not.toContain(password)
      const found = await problems(env())
      expect(found.map(({ what, advice }) => `${what}: ${advice}`).join('\n')).toMatch(says)
    } finally {
      await server.execute(mend, database)
    }
  })
})

describe('the secret of the installation', () => {
  it.each([
    ['missing', '', 1, /BAYWIRE_SECRET is not set: .*openssl rand/],
    ['too short', 'abcdefghij0123456789', 2, /BAYWIRE_SECRET: must have at least 32 characters/],
    ['that of an example', 'change-me-0123456789-change-me-0123456789', 2, /BAYWIRE_SECRET: must be random/],
  ])('is refused in one line where it is %s', async (_, secret, exitCode, says) => {
    const { code, stderr } = await home.run(['start', 'api'], { env: { ...all(), BAYWIRE_SECRET: secret } })
    expect({ code, stderr }).toMatchObject({ code: exitCode, stderr: expect.stringMatching(says) })
    expect(stderr.trim().split('\n')).toHaveLength(1)
    if (secret !== '') expect(stderr).not.toContain(secret)
  })

  it('is needed by the API alone', async () => {
    const program = await home.start(['start', 'ingest', 'jobs'], {
      ...roleLogins(),
      BAYWIRE_SECRET: '',
      BAYWIRE_MONITOR_PORT: String(home.httpPort),
    })
    expect(await program.stop()).toMatchObject({ code: 0 })
  })
})

describe('a safe database', () => {
  it('starts, also with the logins of the roles alone, and the doctor has nothing to say', async () => {
    const program = await home.start(['start'], roleLogins())
    expect(await problems(all())).toEqual([])
    expect(await problems(roleLogins())).toEqual([])
    expect(await program.stop()).toMatchObject({ code: 0 })
    expect(await problems(all())).toEqual([])
  })

  it('gives a role what its login may do: a command that needs another one says which', async () => {
    const { DATABASE_URL_API } = roleLogins()
    const refused = await home.run(['ledger', '--tenant', 'acme'], { env: { DATABASE_URL_API } })
    expect(refused.stderr).toMatch(/there is no tenant|DATABASE_URL_INGEST/)
    const owner = await home.run(['config', 'get', 'database-url'], { env: { DATABASE_URL_API } })
    expect(owner).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('this needs DATABASE_URL, which is not set'),
    })
    const migrated = await home.run(['migrate'], { env: { DATABASE_URL_API } })
    expect(migrated).toMatchObject({ code: 2, stderr: expect.stringContaining('only the owner of the database') })
  })
})

const create = (env: Record<string, string>) => home.run(['migrate', '--create-logins'], { env })

describe('logins', () => {
  it('are made once, and their password is set again, also when several do it at the same time', async () => {
    const results = await Promise.all([create(all()), create(all())])
    expect(results.map(({ code, stderr }) => `${code} ${stderr}`).join()).not.toContain(password)
    expect(results.map(({ code }) => code)).toEqual([0, 0])
  })

  it.each(['keeper', 'baywire_api', 'postgres'])(
    'are never the owner, a role of Baywire or a superuser: %s',
    async (name) => {
      const { code, stderr } = await create({ ...all(), DATABASE_URL_API: url(name) })
      expect({ code, stderr }).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`"${name}" is the owner, a superu`),
      })
    },
  )

  it('need a name and a password', async () => {
    const { code, stderr } = await create({ ...all(), DATABASE_URL_API: server.url('nobody', database) })
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('names no user and password') })
  })
})

describe('doctor', () => {
  it.each<[string, string[], string[], RegExp]>([
    [
      'a table without row level security',
      ['alter table spaces disable row level security'],
      ['alter table spaces enable row level security'],
      /spaces: row level security is not enabled/,
    ],
    [
      'one where the owner is exempt',
      ['alter table readings no force row level security'],
      ['alter table readings force row level security'],
      /readings: row level security is not forced/,
    ],
    [
      'a policy that lets every tenant in',
      ['create policy everything on devices for select to baywire_api using (true)'],
      ['drop policy everything on devices'],
      /devices: a policy of baywire_api is not bound to one tenant/,
    ],
    [
      'a policy that is gone',
      ['alter policy all_tenants on spaces to keeper'],
      ['alter policy all_tenants on spaces to baywire_ingest'],
      /spaces: no policy for baywire_ingest/,
    ],
    [
      'a log without a partition for today',
      ["do $$ begin execute format('drop table readings_%s', to_char(now() at time zone 'utc', 'YYYYMMDD')); end $$"],
      ["select make_reading_partitions((now() at time zone 'utc')::date, 7)"],
      /there is none for today: nothing can be committed/,
    ],
    [
      'books that do not agree',
      [
        `insert into tenants (id, slug, name) values ('00000000-0000-7000-8000-000000000001', 'acme', 'acme')`,
        `insert into ledger_entries (tenant_id, minute, writer, received, applied)
         values ('00000000-0000-7000-8000-000000000001', date_trunc('minute', now()), 'test', 3, 3)`,
      ],
      ['delete from ledger_entries', 'delete from tenants'],
      /3 deliveries of the last hour are in the ledger or in the log, and not in both/,
    ],
  ])('finds %s', async (_, damage, mend, says) => {
    await server.execute(damage, database)
    try {
      expect((await problems(all())).map(({ what }) => what)).toEqual([expect.stringMatching(says)])
    } finally {
      await server.execute(mend, database)
    }
  })

  it('says which setting leads nowhere, and still looks at the rest', async () => {
    const found = await problems({
      ...all(),
      DATABASE_URL_INGEST: `postgres://pen:${password}@127.0.0.1:1/${database}`,
    })
    expect(found.map(({ what }) => what)).toEqual([
      expect.stringMatching(/^DATABASE_URL_INGEST: cannot connect to 127/),
    ])
  })

  it('refuses wrong settings as every command does', async () => {
    expect(await home.run(['doctor'], { env: { BAYWIRE_HTTP_PORT: 'http' } })).toMatchObject({ code: 2 })
    expect(await home.run(['doctor', '--verbose'])).toMatchObject({ code: 2 })
  })

  it('is readable without colours where no terminal is', async () => {
    const { stdout } = await home.run(['doctor'], { env: all() })
    expect(stdout).toMatch(/^(ok|warning|problem) +node +Node /)
    expect(stdout).toMatch(/^ok +row level security +enabled and forced on \d+ tables and partitions$/m)
    expect(stdout).not.toContain('\u001b')
  })
})
