import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sweepAccounts } from '../../src/auth/accounts.ts'
import { apiFixture, type ApiFixture } from './fixture.ts'
import {
  accountsApi,
  bearer,
  bytesOf,
  freshName,
  otherPassword,
  password,
  registered,
  send,
  type AccountsApi,
  type Registered,
} from './support/accounts.ts'

let fixture: ApiFixture
let api: AccountsApi
/** As production has it: an address is verified first. */
let strict: AccountsApi

beforeAll(async () => {
  fixture = await apiFixture()
  api = await accountsApi(fixture)
  strict = await accountsApi(fixture, { verification: true })
})
afterAll(async () => {
  await Promise.all([api.close(), strict.close()])
  await fixture.drop()
})

const registration = () => ({
  email: `${freshName()}@mail.example`,
  password,
  name: 'Jane Doe',
  tenant_name: 'Acme Parking',
  tenant_slug: freshName(),
})
const logIn = (on: AccountsApi, { email }: { email: string }, text = password) =>
  send(on.app, 'login', { email, password: text })
const errorsOf = async (response: Response) =>
  ((await response.json()) as { errors?: { path: string; message: string }[] }).errors ?? []
const sentTo = (on: AccountsApi, { email }: { email: string }) => on.sent.filter(({ address }) => address === email)
const as = ({ userId, tenantId }: Registered, sessionId = userId) =>
  bearer({ kind: 'user', userId, sessionId, tenant: { id: tenantId, role: 'owner' }, platformAdministrator: false })

