import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Refusal } from '../../src/refusal.ts'
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
  type AccountsOptions,
} from './support/accounts.ts'
import { plainSessions } from './support/plain-sessions.ts'

const wrong = 'wrong wrong wrong'
let fixture: ApiFixture
let api: AccountsApi
const opened: AccountsApi[] = []

beforeAll(async () => {
  fixture = await apiFixture()
  api = await open()
})
afterAll(async () => {
  await Promise.all(opened.map((one) => one.close()))
  await fixture.drop()
})

async function open(options: AccountsOptions = {}): Promise<AccountsApi> {
  const made = await accountsApi(fixture, options)
  opened.push(made)
  return made
}

interface From {
  cookie?: string | undefined
  area?: string
}

function logIn(on: AccountsApi, { email }: { email: string }, text = password, from: From = {}): Promise<Response> {
  const { cookie, area = 'here' } = from
  const headers = { 'X-Area': area, ...(cookie === undefined ? {} : { Cookie: cookie }) }
  return send(on.app, 'login', { email, password: text }, { headers })
}

/** What a browser sends back. */
function cookieOf(response: Response): string {
  return response.headers.get('Set-Cookie')?.split(';')[0] ?? ''
}

async function guess(on: AccountsApi, who: { email: string }, times: number, from: From = {}): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect((await logIn(on, who, wrong, from)).status).toBe(401)
  }
}

const countOf = async (subject: string, mechanism = 'password') => {
  const [row] = await fixture.owner<{ failures: number; consecutive: number }[]>`
    select failures, consecutive from guesses where subject = ${subject} and mechanism = ${mechanism}`
  return row
}

describe('wrong passwords', () => {
  it('close an account at the fifth: the sixth is refused although it is right', async () => {
    const who = await registered(api, fixture)
    const before = api.comparisons()
    await guess(api, who, 5)
    expect(api.comparisons() - before).toBe(5)
    expect(await logIn(api, who)).toMatchObject({ status: 401 })
    expect(api.comparisons() - before).toBe(5)
    const audit = await fixture.owner`
      select actor_kind, target_id from audit_log where tenant_id = ${who.tenantId} and action = 'user.locked'`
    expect(audit).toEqual([{ actor_kind: 'system', target_id: who.userId }])
  })

  it('of four, and one that is right, nothing is left', async () => {
    const who = await registered(api, fixture)
    await guess(api, who, 4)
    expect(await logIn(api, who)).toMatchObject({ status: 200 })
    expect(await countOf(`user:${who.userId}`)).toBeUndefined()
    await guess(api, who, 4)
    expect(await logIn(api, who)).toMatchObject({ status: 200 })
  })

  it('open the account again when their time is over', async () => {
    const who = await registered(api, fixture)
    await guess(api, who, 5)
    const subject = `user:${who.userId}`
    await fixture.owner`update guesses set locked_until = now() + interval '1 second' where subject = ${subject}`
    expect(await logIn(api, who)).toMatchObject({ status: 401 })
    await fixture.owner`update guesses set locked_until = now() where subject = ${subject}`
    await guess(api, who, 4)
    expect(await logIn(api, who)).toMatchObject({ status: 200 })
  })

  it('do not add up over more than the window', async () => {
    const who = await registered(api, fixture)
    await guess(api, who, 4)
    await fixture.owner`
      update guesses set window_started_at = now() - interval '30 minutes' where subject = ${`user:${who.userId}`}`
    await guess(api, who, 4)
    expect(await countOf(`user:${who.userId}`)).toEqual({ failures: 4, consecutive: 8 })
    expect(await logIn(api, who)).toMatchObject({ status: 200 })
  })

  it.each([1, 5, 20])(
    '200 at once are five comparisons, on two processes with %d connections each',
    async (poolSize) => {
      const [one, other] = [await open({ poolSize }), await open({ poolSize })]
      const who = await registered(api, fixture)
      const attempts = Array.from({ length: 200 }, (_, at) => logIn(at % 2 === 0 ? one : other, who, wrong))
      const answers = await Promise.all(attempts)
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
      expect(one.comparisons() + other.comparisons()).toBe(5)
      expect(await logIn(one, who)).toMatchObject({ status: 401 })
    },
  )

  it.each([1, 5, 20])('do not stand in the way of 40 right ones at once (%d connections)', async (poolSize) => {
    const [one, other] = [await open({ poolSize }), await open({ poolSize })]
    const who = await registered(api, fixture)
    const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => logIn(at % 2 === 0 ? one : other, who)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  })

  it('are counted although what comes after the comparison fails', async () => {
    const failing = {
      ...plainSessions(),
      begin: () => Promise.reject(new Refusal('conflict', 'no session today')),
    }
    const broken = await open({ sessions: failing })
    const who = await registered(api, fixture)
    await guess(api, who, 3)
    expect(await logIn(broken, who)).toMatchObject({ status: 409 })
    // Nor is another refusal a wrong password: the right one has cleared the count.
    expect(await countOf(`user:${who.userId}`)).toBeUndefined()
  })

  it('a hundred without a right one close the account for good: to known devices too, until a reset', async () => {
    const who = await registered(api, fixture)
    const cookie = cookieOf(await logIn(api, who))
    await fixture.owner`
      insert into guesses (subject, mechanism, failures, consecutive, window_started_at)
      values (${`user:${who.userId}`}, 'password', 0, 99, now() - interval '1 hour')`
    const before = api.comparisons()
    await guess(api, who, 3)
    expect(api.comparisons() - before).toBe(1)
    expect(await logIn(api, who, password, { cookie })).toMatchObject({ status: 401 })
    await send(api.app, 'password/forgot', { email: who.email })
    const token = api.sent.findLast(({ address }) => address === who.email)?.code
    expect(await send(api.app, 'password/reset', { token, password: otherPassword })).toMatchObject({ status: 204 })
    expect(await logIn(api, who, otherPassword)).toMatchObject({ status: 200 })
  })
})

