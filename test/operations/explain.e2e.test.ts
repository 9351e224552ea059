/** `baywire explain` as an operator types it: what it answers, what it refuses, and what a hostile message does to a terminal. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Sql } from '../../src/store/client.ts'
import { Home } from '../e2e/support/home.ts'
import { Sender } from '../e2e/support/sender.ts'
import { eventually } from '../support/program.ts'
import { makeTenant, type Identity } from '../e2e/support/tenant.ts'

let home: Home
let sql: Sql
const senders = new Map<string, Sender>()
beforeAll(async () => {
  home = await Home.create()
  await home.start()
  sql = connect({ url: await home.databaseUrl(), max: 2, statementTimeoutMs: 10_000, name: 'e2e' })
  const url = await home.databaseUrl()
  const devices = ['A-17', 'B-1']
  const made = await makeTenant(url, { tenant: 'city', devices, gateway: 'gw' })
  for (const [index, code] of devices.entries()) {
    const identity = made.devices[index] as Identity
    // oxlint-disable-next-line no-await-in-loop -- two of them
    senders.set(code, await Sender.connect({ port: home.mqttPort, identity }))
  }
  await makeTenant(url, { tenant: 'other', devices: ['B-1'], gateway: 'gw' })
  await sql`UPDATE sites SET timezone = 'Asia/Kathmandu'`
  await sql`
    INSERT INTO sites (tenant_id, id, code, name) SELECT tenant_id, gen_random_uuid(), 'north', 'North' FROM sites
    WHERE tenant_id = (SELECT id FROM tenants WHERE slug = 'city')`
  await publish('A-17', { occupied: true, seq: 1, boot: 1 })
})
afterAll(async () => {
  await Promise.all([...senders.values()].map((sender) => sender.close()))
  await sql.end({ timeout: 5 })
  await home.remove()
})

async function publish(device: string, payload: object | Buffer): Promise<void> {
  const bytes = Buffer.isBuffer(payload) ? payload : JSON.stringify(payload)
  await senders.get(device)?.publish(`parking/v1/city/devices/${device}/reading`, [bytes])
}

const explain = (...words: string[]) => home.run(['explain', ...words])
const minutesAgo = (minutes: number) => Date.now() - minutes * 60_000
/** In Kathmandu, where clocks are 5 h 45 min ahead of UTC all year. */
const there = (at: number) => new Date(at + 345 * 60_000).toISOString()

describe('a space by its name', () => {
  it.each([[['city/main/A-17']], [['city/A-17']], [['A-17']], [['main/A-17', '--tenant', 'city']]])(
    '%s',
    async (words) => {
      const { code, stdout, stderr } = await explain(...words)
      expect(stderr).toBe('')
      expect(stdout).toContain('city/main/A-17  OCCUPIED  at ')
      expect(stdout).toContain('payload  {"occupied":true,"seq":1,"boot":1}')
      expect(code).toBe(0)
    },
  )

  it('of which there are several is not guessed', async () => {
    const tenants = await explain('B-1')
    expect(tenants).toMatchObject({ code: 1, stdout: '' })
    expect(tenants.stderr).toContain('2 tenants have a space "B-1": say which: city/B-1, other/B-1')
    await sql`
      INSERT INTO spaces (tenant_id, id, site_id, code, name) SELECT tenant_id, gen_random_uuid(), id, 'B-1', 'B-1' FROM sites
      WHERE code = 'north'`
    const sites = await explain('city/B-1')
    expect(sites).toMatchObject({ code: 1, stdout: '' })
    expect(sites.stderr).toContain('2 sites of city have a space "B-1": say which: city/main/B-1, city/north/B-1')
    expect((await explain('city/north/B-1')).stdout).toContain('UNKNOWN')
  })

  it.each([
    [['nowhere/main/A-17'], 1, 'there is no tenant "nowhere"'],
    [['A-17', '--tenant', 'nowhere'], 1, 'there is no tenant "nowhere"'],
    [['other/main/A-17'], 1, 'there is no space "A-17" at site "main" of tenant "other"'],
    [['city/north/A-17'], 1, 'there is no space "A-17" at site "north"'],
    [['Z-99'], 1, 'there is no space "Z-99"'],
    [['city/main/A-17/more'], 2, 'write TENANT/SITE/SPACE'],
    [["city/main/A'17"], 2, 'write TENANT/SITE/SPACE'],
    [['city//A-17'], 2, 'write TENANT/SITE/SPACE'],
    [['city/main/A-17', '--tenant', 'other'], 2, '--tenant is "other"'],
    [[], 2, 'missing required argument'],
  ])('%s is refused', async (words, code, message) => {
    const ended = await explain(...words)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toContain(message)
  })
})