describe('register', () => {
  it('makes a person and their tenant, who can log in at once where nothing is to be verified', async () => {
    const body = registration()
    const response = await send(api.app, 'register', { ...body, email: `  ${body.email.toUpperCase()} ` })
    expect([response.status, await response.json()]).toEqual([202, { status: 'accepted' }])
    const tokens = await logIn(api, body)
    expect(tokens.status).toBe(200)
    expect(await tokens.json()).toEqual({
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
    })
    expect(tokens.headers.get('Cache-Control')).toBe('no-store')
    const rows = await fixture.owner`
      select u.email, u.name, m.role, t.name as tenant, t.public from users u
      join memberships m on m.user_id = u.id join tenants t on t.id = m.tenant_id where t.slug = ${body.tenant_slug}`
    expect(rows).toEqual([
      { email: body.email, name: 'Jane Doe', role: 'owner', tenant: 'Acme Parking', public: false },
    ])
    const audit = await fixture.owner`
      select a.action, a.actor_kind from audit_log a join tenants t on t.id = a.tenant_id
      where t.slug = ${body.tenant_slug} order by seq`
    expect(audit.map(({ action }) => String(action))).toEqual(['tenant.registered', 'user.logged_in'])
  })

  it('answers for a taken address as for a new one, makes nothing, and tells the address alone', async () => {
    const { email, userId } = await registered(api, fixture)
    const again = { ...registration(), email, password: otherPassword, name: 'Somebody Else' }
    const taken = await send(api.app, 'register', again)
    const fresh = await send(api.app, 'register', registration())
    expect(await bytesOf(taken)).toBe(await bytesOf(fresh))
    expect(await fixture.owner`select id, name from users where email = ${email}`).toEqual([
      { id: userId, name: 'Jane Doe' },
    ])
    expect(await fixture.owner`select from tenants where slug = ${again.tenant_slug}`).toHaveLength(0)
    expect(await logIn(api, { email }, otherPassword)).toMatchObject({ status: 401 })
    expect(sentTo(api, { email })).toEqual([{ purpose: 'address_taken', address: email }])
    // Nor does the slug tell afterwards: it is as gone as if the tenant had been made.
    const probe = { ...registration(), tenant_slug: again.tenant_slug }
    expect(await send(api.app, 'register', probe)).toMatchObject({ status: 409 })
  })

  it('refuses a slug that is taken, naming the field, for a new and for a taken address alike', async () => {
    const { email, slug } = await registered(api, fixture)
    const answers = await Promise.all(
      [`${freshName()}@mail.example`, email].map((address) =>
        send(api.app, 'register', { ...registration(), email: address, tenant_slug: slug }),
      ),
    )
    const [first, second] = await Promise.all(answers.map(bytesOf))
    expect(first).toBe(second)
    expect(first).toContain('/problems/conflict')
    expect(first).toContain('tenant_slug')
  })

  it('makes one account and one tenant of ten at once', async () => {
    const body = registration()
    const same = await Promise.all(Array.from({ length: 10 }, () => send(api.app, 'register', body)))
    // The slug is the same too, so all but the first may be told so.
    expect(same.filter(({ status }) => status === 202)).toHaveLength(1)
    expect(same.filter(({ status }) => status === 409)).toHaveLength(9)
    const slugs = await Promise.all(
      Array.from({ length: 10 }, () => send(api.app, 'register', { ...registration(), email: body.email })),
    )
    expect(slugs.every(({ status }) => status === 202)).toBe(true)
    expect(await fixture.owner`select from users where email = ${body.email}`).toHaveLength(1)
  })

  it.each([
    ['role', { role: 'owner' }],
    ['email_verified', { email_verified: true }],
    ['tenant_id', { tenant_id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55' }],
  ])('takes no privileged field: %s', async (path, extra) => {
    const response = await send(api.app, 'register', { ...registration(), ...extra })
    expect(response.status).toBe(400)
    expect(await errorsOf(response)).toEqual([{ path, message: 'is not known here' }])
  })

  it.each([
    ['an address that is none', { email: 'nobody' }, 'email'],
    ['two addresses', { email: 'a@b.example,c@d.example' }, 'email'],
    ['an address with a NUL', { email: 'a\0@b.example' }, 'email'],
    ['an address that normalises to another', { email: 'a@b\u{ff0e}example@c.example' }, 'email'],
    ['a name of two lines', { name: 'Jane\nDoe' }, 'name'],
    ['a name with a NUL', { name: 'Jane\0' }, 'name'],
    ['a slug that is no code', { tenant_slug: 'a b' }, 'tenant_slug'],
    ['a short password', { password: 'short-one' }, 'password'],
    ['a common password', { password: 'Password123!' }, 'password'],
    ['half a character', { password: `${password}\ud800` }, 'password'],
    ['a password of 129 characters', { password: 'aB3 '.repeat(33) }, 'password'],
  ])('refuses %s', async (_, change, path) => {
    const response = await send(api.app, 'register', { ...registration(), ...change })
    expect(response.status).toBe(400)
    expect((await errorsOf(response)).map((error) => error.path)).toContain(path)
  })

  it('refuses passwords made of the address, the name or the tenant', async () => {
    const body = { ...registration(), email: `fridolin.kaltwasser@${freshName()}.example` }
    const made = [
      'fridolinkaltwasser1!',
      'Kaltwasser2024!!',
      'acmeparking-2026',
      `${body.tenant_slug}-2026!`,
      'baywire-baywire1',
    ]
    for (const text of made) {
      const response = await send(api.app, 'register', { ...body, password: text })
      expect(await errorsOf(response), text).toMatchObject([{ path: 'password' }])
    }
  })
})

describe('log in', () => {
  it('takes a form, as OAuth 2 clients send it', async () => {
    const { email } = await registered(api, fixture)
    const form = new URLSearchParams({ grant_type: 'password', username: email, password, scope: '' })
    const response = await api.app.request('/api/v1/auth/login', { method: 'POST', body: form })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ token_type: 'Bearer' })
  })

  it.each([
    ['nothing', {}],
    ['JSON that calls itself text', { body: '{}', headers: { 'Content-Type': 'text/plain' } }],
    ['a form without a password', { body: new URLSearchParams({ username: 'a@b.example' }) }],
    ['a form with a field twice', { body: new URLSearchParams('username=a@b.example&password=a&password=b') }],
    ['no JSON', { body: '{', headers: { 'Content-Type': 'application/json' } }],
    [
      '__proto__ as a field',
      { body: '{"__proto__": {"email": "a"}}', headers: { 'Content-Type': 'application/json' } },
    ],
  ])('refuses %s', async (_, request) => {
    const response = await api.app.request('/api/v1/auth/login', { method: 'POST', ...request })
    expect(response.status).toBe(400)
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  })

  it('normalises the password and cuts nothing off it', async () => {
    const { email } = await registered(api, { ...fixture, text: ' Ünwetterfront über Hügeln ' })
    const decomposed = ' Ünwetterfront über Hügeln '.normalize('NFD')
    expect(await logIn(api, { email }, decomposed)).toMatchObject({ status: 200 })
    expect(await logIn(api, { email }, decomposed.trim())).toMatchObject({ status: 401 })
    const long = Array.from({ length: 128 }, (_, at) => String.fromCodePoint(0x1f300 + ((at * 37) % 200))).join('')
    const other = await registered(api, { ...fixture, text: long })
    expect(await logIn(api, other, long)).toMatchObject({ status: 200 })
    expect(await logIn(api, other, `${long.slice(0, -2)}🐻`)).toMatchObject({ status: 401 })
  })

  it('refuses a password of a megabyte before it hashes anything', async () => {
    const before = api.comparisons()
    const response = await logIn(api, { email: 'a@b.example' }, 'a'.repeat(1_000_000))
    expect(response.status).toBe(400)
    expect(api.comparisons()).toBe(before)
  })

  it('gives the same answer for whatever is wrong', async () => {
    const known = await registered(api, fixture)
    const disabled = await registered(api, fixture)
    await fixture.owner`update users set disabled_at = now() where id = ${disabled.userId}`
    const locked = await registered(api, fixture)
    for (let guess = 0; guess < 5; guess += 1) await logIn(api, locked, 'wrong wrong wrong')
    const answers = await Promise.all([
      logIn(api, known, 'wrong wrong wrong').then(bytesOf),
      logIn(api, { email: 'nobody@mail.example' }).then(bytesOf),
      logIn(api, { email: 'no address \0 at all' }).then(bytesOf),
      logIn(api, disabled).then(bytesOf),
      logIn(api, locked).then(bytesOf),
    ])
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('/problems/unauthenticated')
  })

  it('hashes again with stronger parameters at the next login', async () => {
    const { email, userId } = await registered(api, fixture)
    const stronger = await accountsApi(fixture, { hashing: { memoryKib: 2048, passes: 3 } })
    expect(await logIn(stronger, { email })).toMatchObject({ status: 200 })
    const hashes = () => fixture.owner<{ hash: string }[]>`select hash from passwords where user_id = ${userId}`
    expect((await hashes())[0]?.hash).toMatch(/^\$argon2id\$v=19\$m=2048,(p=1,t=3|t=3,p=1)\$/)
    expect(await logIn(stronger, { email })).toMatchObject({ status: 200 })
    expect(await hashes()).toHaveLength(1)
    await stronger.close()
  })

  it('works in the oldest tenant that is not suspended', async () => {
    const { email, userId, tenantId } = await registered(api, fixture)
    await logIn(api, { email })
    await fixture.owner`update tenants set suspended_at = now() where id = ${tenantId}`
    await logIn(api, { email })
    const rows = await fixture.owner`select tenant_id from sessions where user_id = ${userId} order by created_at`
    expect(rows).toEqual([{ tenant_id: tenantId }, { tenant_id: null }])
  })

  it('asks for another password where the old one must be changed, and takes it with the login', async () => {
    const { email, userId } = await registered(api, fixture)
    await fixture.owner`update users set must_change_password = true where id = ${userId}`
    const asked = await logIn(api, { email })
    expect([asked.status, await asked.json()]).toMatchObject([403, { type: '/problems/password-change-required' }])
    expect(await logIn(api, { email }, 'wrong wrong wrong')).toMatchObject({ status: 401 })
    const attempt = (text: string) => send(api.app, 'login', { email, password, new_password: text })
    expect(await errorsOf(await attempt(password))).toMatchObject([{ path: 'new_password' }])
    expect(await attempt(otherPassword)).toMatchObject({ status: 200 })
    expect(await logIn(api, { email }, otherPassword)).toMatchObject({ status: 200 })
    expect(await logIn(api, { email })).toMatchObject({ status: 401 })
  })

  it('answers the surplus with 503 at once, and the others as ever', async () => {
    const narrow = await accountsApi(fixture, { hashing: { waiting: 3 } })
    const { email } = await registered(narrow, fixture)
    const answers = await Promise.all(Array.from({ length: 20 }, () => logIn(narrow, { email })))
    const busy = answers.filter(({ status }) => status === 503)
    expect(busy.length).toBeGreaterThanOrEqual(10)
    expect(busy[0]?.headers.get('Retry-After')).toBe('1')
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20 - busy.length)
    await narrow.close()
  })
})