describe('a device that is known', () => {
  it('lets its owner in a hundred times while others guess', async () => {
    const who = await registered(api, fixture)
    let cookie = cookieOf(await logIn(api, who))
    expect(cookie).toMatch(/^__Host-baywire_device=/)
    for (let time = 0; time < 100; time += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const [, own] = await Promise.all([
        logIn(api, who, wrong, { area: 'elsewhere' }),
        logIn(api, who, password, { cookie }),
      ])
      expect(own.status).toBe(200)
      cookie = cookieOf(own)
    }
    // And it does not open the account to those who guess.
    expect(await logIn(api, who, password, { area: 'elsewhere' })).toMatchObject({ status: 401 })
  })

  it('has five guesses of its own', async () => {
    const who = await registered(api, fixture)
    const cookie = cookieOf(await logIn(api, who))
    const before = api.comparisons()
    await guess(api, who, 8, { cookie })
    expect(api.comparisons() - before).toBe(5)
    expect(await logIn(api, who, password, { cookie })).toMatchObject({ status: 401 })
    expect(await logIn(api, who)).toMatchObject({ status: 200 })
  })

  it('is marked by a cookie that is no use to anybody else, and lets nobody in', async () => {
    const who = await registered(api, fixture)
    const other = await registered(api, fixture)
    const response = await logIn(api, who)
    expect(response.headers.get('Set-Cookie')).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    const cookie = cookieOf(response)
    await guess(api, other, 5)
    expect(await logIn(api, other, password, { cookie })).toMatchObject({ status: 401 })
    const [head = '', user = '', ...rest] = cookie.split(/[=.]/)
    const forged = [
      `${head}=${[other.userId, ...rest].join('.')}`,
      `${head}=${user}`,
      `${head}=`,
      `${cookie}x`,
      `${head}=%00`,
    ]
    for (const attempt of forged) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await logIn(api, other, password, { cookie: attempt })).toMatchObject({ status: 401 })
    }
    expect(await logIn(api, who, wrong, { cookie })).toMatchObject({ status: 401 })
  })
})