describe('--at', () => {
  it.each([
    ['RFC 3339', (at: number) => new Date(at).toISOString(), false],
    ['RFC 3339 with an offset', (at: number) => `${there(at).slice(0, 19)}+05:45`, false],
    ['a date and a time of the site', (at: number) => there(at).slice(0, 16).replace('T', ' '), true],
    ['a time of the site', (at: number) => there(at).slice(11, 16), true],
  ])('%s', async (_, write, isLocal) => {
    const at = Math.floor(minutesAgo(2) / 60_000) * 60_000
    const text = write(at)
    const { code, stdout } = await explain('city/main/A-17', '--at', text)
    expect(code).toBe(0)
    expect(stdout).toContain(`UNKNOWN  at ${new Date(at).toISOString()}, as shown`)
    expect(stdout.includes(`"${text}" is ${there(at).slice(0, 10)} `)).toBe(isLocal)
  })

  it('yesterday, at the site', async () => {
    const { stdout } = await explain('A-17', '--at', 'yesterday 14:05')
    const yesterday = there(Date.now() - 86_400_000).slice(0, 10)
    expect(stdout).toContain(`is ${yesterday} 14:05:00 in Asia/Kathmandu, `)
    expect(stdout).toContain('08:20:00.000Z, as shown')
  })

  it.each([
    ['2999-01-01T00:00:00Z', 1, 'lies in the future'],
    ['2999-01-01 00:00', 1, 'lies in the future'],
    ['14h05', 2, 'write it as'],
    ['2026-02-30T00:00:00Z', 2, 'write it as'],
    ['2026-02-30 00:00', 2, 'never showed'],
  ])('%s is refused', async (text, code, message) => {
    const ended = await explain('city/main/A-17', '--at', text)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toContain(message)
  })

  it('before the log begins: from when on it could, and exit code 1', async () => {
    await sql`
      INSERT INTO space_checkpoints (tenant_id, space_id, input_seq, rules_version, state)
      SELECT tenant_id, space_id, input_seq, rules_version, state FROM space_states WHERE input_seq > 0`
    const { code, stdout } = await explain('city/main/A-17', '--at', '2020-01-01T00:00:00Z')
    expect(code).toBe(1)
    expect(stdout).toContain('not explainable')
    expect(stdout).toMatch(/the log begins at \d{4}-\d\d-\d\dT00:00:00.000Z/)
    await sql`DELETE FROM space_checkpoints`
  })
})

it('--json is what the API answers', async () => {
  const added = ['user', 'add', '--email', 'ada@example.org', '--name', 'Ada', '--tenant', 'city', '--role', 'owner']
  const { password } = await home.json<{ password: string }>(added)
  await sql`UPDATE users SET must_change_password = false`
  const login = await fetch(home.url('/api/v1/auth/login'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.org', password }),
  })
  const { access_token: token } = (await login.json()) as { access_token: string }
  const [space] = await sql<{ id: string }[]>`SELECT id FROM spaces WHERE code = 'A-17'`
  const at = new Date().toISOString()
  for (const known of [false, true]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const said = await home.json(['explain', 'A-17', '--at', at, ...(known ? ['--as-known-now'] : [])])
    const path = `/api/v1/spaces/${space?.id}/explain?at=${at}&as_known_now=${known}`
    // oxlint-disable-next-line no-await-in-loop
    const answer = await fetch(home.url(path), { headers: { authorization: `Bearer ${token}` } })
    expect(answer.status).toBe(200)
    // oxlint-disable-next-line no-await-in-loop
    expect(said).toEqual(await answer.json())
    expect(said).toMatchObject({ state: { status: 'occupied' }, as_known_now: known })
  }
})

/** What a terminal obeys, in one byte or two, and what turns the direction of writing. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/

it('what a message brings along is shown and not obeyed', async () => {
  const tail = home.spawn(['tail', '--tenant', 'city'])
  const json = home.spawn(['tail', '--tenant', 'city', '--json'])
  const hostile = [
    Buffer.from('\u001b]0;owned\u0007\u001b[2J'),
    Buffer.from('{"occupied": "\u009b2J\u202e"}'),
    Buffer.from('{"occupied": true, "seq": 2, "boot": 1, "note": "\u009b2J \u202e \u2028"}'),
  ]
  // They follow from when they are there: until one shows what is sent, more is sent.
  await eventually('both follow', async () => {
    await publish('B-1', { occupied: true })
    return tail.stdout !== '' && json.stdout !== ''
  })
  for (const payload of hostile) {
    // oxlint-disable-next-line no-await-in-loop -- in order
    await publish('A-17', payload)
  }
  await eventually('both show them', () => tail.stdout.includes('malformed') && json.stdout.includes('malformed'))
  const shown = await explain('A-17')
  expect(shown.stdout).toContain('malformed')
  // The bytes of what cannot be printed.
  expect(shown.stdout).toContain('7b226f63637570696564223a20747275652c')
  expect(shown.stdout).not.toMatch(obeyed)
  expect((await explain('A-17', '--json')).stdout).not.toMatch(obeyed)
  await sql`
    UPDATE readings SET reason = E'\\u001b[2J\\u009b\\nforged line', topic = topic || E'\\u001b[1A' WHERE outcome = 'malformed'`
  const again = await explain('A-17')
  expect(again.stdout).not.toMatch(obeyed)
  expect(again.stdout).not.toMatch(/^forged line/m)
  expect((await explain('A-17', '--json')).stdout.trimEnd().split('\n')).toHaveLength(1)
  for (const program of [tail, json]) {
    // oxlint-disable-next-line no-await-in-loop
    expect(await program.stop()).toMatchObject({ code: 0 })
    expect(program.stdout).not.toMatch(obeyed)
  }
})