describe('passwords', () => {
  it('change: needs the current one, ends the other sessions and codes, and comes into force', async () => {
    const who = await registered(api, fixture)
    await logIn(api, who)
    await logIn(api, who)
    await send(api.app, 'password/forgot', { email: who.email })
    const [own] = await fixture.owner<{ id: string }[]>`select id from sessions where user_id = ${who.userId} limit 1`
    const change = (current: string, next: string) =>
      send(api.app, 'password/change', { current_password: current, new_password: next }, { headers: as(who, own?.id) })
    expect(await errorsOf(await change('wrong wrong wrong', otherPassword))).toMatchObject([
      { path: 'current_password' },
    ])
    expect(await errorsOf(await change(password, 'short'))).toMatchObject([{ path: 'new_password' }])
    expect(await change(password, otherPassword)).toMatchObject({ status: 204 })
    const left = await fixture.owner`select id from sessions where user_id = ${who.userId} and ended_at is null`
    expect(left).toEqual([{ id: own?.id }])
    expect(await logIn(api, who)).toMatchObject({ status: 401 })
    expect(await logIn(api, who, otherPassword)).toMatchObject({ status: 200 })
    const token = sentTo(api, who).find(({ purpose }) => purpose === 'reset_password')?.code
    const reset = await send(api.app, 'password/reset', { token, password: 'lavender ballast thimble' })
    expect(await errorsOf(reset)).toMatchObject([{ path: 'token' }])
  })

  it('change: of ten at once one comes into force', async () => {
    const who = await registered(api, fixture)
    const changes = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        send(
          api.app,
          'password/change',
          { current_password: password, new_password: `${otherPassword} ${at}` },
          { headers: as(who) },
        ),
      ),
    )
    expect(changes.filter(({ status }) => status === 204)).toHaveLength(1)
    const inForce = await fixture.owner`select from passwords where user_id = ${who.userId} and replaced_at is null`
    expect(inForce).toHaveLength(1)
  })

  it('are not taken again among the last five, and are forgotten beyond', async () => {
    const who = await registered(api, fixture)
    let current = password
    const change = async (next: string) => {
      const body = { current_password: current, new_password: next }
      const response = await send(api.app, 'password/change', body, { headers: as(who) })
      if (response.status === 204) current = next
      return response.status
    }
    const others = ['lavender ballast', 'thimble orchard', 'granite whistle', 'pelican drawer']
    for (const next of others) expect(await change(`${next} 7`)).toBe(204)
    expect(await change(password)).toBe(400)
    expect(await change('copper meadow lantern')).toBe(204)
    expect(await change(password)).toBe(204)
    const kept = await fixture.owner`select from passwords where user_id = ${who.userId} and hash <> ''`
    expect(kept).toHaveLength(5)
  })

  it('an API key has none', async () => {
    const { tenantId } = await registered(api, fixture)
    const key = {
      kind: 'api_key' as const,
      apiKeyId: tenantId,
      tenant: { id: tenantId, role: 'owner' as const },
      scopes: [],
    }
    const body = { current_password: password, new_password: otherPassword }
    const response = await send(api.app, 'password/change', body, { headers: bearer(key) })
    expect(response.status).toBe(403)
  })

  it('a tenant may be stricter, never laxer', async () => {
    const who = await registered(api, fixture)
    const change = (next: string) =>
      send(api.app, 'password/change', { current_password: password, new_password: next }, { headers: as(who) })
    const rules = { min_length: 20, classes: true }
    await fixture.owner`update tenants set password_rules = ${fixture.owner.json(rules)} where id = ${who.tenantId}`
    expect(await errorsOf(await change('lavender ballast'))).toHaveLength(2)
    const laxer = { min_length: 8, history: 0 }
    await fixture.owner`update tenants set password_rules = ${fixture.owner.json(laxer)} where id = ${who.tenantId}`
    expect(await errorsOf(await change('kT7#qLm2vX'))).toHaveLength(1)
    expect(await errorsOf(await change(password))).toHaveLength(1)
  })
})