describe('a reset by mail', () => {
  it('works while the account is closed, and opens it', async () => {
    const who = await registered(api, fixture)
    await guess(api, who, 5)
    await send(api.app, 'password/forgot', { email: who.email })
    const token = api.sent.findLast(({ address }) => address === who.email)?.code
    expect(await send(api.app, 'password/reset', { token, password: otherPassword })).toMatchObject({ status: 204 })
    expect(await logIn(api, who, otherPassword)).toMatchObject({ status: 200 })
  })
})

describe('every door counts', () => {
  it.each([
    ['log in', 'password', (who: { email: string }) => logIn(api, who, wrong)],
    [
      'change of the password',
      'password',
      ({ userId }: { userId: string }) =>
        send(
          api.app,
          'password/change',
          { current_password: wrong, new_password: otherPassword },
          {
            headers: bearer({
              kind: 'user',
              userId,
              sessionId: userId,
              tenant: undefined,
              platformAdministrator: false,
            }),
          },
        ),
    ],
    [
      'code of an address',
      'code',
      ({ email }: { email: string }) => send(api.app, 'email/verify/confirm', { email, code: '123456' }),
    ],
  ])('%s', async (_, mechanism, knock) => {
    const who = await registered(api, fixture)
    expect((await knock(who)).status).toBeGreaterThanOrEqual(400)
    expect(await countOf(`user:${who.userId}`, mechanism)).toMatchObject({ consecutive: 1 })
  })

  it('a session that guesses at the current password is stopped, and its owner elsewhere is not', async () => {
    const who = await registered(api, fixture)
    const principal = { kind: 'user' as const, userId: who.userId, tenant: undefined, platformAdministrator: false }
    const change = (current: string, sessionId: string) =>
      send(
        api.app,
        'password/change',
        { current_password: current, new_password: otherPassword },
        { headers: bearer({ ...principal, sessionId }) },
      )
    const before = api.comparisons()
    const answers = await Promise.all(Array.from({ length: 30 }, () => change(wrong, who.userId)))
    expect(new Set(await Promise.all(answers.map(bytesOf))).size).toBe(1)
    expect(api.comparisons() - before).toBe(5)
    expect(await change(password, who.userId)).toMatchObject({ status: 400 })
    expect(await logIn(api, who)).toMatchObject({ status: 200 })
    expect(await change(password, who.tenantId)).toMatchObject({ status: 204 })
  })
})

describe('an address', () => {
  it('that fails twenty times is sent away, whoever it guesses at, and others are not', async () => {
    const limited = await open({ lockout: { perAddress: 20 } })
    const victims = await Promise.all(Array.from({ length: 5 }, () => registered(limited, fixture)))
    const before = limited.comparisons()
    const guesses = await Promise.all(
      victims.flatMap((who) => Array.from({ length: 5 }, () => logIn(limited, who, wrong, { area: '192.0.2.7' }))),
    )
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(20)
    const sentAway = guesses.filter(({ status }) => status === 429)
    expect(sentAway).toHaveLength(5)
    expect(limited.comparisons() - before).toBe(20)
    expect(Number(sentAway[0]?.headers.get('Retry-After'))).toBeGreaterThan(800)
    const known = await logIn(limited, { email: 'nobody@mail.example' }, wrong, { area: '192.0.2.7' })
    expect(known.status).toBe(429)
    const fresh = await registered(limited, fixture)
    expect(await logIn(limited, fresh, password, { area: '192.0.2.8' })).toMatchObject({ status: 200 })
  })

  it('is not charged with those that were right', async () => {
    const limited = await open({ lockout: { perAddress: 20 } })
    const who = await registered(limited, fixture)
    const area = '192.0.2.9'
    for (let time = 0; time < 25; time += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await logIn(limited, who, password, { area })).toMatchObject({ status: 200 })
    }
    expect(await countOf(`address:${area}`)).toMatchObject({ failures: 0 })
  })
})

