import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Api } from '../../src/api/app.ts'
import { rateLimits } from '../../src/api/rate-limits.ts'
import { rateLimitStore, type RateLimitStore } from '../../src/store/rate-limits.ts'
import { apiFixture, type ApiFixture } from './fixture.ts'
import { accountsApi, freshName, password, registered, type AccountsApi } from './support/accounts.ts'

/** That the route of logins is limited: how limits count is the matter of rate-limits.pg.test.ts. */
const perMinute = 5
const off = { addressPerMinute: 0, openPerMinute: 0, apiPerMinute: 0, apiPerHour: 0, apiPerDay: 0, tenantPerMinute: 0 }

let fixture: ApiFixture
let store: RateLimitStore
let api: AccountsApi

beforeAll(async () => {
  fixture = await apiFixture()
  store = rateLimitStore({ url: fixture.ownerUrl, max: 2, statementTimeoutMs: 10_000, name: 'test limits' })
  const settings = { ...off, loginsPerMinute: perMinute }
  api = await accountsApi(fixture, { limits: rateLimits({ settings, store, databaseWaitMs: 10_000 }) })
})
afterAll(async () => {
  await Promise.all([api.close(), store.close()])
  await fixture.drop()
})

/** As a client that sends a form does it, or one that sends JSON. */
async function logIn(app: Api, email: string, { form = false, text = password } = {}): Promise<Response> {
  return await app.request('/api/v1/auth/login', {
    method: 'POST',
    ...(form
      ? { body: new URLSearchParams({ username: email, password: text }) }
      : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ email, password: text }) }),
  })
}

describe('logins to one account from one address', () => {
  it('are limited over both kinds of body and all spellings, right passwords too, and before anything is compared', async () => {
    const { email } = await registered(api, fixture)
    const spellings = [email, ` ${email.toUpperCase()} `]
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => logIn(api.app, spellings[i % 2] ?? email, { form: i % 4 > 1 })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(perMinute)
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(15)
    for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    const compared = api.comparisons()
    expect((await logIn(api.app, email, { text: 'a wrong one, too late' })).status).toBe(429)
    expect(api.comparisons()).toBe(compared)
  })

  it('are refused alike for an account that there is not', async () => {
    const email = `${freshName()}@mail.example`
    const answers = await Promise.all(Array.from({ length: 8 }, () => logIn(api.app, email)))
    const counted = [401, 429].map((wanted) => answers.filter(({ status }) => status === wanted).length)
    expect(counted).toEqual([perMinute, 3])
  })

  it('leave other accounts alone', async () => {
    const { email } = await registered(api, fixture)
    expect((await logIn(api.app, email)).status).toBe(200)
  })
})
