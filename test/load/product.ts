import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Sql } from '../../src/store/client.ts'
import { startEmbeddedPostgres } from '../../src/store/embedded/embedded.ts'
import { eventually, freePort, Program } from '../support/program.ts'

/** One line of what was seen, and whether it is within its bound. */
export interface Finding {
  line: string
  ok: boolean
}

/** `baywire start` as a process of its own on a database of its own, with all rates at 0. */
export interface Product {
  api: string
  mqttUrl: string
  owner: Sql
  /** Accounts of `example.org` in one tenant, all with this password. */
  password: string
  addAccounts(prefix: string, count: number): Promise<string[]>
  stop(): Promise<void>
}

const limits = [
  'LIMIT_ADDRESS_PER_MINUTE',
  'LIMIT_OPEN_PER_MINUTE',
  'LIMIT_LOGINS_PER_MINUTE',
  'LIMIT_API_PER_MINUTE',
  'LIMIT_API_PER_HOUR',
  'LIMIT_API_PER_DAY',
  'LIMIT_TENANT_PER_MINUTE',
  'SENDS_PER_MINUTE',
  'SENDS_PER_HOUR',
  'SENDS_PER_DAY',
  'LOGIN_FAILURES_PER_ADDRESS',
  'LOGIN_FAILURES_PER_TENANT',
]

export async function startProduct(): Promise<Product> {
  const directory = await mkdtemp(join(tmpdir(), 'baywire-load-'))
  const postgres = await startEmbeddedPostgres({ dataDir: directory, onProgress: () => {} })
  const [httpPort, mqttPort] = [await freePort(), await freePort()]
  const api = `http://127.0.0.1:${httpPort}/api/v1`
  const program = new Program(['start'], {
    DATABASE_URL: postgres.url,
    BAYWIRE_DATA_DIR: directory,
    BAYWIRE_HTTP_PORT: String(httpPort),
    BAYWIRE_MQTT_PORT: String(mqttPort),
    BAYWIRE_LOG_LEVEL: 'warn',
    ...Object.fromEntries(limits.map((name) => [`BAYWIRE_${name}`, '0'])),
  })
  const owner = connect({ url: postgres.url, max: 1, statementTimeoutMs: 60_000, name: 'load' })
  const password = 'plinth gravel otter'

  const stop = async () => {
    await owner.end({ timeout: 1 })
    await program.stop()
    await postgres.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await eventually('baywire is ready', () => fetch(`${api}/../../ready`).then(({ ok }) => ok), { withinMs: 60_000 })
    await post(`${api}/auth/register`, {
      email: 'first@example.org',
      password,
      name: 'First',
      tenant_name: 'City',
      tenant_slug: 'city',
    })
  } catch (error) {
    await stop()
    throw new Error(program.describe(), { cause: error })
  }
  return { api, mqttUrl: `mqtt://127.0.0.1:${mqttPort}`, owner, password, addAccounts, stop }

  async function addAccounts(prefix: string, count: number): Promise<string[]> {
    const emails = Array.from({ length: count }, (_, number) => `${prefix}-${number}@example.org`)
    await owner`
      WITH made AS (
        INSERT INTO users (id, email, name, email_verified_at)
        SELECT gen_random_uuid(), email, 'Somebody', now() FROM unnest(${`{${emails.join(',')}}`}::text[]) AS n (email)
        RETURNING id
      ), joined AS (
        INSERT INTO memberships (tenant_id, user_id, role) SELECT t.id, made.id, 'viewer' FROM made, tenants t
      )
      INSERT INTO passwords (id, user_id, hash)
      SELECT gen_random_uuid(), made.id, p.hash FROM made, passwords p
      WHERE p.user_id = (SELECT id FROM users WHERE email = 'first@example.org')`
    return emails
  }
}

export async function post(url: string, body: object, token?: string): Promise<Response> {
  return await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  })
}

/** @returns an access token */
export async function logIn({ api, password }: Product, email: string): Promise<string> {
  const response = await post(`${api}/auth/login`, { email, password })
  if (!response.ok) throw new Error(`login of ${email}: ${response.status} ${await response.text()}`)
  const { access_token: token } = (await response.json()) as { access_token: string }
  return token
}

/** @param share 0.5 for the median */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