it("a tenant's members cannot be guessed at from everywhere; devices that are known go on", async () => {
  const limited = await open({ lockout: { perTenant: 4 } })
  const who = await registered(limited, fixture)
  const cookie = cookieOf(await logIn(limited, who))
  const colleague = await registered(limited, fixture)
  await fixture.owner`
    insert into memberships (tenant_id, user_id, role) values (${who.tenantId}, ${colleague.userId}, 'viewer')`
  await guess(limited, colleague, 4)
  const before = limited.comparisons()
  expect(await logIn(limited, who)).toMatchObject({ status: 401 })
  expect(limited.comparisons() - before).toBe(0)
  expect(await logIn(limited, who, password, { cookie })).toMatchObject({ status: 200 })
})

const strange = () => ({ email: `${freshName()}@mail.example` })
const registration = (email: string) => {
  const tenant = { tenant_name: 'Acme Parking', tenant_slug: freshName() }
  return { email, password, name: 'Jane Doe', ...tenant }
}

describe('fifty addresses that have an account, and fifty that have none', () => {
  const routes: Record<string, (email: string) => [string, unknown]> = {
    login: (email) => ['login', { email, password: wrong }],
    register: (email) => ['register', registration(email)],
    forgot: (email) => ['password/forgot', { email }],
    'verify send': (email) => ['email/verify/send', { email }],
    'verify confirm': (email) => ['email/verify/confirm', { email, code: '000000' }],
  }

  it.each(Object.entries(routes))('are answered byte for byte alike: %s', async (_, requestOf) => {
    const strict = await open({ verification: true })
    const answers = new Set<string>()
    for (let pair = 0; pair < 50; pair += 1) {
      // oxlint-disable-next-line no-await-in-loop -- pair by pair
      const known = await registered(strict, fixture)
      for (const { email } of [known, strange()]) {
        // oxlint-disable-next-line no-await-in-loop -- pair by pair
        answers.add(await bytesOf(await send(strict.app, ...requestOf(email))))
      }
    }
    expect([...answers]).toHaveLength(1)
  })
})

describe('messages to one address', () => {
  it('of a hundred requests at once one is sent, over all routes and processes together', async () => {
    const sends = { perMinute: 1, perHour: 5, perDay: 10 }
    const processes = [await open({ sends, poolSize: 20 }), await open({ sends, poolSize: 20 })]
    const who = await registered(api, fixture)
    await fixture.owner`update users set email_verified_at = null where id = ${who.userId}`
    const requests = Array.from({ length: 100 }, (_, at) => {
      const { app } = processes[at % 2] ?? api
      return send(app, at % 4 < 2 ? 'password/forgot' : 'email/verify/send', { email: who.email })
    })
    expect((await Promise.all(requests)).every(({ status }) => status === 202)).toBe(true)
    expect(processes.flatMap(({ sent }) => sent)).toHaveLength(1)
  })

  it('are five in an hour and ten in a day', async () => {
    const limited = await open({ sends: { perMinute: 1, perHour: 5, perDay: 10 } })
    const who = await registered(limited, fixture)
    const later = (seconds: number) => fixture.owner`
      update rate_limits set expire = now() where key like ${`sent:%:${seconds}`}`
    const sendTimes = async (times: number) => {
      for (let time = 0; time < times; time += 1) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await send(limited.app, 'password/forgot', { email: who.email })
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await later(60)
      }
    }
    await sendTimes(8)
    expect(limited.sent).toHaveLength(5)
    await later(3600)
    await sendTimes(8)
    expect(limited.sent).toHaveLength(10)
    await later(3600)
    await sendTimes(1)
    expect(limited.sent).toHaveLength(10)
    await later(86_400)
    await sendTimes(1)
    expect(limited.sent).toHaveLength(11)
  })
})
