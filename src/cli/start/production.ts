import type { Config } from '../../config.ts'
import { BaywireError } from '../../errors.ts'
import { connect, type Database, type Sql } from '../../store/client.ts'
import { durabilityFaults, ownerFault, type Fault } from '../../store/safety.ts'
import { requireSecret } from '../secret.ts'

/**
 * With BAYWIRE_ENV=production a start is refused where the database may lose what was acknowledged, or where a role
 * works with a login that row level security would not hold, or where the API has no secret. The embedded database is ours: its settings are fixed,
 * and its one login, which only this machine can use, stands for all roles.
 */
export async function refuseUnsafe(
  config: Config,
  { urls, roles }: { urls: Database; roles: readonly string[] },
): Promise<void> {
  if (config.BAYWIRE_ENV !== 'production') return
  if (roles.includes('api')) requireSecret(config)
  if (urls.embedded) return
  const { DATABASE_URL, DATABASE_URL_API, DATABASE_URL_INGEST } = config
  requireLogin('DATABASE_URL_API', { url: DATABASE_URL_API, needed: roles.includes('api') })
  requireLogin('DATABASE_URL_INGEST', { url: DATABASE_URL_INGEST, needed: roles.some((role) => role !== 'api') })
  for (const [setting, url] of Object.entries({ DATABASE_URL, DATABASE_URL_API, DATABASE_URL_INGEST })) {
    // oxlint-disable-next-line no-await-in-loop -- the first fault is the one that is told
    if (url !== undefined) await refuseFaults(setting, url)
  }
}

function requireLogin(setting: string, { url, needed }: { url: string | undefined; needed: boolean }): void {
  if (!needed || url !== undefined) return
  throw new BaywireError(`${setting} is not set: with BAYWIRE_ENV=production each role needs a login of its own`, {
    advice: 'make the logins with `baywire migrate --create-logins`',
  })
}

async function refuseFaults(setting: string, url: string): Promise<void> {
  const sql = connect({ url, max: 1, statementTimeoutMs: 10_000, name: 'baywire start' })
  try {
    const [fault] = await faultsOf(sql, setting)
    if (fault !== undefined) throw new BaywireError(`${setting}: ${fault.what}`, { advice: fault.advice })
  } finally {
    await sql.end({ timeout: 5 })
  }
}

async function faultsOf(sql: Sql, setting: string): Promise<Fault[]> {
  const owner = setting === 'DATABASE_URL' ? await ownerFault(sql) : undefined
  return [...(await durabilityFaults(sql)), ...(owner === undefined ? [] : [owner])]
}
