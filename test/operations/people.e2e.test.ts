import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { Home } from '../e2e/support/home.ts'
import { eventually } from '../support/program.ts'

/** `baywire user` and `baywire tenant`, as an operator types them. */
let home: Home
const ada = ['--email', 'Ada@Example.org']

interface Listed {
  email: string
  disabled: boolean
  administrator: boolean
  tenants: { slug: string; role: string }[]
}

beforeAll(async () => {
  home = await Home.create()
  await home.start()
  await home.json(['simulate', '--tenant', 'city', '--provision', '--spaces', '2', '--messages', '2', '--rate', 'max'])
})
afterAll(async () => {
  await home.remove()
})

async function listed(): Promise<Listed | undefined> {
  return (await home.json<{ items: Listed[] }>(['user', 'list'])).items.find(({ email }) => email === 'ada@example.org')
}

async function query<T extends object>(text: string): Promise<T[]> {
  const sql = connect({ url: await home.databaseUrl(), max: 1, statementTimeoutMs: 10_000, name: 'test' })
  try {
    return [...(await sql.unsafe<T[]>(text))]
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/** A command that reads a line from standard input. */
async function runWith(line: string, words: readonly string[]) {
  const prefix = ['sh', '-c', String.raw`printf '%s\n' "$LINE" | "$0" "$@"`]
  return await home.spawn(words, { LINE: line }, prefix).end(60_000)
}

const publicStatus = async () => (await fetch(home.url('/api/v1/public/city/availability'))).status

describe('baywire user', () => {
  it('makes the first administrator, with a password that is shown once and has to be changed', async () => {
    const words = ['user', 'add', ...ada, '--name', 'Ada Berg', '--tenant', 'city', '--role', 'owner', '--admin']
    const made = await home.json<{ email: string; password: string }>(words)
    expect(made).toEqual({
      id: expect.any(String),
      email: 'ada@example.org',
      password: expect.stringMatching(/^[\w-]{24}$/),
    })
    expect(await listed()).toMatchObject({ administrator: true, tenants: [{ slug: 'city', role: 'owner' }] })
    const { items } = await home.json<{ items: Listed[] }>(['user', 'list', '--tenant', 'elsewhere'])
    expect(items).toEqual([])
    const [row] = await query<{ hash: string; must: boolean }>(
      'select hash, must_change_password as must from passwords join users on users.id = user_id',
    )
    expect(row).toEqual({ hash: expect.stringMatching(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/), must: true })
  })

  it('sets another password, which comes from standard input and is printed nowhere', async () => {
    const given = 'plinth gravel otter'
    const { code, stdout, stderr } = await runWith(given, ['user', 'password', ...ada, '--password-stdin'])
    expect({ code, shown: `${stdout}${stderr}`.includes(given) }, stderr).toEqual({ code: 0, shown: false })
    const rows = await query('select replaced_at is null as in_force from passwords order by created_at')
    expect(rows).toEqual([{ in_force: false }, { in_force: true }])
    const short = await runWith('short', ['user', 'password', ...ada, '--password-stdin'])
    expect([short.code, short.stderr]).toEqual([1, expect.stringContaining('must have at least')])
  })

  it('disables, enables, gives and takes', async () => {
    await home.json(['user', 'disable', ...ada])
    expect(await listed()).toMatchObject({ disabled: true })
    await home.json(['user', 'enable', ...ada])
    await home.json(['user', 'admin', ...ada, '--revoke'])
    expect(await listed()).toMatchObject({ disabled: false, administrator: false })
    const demoted = await home.run(['user', 'role', ...ada, '--tenant', 'city', '--role', 'viewer'])
    expect([demoted.code, demoted.stderr]).toEqual([1, expect.stringContaining('last owner')])
    await home.json(['user', 'add', '--email', 'bo@example.org', '--name', 'Bo', '--tenant', 'city', '--role', 'owner'])
    await home.json(['user', 'role', ...ada, '--tenant', 'city', '--role', 'viewer'])
    await home.json(['user', 'role', ...ada, '--tenant', 'city', '--remove'])
    expect(await listed()).toMatchObject({ tenants: [] })
    const entries = await query<{ action: string }>(
      "select action from audit_log where actor_id = 'baywire user' order by seq",
    )
    expect(entries.map(({ action }) => action)).toEqual([
      'member.added',
      'user.password_set',
      'user.disabled',
      'user.enabled',
      'user.administrator_ended',
      'member.added',
      'member.role_changed',
      'member.removed',
    ])
  })

  it.each([
    ['an address that is taken', ['user', 'add', ...ada, '--name', 'Eve'], 1, 'There is an account'],
    ['an address that is none', ['user', 'disable', '--email', 'ada'], 1, 'is not an e-mail address'],
    ['somebody unknown', ['user', 'disable', '--email', 'eve@example.org'], 1, 'no account of this address'],
    ['an unknown tenant', ['user', 'role', ...ada, '--tenant', 'x', '--role', 'viewer'], 1, 'no tenant "x"'],
    ['an unknown role', ['user', 'role', ...ada, '--tenant', 'city', '--role', 'king'], 2, 'must be one of owner'],
    ['a tenant without a role', ['user', 'add', ...ada, '--name', 'A', '--tenant', 'city'], 2, 'given together'],
  ])('refuses %s', async (_what, words, exitCode, message) => {
    const { code, stderr, stdout } = await home.run(words)
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' })
    expect(stderr).toContain(message)
  })
})

describe('baywire tenant', () => {
  it('suspends and resumes beside a running API', async () => {
    await eventually('200', async () => (await publicStatus()) === 200)
    await home.json(['tenant', 'suspend', '--tenant', 'city'])
    await eventually('404', async () => (await publicStatus()) === 404)
    const { items } = await home.json<{ items: { slug: string; suspended_at: string | null }[] }>(['tenant', 'list'])
    expect(items).toMatchObject([{ slug: 'city', suspended_at: expect.any(String) }])
    await home.json(['tenant', 'resume', '--tenant', 'city'])
    await eventually('200', async () => (await publicStatus()) === 200)
  })

  it('erases only what is confirmed', async () => {
    const dry = await home.json(['tenant', 'erase', '--tenant', 'city'])
    expect(dry).toMatchObject({ erased: false, counts: { spaces: 2, readings: 2 } })
    const wrong = await home.run(['tenant', 'erase', '--tenant', 'city', '--confirm', 'town'])
    expect(wrong.code).toBe(2)
    await eventually('200', async () => (await publicStatus()) === 200)
    expect(await home.json(['tenant', 'erase', '--tenant', 'city', '--confirm', 'city'])).toMatchObject({
      erased: true,
    })
    await eventually('404', async () => (await publicStatus()) === 404)
    expect((await home.run(['tenant', 'erase', '--tenant', 'city', '--confirm', 'city'])).code).toBe(1)
    expect(await query('select count(*)::int as readings from readings')).toEqual([{ readings: 0 }])
  })
})
