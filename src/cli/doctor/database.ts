import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config.ts'
import { assertRole, checkConnection, connect, resolveDatabase, type Sql } from '../../store/client.ts'
import { checkSchema } from '../../store/migrations.ts'
import { compareBooks } from '../../store/reconcile.ts'
import { durabilityFaults, ownerFault } from '../../store/safety.ts'
import { systemDatabase } from '../../store/transactions.ts'
import { look, ok, problem, warning, type Finding } from './finding.ts'
import { checkPartitions, checkRowSecurity } from './schema.ts'

/**
 * The database of the settings. The embedded one is used where it runs, and otherwise started for the time of the
 * check; none is made, and nothing is migrated.
 */
export async function checkDatabase(config: Config): Promise<Finding[]> {
  const logins = loginsOf(config)
  if (logins.length > 0) return await checkExternal(config, logins)
  const places = ['postgres', 'postgres.location'].map((name) => join(config.BAYWIRE_DATA_DIR, name))
  if (!places.some((path) => existsSync(path))) {
    return [warning('database', 'there is no embedded database yet', 'the first `baywire start` makes it')]
  }
  return await look('database', async () => {
    const database = await resolveDatabase(config, { onProgress: () => {} })
    try {
      const { ownerUrl: url } = database
      return await withLogin(url, async (sql) => [
        ...(await checkServer(sql, 'embedded')),
        ...(await checkContent(sql, url)),
      ])
    } finally {
      await database.stop()
    }
  })
}

type Setting = 'DATABASE_URL' | 'DATABASE_URL_API' | 'DATABASE_URL_INGEST'
interface Login {
  setting: Setting
  url: string
}

function loginsOf({ DATABASE_URL, DATABASE_URL_API, DATABASE_URL_INGEST }: Config): Login[] {
  const urls = { DATABASE_URL, DATABASE_URL_API, DATABASE_URL_INGEST }
  return Object.entries(urls).flatMap(([setting, url]) =>
    url === undefined ? [] : [{ setting: setting as Setting, url }],
  )
}

async function checkExternal(config: Config, logins: readonly Login[]): Promise<Finding[]> {
  const findings: Finding[] = []
  const reached: Login[] = []
  for (const login of logins) {
    // oxlint-disable-next-line no-await-in-loop -- a person reads them in this order
    const found = await look('database', async () => {
      await checkConnection(login.setting, login.url)
      reached.push(login)
      return await withLogin(login.url, async (sql) => [
        ...(await checkServer(sql, login.setting)),
        ...(await look('logins', () => checkLogin(sql, { setting: login.setting, config }))),
      ])
    })
    findings.push(...found)
  }
  findings.push(...checkSeparation(config))
  const [first] = reached
  if (first === undefined) return findings
  const books = reached.find(({ setting }) => setting !== 'DATABASE_URL_API')
  const content = await look('database', () => withLogin(first.url, (sql) => checkContent(sql, books?.url)))
  return [...findings, ...content]
}

async function withLogin<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connect({ url, max: 1, statementTimeoutMs: 10_000, name: 'baywire doctor' })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}

const oldestPostgres = 15

async function checkServer(sql: Sql, name: string): Promise<Finding[]> {
  const version = await look('database', async () => {
    const [server] = await sql<{ version: string; number: number }[]>`
      select current_setting('server_version') as version, current_setting('server_version_num')::integer as number`
    const what = `${name}: PostgreSQL ${server?.version}`
    if ((server?.number ?? 0) >= oldestPostgres * 10_000) return ok('database', what)
    return problem('database', what, `use PostgreSQL ${oldestPostgres} or newer`)
  })
  const durable = await look('durability', async () => {
    const faults = await durabilityFaults(sql)
    if (faults.length === 0) return ok('durability', `${name}: a commit is on disk when it returns`)
    return faults.map(({ what, advice }) => problem('durability', `${name}: ${what}`, advice))
  })
  return [...version, ...durable, ...(await look('clock', () => checkClock(sql, name)))]
}

async function checkClock(sql: Sql, name: string): Promise<Finding> {
  const asked = Date.now()
  const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`
  // It was told somewhere between the question and the answer.
  const [earliest, latest] = [asked, Date.now()]
  const told = row?.now.getTime() ?? 0
  const differenceMs = told < earliest ? told - earliest : Math.max(0, told - latest)
  return judgeClock(differenceMs, name)
}

/** Readings are timed by our clock and days of the log by the database's: they must agree on what day it is. */
export function judgeClock(differenceMs: number, name: string): Finding {
  const seconds = (Math.abs(differenceMs) / 1000).toFixed(1)
  const what = `${name}: its clock is ${seconds} s ${differenceMs < 0 ? 'behind' : 'ahead of'} ours`
  if (Math.abs(differenceMs) < 1000) return ok('clock', `${name}: its clock agrees with ours`)
  const advice = 'have both machines set their clocks by NTP'
  return Math.abs(differenceMs) < 10_000 ? warning('clock', what, advice) : problem('clock', what, advice)
}

async function checkLogin(sql: Sql, { setting, config }: { setting: Setting; config: Config }): Promise<Finding> {
  if (setting !== 'DATABASE_URL') {
    await assertRole(sql, setting)
    return ok('logins', `${setting}: row level security holds this login`)
  }
  const fault = await ownerFault(sql)
  if (fault === undefined) return ok('logins', `${setting}: no superuser`)
  const say = config.BAYWIRE_ENV === 'production' ? problem : warning
  return say('logins', `${setting}: ${fault.what}`, fault.advice)
}

function checkSeparation(config: Config): Finding[] {
  if (config.DATABASE_URL === undefined) return []
  const missing = (['DATABASE_URL_API', 'DATABASE_URL_INGEST'] as const).filter((name) => config[name] === undefined)
  if (missing.length === 0) return []
  const say = config.BAYWIRE_ENV === 'production' ? problem : warning
  const what = `${missing.join(' and ')} not set: the roles act under the owner’s login`
  return [say('logins', what, 'set them, and make the logins with `baywire migrate --create-logins`')]
}

/** @param booksUrl of a login that sees all tenants; without one the books are not looked at. */
async function checkContent(sql: Sql, booksUrl: string | undefined): Promise<Finding[]> {
  const schema = await look('migrations', async () => {
    await checkSchema(sql)
    return ok('migrations', 'the schema is that of this program')
  })
  // Of another schema nothing else could be told.
  if (schema.some(({ state }) => state !== 'ok')) return schema
  return [
    ...schema,
    ...(await look('row level security', () => checkRowSecurity(sql))),
    ...(await look('partitions', () => checkPartitions(sql, Date.now()))),
    ...(booksUrl === undefined ? [] : await look('ledger', () => checkBooks(booksUrl))),
  ]
}

const hourMs = 3_600_000

async function checkBooks(url: string): Promise<Finding> {
  const system = systemDatabase({ url, max: 1, statementTimeoutMs: 30_000, name: 'baywire doctor' })
  try {
    const { imbalance, ledger } = await system.withSnapshot((tx) => compareBooks(tx, { since: Date.now() - hourMs }))
    if (imbalance === 0) return ok('ledger', `balanced: ${ledger.received} deliveries in the last hour`)
    return problem(
      'ledger',
      `${imbalance} deliveries of the last hour are in the ledger or in the log, and not in both`,
      'find the tenant and the minute with `baywire ledger --tenant NAME --since TIME`, and keep a backup',
    )
  } finally {
    await system.close()
  }
}
