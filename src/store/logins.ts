import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { BaywireError, UsageError } from '../errors.ts'
import { connect, type Sql } from './client.ts'

/**
 * The logins that api and ingest work with, made from their URLs: members of their role and nothing else. Doing it
 * again sets their passwords again, which is how a password is changed.
 */
const memberships = {
  DATABASE_URL_API: 'baywire_api',
  DATABASE_URL_INGEST: 'baywire_ingest',
} as const

export type LoginUrls = Partial<Record<keyof typeof memberships, string | undefined>>

/** @returns the names of the logins. The roles must be there already: migrate first. */
export async function createLogins(ownerUrl: string, urls: LoginUrls): Promise<string[]> {
  const logins = Object.entries(memberships).flatMap(([setting, role]) => {
    const url = urls[setting as keyof LoginUrls]
    return url === undefined ? [] : [{ ...credentialsOf(setting, url), role, setting }]
  })
  if (logins.length === 0) throw new UsageError('neither DATABASE_URL_API nor DATABASE_URL_INGEST is set', 'set them')
  const sql = connect({ url: ownerUrl, max: 1, statementTimeoutMs: 30_000, name: 'baywire logins' })
  try {
    // Of several processes that do this at once, one does it after the other.
    await sql`select pg_advisory_lock(hashtext('baywire.logins'))`
    // oxlint-disable-next-line no-await-in-loop
    for (const login of logins) await createLogin(sql, login)
    return logins.map(({ name }) => name)
  } finally {
    await sql.end({ timeout: 5 })
  }
}

interface Login {
  setting: string
  name: string
  password: string
  role: string
}

function credentialsOf(setting: string, url: string): { name: string; password: string } {
  const { username, password } = new URL(url)
  if (username === '' || password === '') throw new UsageError(`${setting} names no user and password`, 'give both')
  return { name: decodeURIComponent(username), password: decodeURIComponent(password) }
}

async function createLogin(sql: Sql, { setting, name, password, role }: Login): Promise<void> {
  const [known] = await sql<{ reserved: boolean }[]>`
    select rolname = session_user or rolsuper or rolname like 'baywire\\_%' and not rolcanlogin as reserved
    from pg_roles where rolname = ${name}`
  if (known?.reserved) {
    throw new BaywireError(`${setting}: "${name}" is the owner, a superuser or a role of Baywire itself`, {
      advice: 'name a login of its own there',
    })
  }
  const verifier = await scramVerifier(password)
  // A role's statements take no parameters; the server quotes them.
  const [statements] = await sql<{ make: string; grant: string }[]>`
    select format(${`${known === undefined ? 'create' : 'alter'} role %I login password %L`}::text, ${name}::text, ${verifier}::text) as make,
      format('grant %I to %I', ${role}::text, ${name}::text) as grant`
  await sql.unsafe(statements?.make ?? '')
  await sql.unsafe(statements?.grant ?? '')
}

const iterations = 4096
const derive = promisify(pbkdf2)

/** As PostgreSQL stores a password (RFC 5803), so that the password itself reaches neither its log nor its statistics. */
async function scramVerifier(password: string): Promise<string> {
  const salt = randomBytes(16)
  const salted = await derive(password.normalize('NFKC'), salt, iterations, 32, 'sha256')
  const keyed = (text: string) => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(keyed('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${keyed('Server Key').toString('base64')}`
}