const tokenFor = async (who: { email: string }) => {
  await send(api.app, 'password/forgot', { email: who.email })
  return sentTo(api, who).findLast(({ purpose }) => purpose === 'reset_password')?.code ?? ''
}
const reset = (token: string, text = otherPassword) => send(api.app, 'password/reset', { token, password: text })

describe('a forgotten password', () => {
  it('is set anew with the newest link, once, and all sessions end', async () => {
    const who = await registered(api, fixture)
    await logIn(api, who)
    const first = await tokenFor(who)
    const second = await tokenFor(who)
    expect(await errorsOf(await reset(first))).toMatchObject([{ path: 'token' }])
    expect(await errorsOf(await reset(second, 'short'))).toMatchObject([{ path: 'password' }])
    expect(await reset(second)).toMatchObject({ status: 204 })
    expect(await reset(second, 'lavender ballast thimble')).toMatchObject({ status: 400 })
    expect(await fixture.owner`select from sessions where user_id = ${who.userId} and ended_at is null`).toHaveLength(0)
    expect(await logIn(api, who, otherPassword)).toMatchObject({ status: 200 })
    expect(await logIn(api, who)).toMatchObject({ status: 401 })
  })

  it('of thirty uses of a link at once one succeeds', async () => {
    const who = await registered(api, fixture)
    const token = await tokenFor(who)
    const answers = await Promise.all(Array.from({ length: 30 }, (_, at) => reset(token, `${otherPassword} ${at}`)))
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(29)
  })

  it('is not set anew with a link that is too old, of another person, or for another purpose', async () => {
    const who = await registered(api, fixture)
    const other = await registered(api, fixture)
    const token = await tokenFor(who)
    const [id = ''] = token.split('.')
    const [, secret = ''] = (await tokenFor(other)).split('.')
    const wrong = [`${id}.${secret}`, id, `${id}.`, secret, `${token}.x`, `${token} `, token.toUpperCase(), '', '\0']
    for (const attempt of wrong) expect(await reset(attempt), attempt).toMatchObject({ status: 400 })
    await fixture.owner`update codes set purpose = 'verify_email' where id = ${id}`
    expect(await reset(token)).toMatchObject({ status: 400 })
    await fixture.owner`update codes set purpose = 'reset_password', expires_at = now() where id = ${id}`
    expect(await reset(token)).toMatchObject({ status: 400 })
    await fixture.owner`update codes set expires_at = now() + interval '1 minute' where id = ${id}`
    expect(await reset(token)).toMatchObject({ status: 204 })
  })

  it('sends nothing to whoever is unknown or disabled, and says the same', async () => {
    const who = await registered(api, fixture)
    const disabled = await registered(api, fixture)
    await fixture.owner`update users set disabled_at = now() where id = ${disabled.userId}`
    const emails = [who.email, disabled.email, 'nobody@mail.example']
    const answers = await Promise.all(emails.map((email) => send(api.app, 'password/forgot', { email }).then(bytesOf)))
    expect(new Set(answers).size).toBe(1)
    expect(emails.map((email) => sentTo(api, { email }).length)).toEqual([1, 0, 0])
  })

  it('a login with the old password that is under way does not outlive the reset', async () => {
    const who = await registered(api, fixture)
    const token = await tokenFor(who)
    const [login, done] = await Promise.all([logIn(api, who), reset(token)])
    expect(done.status).toBe(204)
    expect([200, 401]).toContain(login.status)
    expect(await fixture.owner`select from sessions where user_id = ${who.userId} and ended_at is null`).toHaveLength(0)
  })
})

