import { randomBytes } from 'node:crypto'
import type { Accounts } from '../../../src/auth/accounts.ts'
import type { Authenticator } from '../../../src/auth/authenticator.ts'
import { CodeBook } from '../../../src/auth/codes.ts'
import { wordList } from '../../../src/auth/common-passwords.ts'
import { DeviceCookies } from '../../../src/auth/device-cookie.ts'
import type { Message } from '../../../src/auth/door.ts'
import { PasswordHasher } from '../../../src/auth/hashing.ts'
import { Lockout, type LockoutOptions } from '../../../src/auth/lockout.ts'
import { passwordPresets, type PasswordRules } from '../../../src/auth/password-rules.ts'
import type { Principal } from '../../../src/auth/principal.ts'
import { deriveKey } from '../../../src/secret.ts'
import { SendLimits } from '../../../src/auth/send-limits.ts'
import type { Sessions } from '../../../src/auth/sessions-contract.ts'
import { systemClock } from '../../../src/clock.ts'
import { newId } from '../../../src/ids.ts'
import { Refusal } from '../../../src/refusal.ts'
import type { Api } from '../../../src/api/app.ts'
import type { RateLimits } from '../../../src/api/rate-limits.ts'
import { tenantDatabase } from '../../../src/store/transactions.ts'
import type { ApiFixture } from '../fixture.ts'
import { plainSessions } from './plain-sessions.ts'

/** An API with accounts, as several processes of one installation would have it: they share the secret and the database. */
export interface AccountsApi {
  app: Api
  accounts: Accounts
  /** What went out of the door, in this process. */
  sent: Message[]
  /** How many comparisons there were with a real hash. */
  comparisons(): number
  close(): Promise<void>
}

export interface AccountsOptions {
  lockout?: Partial<LockoutOptions>
  rules?: Partial<PasswordRules>
  preset?: keyof typeof passwordPresets
  verification?: boolean
  poolSize?: number
  hashing?: Partial<Parameters<typeof PasswordHasher.create>[0]>
  sends?: Partial<ConstructorParameters<typeof SendLimits>[0]>
  sessions?: Sessions
  evenMs?: number
  limits?: RateLimits
}

const secret = randomBytes(32).toString('hex')
export const password = 'plinth gravel otter'
export const otherPassword = 'wandering teapot museum'

const tries = 3
/** So little that tests have time for many; the parameters of production are checked on their own. */
const quickHashes = { memoryKib: 1024, passes: 2, atOnce: 2, waiting: 1000 }

export async function accountsApi(
  fixture: Pick<ApiFixture, 'url' | 'otherApi'>,
  options: AccountsOptions = {},
): Promise<AccountsApi> {
  const { preset = 'modern', verification = false, poolSize = 5 } = options
  const database = tenantDatabase({
    url: fixture.url,
    max: poolSize,
    statementTimeoutMs: 20_000,
    name: 'test accounts',
  })
  const sent: Message[] = []
  const counter = { comparisons: 0 }
  const accounts: Accounts = {
    database,
    sessions: options.sessions ?? plainSessions(),
    clock: systemClock,
    verification,
    evenMs: options.evenMs ?? 0,
    sender: { send: (message) => void sent.push(message) },
    rules: { history: 5, ...passwordPresets[preset], ...options.rules },
    words: wordList(),
    hasher: counting(await PasswordHasher.create({ ...quickHashes, ...options.hashing }), counter),
    cookies: new DeviceCookies({ key: deriveKey(secret, 'device cookies'), days: 90 }),
    codes: new CodeBook({ key: deriveKey(secret, 'codes'), digits: 6, codeMinutes: 10, tries, linkMinutes: 30 }),
    sendLimits: new SendLimits({
      key: deriveKey(secret, 'destinations'),
      perMinute: 0,
      perHour: 0,
      perDay: 0,
      ...options.sends,
    }),
    lockout: new Lockout({
      key: deriveKey(secret, 'guesses'),
      failures: 5,
      minutes: 30,
      consecutive: 100,
      perAddress: 0,
      perTenant: 0,
      ...options.lockout,
    }),
  }
  return {
    app: fixture.otherApi({
      tenants: database,
      accounts,
      authenticator: byToken,
      limits: options.limits,
      areaOf: (c) => c.req.header('X-Area') ?? 'none',
    }),
    accounts,
    sent,
    comparisons: () => counter.comparisons,
    close: () => database.close(),
  }
}

/** The same hasher, with each comparison that is one counted; the dummy does not count. */
function counting(hasher: PasswordHasher, counter: { comparisons: number }): PasswordHasher {
  const counted: Pick<PasswordHasher, 'inTurn'> = {
    inTurn: (work) =>
      hasher.inTurn((turn) =>
        work({
          ...turn,
          verify(hash, text) {
            if (hash !== undefined) counter.comparisons += 1
            return turn.verify(hash, text)
          },
        }),
      ),
  }
  return counted as PasswordHasher
}

/** Tells who asks by a token that says so; the real one has tests of its own. */
const byToken: Authenticator = {
  authenticate(authorization) {
    const text = /^Bearer (.*)$/.exec(authorization ?? '')?.[1]
    if (text === undefined) throw new Refusal('unauthenticated', 'Sign in.')
    return Promise.resolve(JSON.parse(text) as Principal)
  },
}

export function bearer(principal: Principal): Record<string, string> {
  return { Authorization: `Bearer ${JSON.stringify(principal)}` }
}

export interface Sending {
  method?: string
  headers?: Record<string, string>
}

/** A request with a body of JSON. */
export async function send(app: Api, path: string, body: unknown, sending: Sending = {}): Promise<Response> {
  const { method = 'POST', headers = {} } = sending
  return await app.request(`/api/v1/auth/${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

/** What nobody else has. */
export function freshName(): string {
  return `x${newId().slice(-12)}`
}

export interface Registered {
  email: string
  slug: string
  userId: string
  tenantId: string
}

export async function registered(
  { app }: Pick<AccountsApi, 'app'>,
  { owner, text = password }: { owner: ApiFixture['owner']; text?: string },
): Promise<Registered> {
  const slug = freshName()
  const email = `${freshName()}@mail.example`
  const body = { email, password: text, name: 'Jane Doe', tenant_name: 'Acme Parking', tenant_slug: slug }
  const response = await send(app, 'register', body)
  if (response.status !== 202) throw new Error(`register: ${response.status} ${await response.text()}`)
  const [row] = await owner<{ user_id: string; tenant_id: string }[]>`
    select m.user_id, m.tenant_id from memberships m join tenants t on t.id = m.tenant_id where t.slug = ${slug}`
  if (row === undefined) throw new Error('nobody was registered')
  return { email, slug, userId: row.user_id, tenantId: row.tenant_id }
}

/** The parts of an answer that may be compared: all but its id and its time. */
export async function bytesOf(response: Response): Promise<string> {
  const headers = [...response.headers].filter(([name]) => !['x-request-id', 'date'].includes(name))
  const body = (await response.text()).replaceAll(/"request_id":"[^"]+"/g, '"request_id":""')
  return JSON.stringify({ status: response.status, headers, body })
}