const codeFor = (who: { email: string }) =>
  sentTo(strict, who).findLast(({ purpose }) => purpose === 'verify_email')?.code ?? ''
const confirm = (who: { email: string }, code: string) =>
  send(strict.app, 'email/verify/confirm', { email: who.email, code })
const wrongOf = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0')

describe('an address that is to be verified', () => {
  it('lets its owner in once the code was typed in, and not before', async () => {
    const who = await registered(strict, fixture)
    expect(await logIn(strict, who)).toMatchObject({ status: 401 })
    const code = codeFor(who)
    expect(code).toMatch(/^\d{6}$/)
    expect(await confirm(who, wrongOf(code))).toMatchObject({ status: 400 })
    expect(await confirm(who, code)).toMatchObject({ status: 204 })
    expect(await logIn(strict, who)).toMatchObject({ status: 200 })
    expect(await confirm(who, code)).toMatchObject({ status: 400 })
  })

  it('of a hundred right codes at once one counts', async () => {
    const who = await registered(strict, fixture)
    const code = codeFor(who)
    const answers = await Promise.all(Array.from({ length: 100 }, () => confirm(who, code)))
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(99)
  })

  it('of a hundred wrong codes at once three are tried, and then the right one is not', async () => {
    const who = await registered(strict, fixture)
    const code = codeFor(who)
    const wrong = Array.from({ length: 100 }, () => confirm(who, wrongOf(code)))
    expect((await Promise.all(wrong)).every(({ status }) => status === 400)).toBe(true)
    const [row] = await fixture.owner`select tries from codes where user_id = ${who.userId}`
    expect(row).toEqual({ tries: 3 })
    expect(await confirm(who, code)).toMatchObject({ status: 400 })
  })

  it('a newer code ends the older one; one that is too old is worth nothing', async () => {
    const who = await registered(strict, fixture)
    const first = codeFor(who)
    await send(strict.app, 'email/verify/send', { email: who.email })
    const second = codeFor(who)
    if (first !== second) expect(await confirm(who, first)).toMatchObject({ status: 400 })
    await fixture.owner`update codes set expires_at = now() where user_id = ${who.userId}`
    expect(await confirm(who, second)).toMatchObject({ status: 400 })
  })

  it('is closed after a hundred wrong codes without a right one', async () => {
    const who = await registered(strict, fixture)
    await fixture.owner`
      insert into guesses (subject, mechanism, failures, consecutive, window_started_at)
      values (${`user:${who.userId}`}, 'code', 0, 100, now())`
    expect(await confirm(who, codeFor(who))).toMatchObject({ status: 400 })
  })

  it('a code is not to be had from all that the database holds', async () => {
    const who = await registered(strict, fixture)
    const [row] = await fixture.owner<{ id: string; hash: Buffer }[]>`
      select id, hash from codes where user_id = ${who.userId}`
    const { createHash } = await import('node:crypto')
    const code = codeFor(who)
    const digests = [code, `${row?.id}${code}`, JSON.stringify([row?.id, who.userId, 'verify_email', who.email, code])]
    for (const text of digests) expect(createHash('sha256').update(text).digest()).not.toEqual(row?.hash)
  })
})

it('sweeps out what is over, and nothing else', async () => {
  const who = await registered(api, fixture)
  await send(api.app, 'password/forgot', { email: who.email })
  await logIn(api, who, 'wrong wrong wrong')
  const codes = () => fixture.owner`select from codes where user_id = ${who.userId}`
  const guesses = () => fixture.owner`select from guesses where subject = ${`user:${who.userId}`}`
  const shared = () => fixture.owner`select from guesses where subject = 'address:swept'`
  await fixture.owner`
    insert into guesses (subject, mechanism, failures, consecutive, window_started_at)
    values ('address:swept', 'password', 3, 3, now() - interval '2 days')`
  await sweepAccounts(api.accounts)
  expect([await codes(), await guesses(), await shared()].map(({ length }) => length)).toEqual([1, 1, 0])
  // What counts towards closing an account for good is kept for as long as it takes.
  await fixture.owner`update guesses set window_started_at = now() - interval '1 year'`
  await fixture.owner`update codes set expires_at = now() - interval '8 days'`
  await sweepAccounts(api.accounts)
  expect([await codes(), await guesses()].map(({ length }) => length)).toEqual([0, 1])
})

it('the routes are in the OpenAPI document, and say which of them need a token', async () => {
  const response = await api.app.request('/openapi.json')
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, { security?: unknown }>> }
  const own = Object.entries(paths).flatMap(([path, operations]) =>
    path.startsWith('/api/v1/auth/')
      ? Object.entries(operations).map(([method, { security }]) => ({ path, method, security }))
      : [],
  )
  const closed = own
    .filter(({ security }) => security !== undefined)
    .map(({ path }) => path.replace('/api/v1/auth/', ''))
  expect(closed).toEqual(expect.arrayContaining(['me', 'profile', 'password/change']))
  expect(own.length).toBeGreaterThanOrEqual(10)
})

describe('who is signed in', () => {
  it('sees who they are, where they belong and what they may do', async () => {
    const who = await registered(api, fixture)
    const response = await api.app.request('/api/v1/auth/me', { headers: as(who) })
    expect(response.status).toBe(200)
    const me = (await response.json()) as { permissions: string[] }
    expect(me).toMatchObject({
      user: { id: who.userId, email: who.email, name: 'Jane Doe', email_verified: true, password_expires_at: null },
      api_key: null,
      tenant: { id: who.tenantId, role: 'owner' },
      tenants: [{ id: who.tenantId, slug: who.slug, name: 'Acme Parking', role: 'owner', suspended: false }],
    })
    expect(me.permissions).toContain('tenant:erase')
  })

  it('is told when the password will expire', async () => {
    const classic = await accountsApi(fixture, { preset: 'classic' })
    const who = await registered(classic, { ...fixture, text: 'kT7#qLm2vX' })
    const response = await classic.app.request('/api/v1/auth/me', { headers: as(who) })
    const { user } = (await response.json()) as { user: { password_expires_at: string } }
    const days = (Date.parse(user.password_expires_at) - Date.now()) / 86_400_000
    expect(Math.round(days)).toBe(90)
    await fixture.owner`update passwords set created_at = now() - interval '91 days' where user_id = ${who.userId}`
    expect(await logIn(classic, who, 'kT7#qLm2vX')).toMatchObject({ status: 403 })
    const body = { email: who.email, password: 'kT7#qLm2vX', new_password: 'zR4!wNp8yC' }
    expect(await send(classic.app, 'login', body)).toMatchObject({ status: 200 })
    await classic.close()
  })

  it('changes their name, of the revision that they have seen', async () => {
    const who = await registered(api, fixture)
    const read = await api.app.request('/api/v1/auth/profile', { headers: as(who) })
    const etag = read.headers.get('ETag') ?? ''
    const patch = (name: string, headers: Record<string, string>) =>
      send(api.app, 'profile', { name }, { method: 'PATCH', headers: { ...as(who), ...headers } })
    expect(await patch('Jane Roe', {})).toMatchObject({ status: 428 })
    const parallel = await Promise.all(Array.from({ length: 20 }, (_, at) => patch(`Jane ${at}`, { 'If-Match': etag })))
    expect(parallel.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(parallel.filter(({ status }) => status === 412)).toHaveLength(19)
    const refused = await send(api.app, 'profile', { email: 'x@y.example' }, { method: 'PATCH', headers: as(who) })
    expect(refused.status).toBe(400)
  })

  it.each(['me', 'profile'])('is somebody: %s needs a token', async (path) => {
    expect(await api.app.request(`/api/v1/auth/${path}`)).toMatchObject({ status: 401 })
  })
})
