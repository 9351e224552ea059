import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import postgres from 'postgres'
import type { Config } from '../config.ts'
import { BaywireError, UsageError } from '../errors.ts'
import type { Log } from '../log.ts'
import { connectionError, type DatabaseSetting } from './connection-error.ts'
import { startEmbeddedPostgres } from './embedded/embedded.ts'
import { openSocket } from './socket.ts'

/**
 * How connections are made. Every connection has its role, its limit on the duration of a statement and its
 * name from the startup packet, so that none can be used without them: neither the first nor a reconnected
 * one, and no `RESET ALL` takes them away.
 */
export type Sql = postgres.Sql

type Role = 'baywire_api' | 'baywire_ingest'

/** Each URL throws, with the setting that is missing, where this process was not given its login. */
export interface Database {
  readonly ownerUrl: string
  readonly apiUrl: string
  readonly ingestUrl: string
  embedded: boolean
  /** Stops the embedded server if this process started it. */
  stop(): Promise<void>
}

type DatabaseConfig = Pick<Config, 'DATABASE_URL' | 'DATABASE_URL_API' | 'DATABASE_URL_INGEST' | 'BAYWIRE_DATA_DIR'>

/** The database of the settings, reachable: the given one, or the embedded one, started when needed. */
export async function resolveDatabase(
  config: DatabaseConfig,
  { onProgress, log }: { onProgress: (message: string) => void; log?: Log },
): Promise<Database> {
  const { DATABASE_URL: url, DATABASE_URL_API: api, DATABASE_URL_INGEST: ingest } = config
  if (url === undefined && api === undefined && ingest === undefined) {
    const server = await startEmbeddedPostgres({ dataDir: config.BAYWIRE_DATA_DIR, onProgress, log })
    return databaseAt({ ownerUrl: server.url }, { embedded: true, stop: () => server.stop() })
  }
  if (url !== undefined) await checkConnection('DATABASE_URL', url)
  if (api !== undefined) await checkConnection('DATABASE_URL_API', api)
  if (ingest !== undefined) await checkConnection('DATABASE_URL_INGEST', ingest)
  return databaseAt({ ownerUrl: url, apiUrl: api, ingestUrl: ingest }, { embedded: false, stop: async () => {} })
}

interface Urls {
  ownerUrl: string | undefined
  apiUrl?: string | undefined
  ingestUrl?: string | undefined
}

function databaseAt(
  { ownerUrl, apiUrl = ownerUrl, ingestUrl = ownerUrl }: Urls,
  server: Pick<Database, 'embedded' | 'stop'>,
): Database {
  return {
    get ownerUrl() {
      return given(ownerUrl, 'DATABASE_URL')
    },
    get apiUrl() {
      return given(apiUrl, 'DATABASE_URL_API')
    },
    get ingestUrl() {
      return given(ingestUrl, 'DATABASE_URL_INGEST')
    },
    ...server,
  }
}

function given(url: string | undefined, setting: DatabaseSetting): string {
  if (url !== undefined) return url
  throw new UsageError(
    `this needs ${setting}, which is not set`,
    setting === 'DATABASE_URL'
      ? 'set it to the same database, as its owner'
      : 'set it, or DATABASE_URL to the same database, as its owner',
  )
}

export interface ConnectOptions {
  url: string
  /** The role that each connection acts as; without one, as its login. */
  role?: Role
  /** Most connections at a time. */
  max: number
  /** Longest that one statement may run; 0 for no limit. */
  statementTimeoutMs: number
  /** Shown in pg_stat_activity. */
  name: string
  /** Connections are kept for any time; otherwise postgres.js replaces them within the hour. */
  lasting?: boolean
  /**
   * An answer may take any time, for statements that lift their limit (`withoutTimeout`). That a peer is gone is then said by
   * TCP alone: after 70 s where it has taken the statement, else after a quarter of an hour.
   */
  patient?: boolean
  /**
   * Statements are planned once, by index alone: for those of few rows each, whose planning takes longer than all else. Without
   * it each is planned for its own rows, every time.
   */
  fewRows?: boolean
}

/** For statements that carry hundreds of rows each, which a plan of their own costs little. */
const ownPlans = { plan_cache_mode: 'force_custom_plan' }

/** A plan that was kept from when the tables were small must be as good when they are large: it looks rows up one by one. */
const keptPlans = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
}

const CONNECT_TIMEOUT_S = 10

/**
 * Connects when first used. `bigint` columns are numbers (beyond 2^53 reading one throws), timestamps are
 * Dates, arrays are their text. Drizzle replaces the parsers of the client that it is given: give it one of its own.
 */
export function connect(connectOptions: ConnectOptions): Sql {
  const { url, role, max, statementTimeoutMs, name, lasting = false, fewRows = false } = connectOptions
  const options: ClientOptions = {
    max,
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: reconnectPauseS,
    // Asking for them is a query that nobody waits for: were the connection lost during it, the process would end.
    fetch_types: false,
    ...(lasting ? { max_lifetime: null } : {}),
    onnotice: () => {},
    connection: {
      application_name: name,
      statement_timeout: statementTimeoutMs,
      // Of a client that is gone without a word, the locks would stay for hours.
      idle_in_transaction_session_timeout: statementTimeoutMs,
      ...(fewRows ? keptPlans : ownPlans),
      ...(role === undefined ? {} : { role }),
    },
    types: { bigint: bigintAsNumber },
    ...socketOf(connectOptions),
  }
  try {
    return postgres(url, options)
  } catch (error) {
    // The thrown error may hold the URL, and with it the password.
    throw new UsageError(
      'a database URL cannot be read',
      `write special characters of user and password percent-encoded (${error instanceof URIError ? '% as %25' : '/ as %2F'})`,
    )
  }
}

/** postgres.js itself would wait up to 20 s; whoever asks for connections has pauses of their own. */
function reconnectPauseS(failures: number): number {
  return Math.min(0.01 * 2 ** failures, 1)
}

/** `socket` is in the documentation of postgres.js, and not in its types. */
type ClientOptions = postgres.Options<Record<string, postgres.PostgresType>> & {
  socket?: (target: Parameters<typeof openSocket>[0]) => Socket
}

/** How much longer than a statement may run its answer may take: the server cancels it, and says so. */
const answerMarginMs = 2000

/** Several hosts are tried in turn by postgres.js itself, which it does only with sockets of its own. */
function socketOf({ url, statementTimeoutMs, patient = false }: ConnectOptions): Pick<ClientOptions, 'socket'> {
  const authority = url.slice(url.indexOf('://') + 3).split(/[?/]/)[0] ?? ''
  const limit = statementTimeoutMs === 0 || patient ? {} : { silenceMs: statementTimeoutMs + answerMarginMs }
  return authority.slice(authority.lastIndexOf('@') + 1).includes(',')
    ? {}
    : { socket: (target) => openSocket(target, limit) }
}

const INT8_OID = 20

const bigintAsNumber = {
  to: INT8_OID,
  from: [INT8_OID],
  serialize: (value: number | bigint | string) => String(value),
  parse: (text: string) => {
    const value = Number(text)
    if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} does not fit into a number`)
    return value
  },
}

/**
 * Rejects when a server has not let us in for too long. postgres.js counts that for each connection of its own anew,
 * and makes another one whenever what listens there hangs up, as a web server does.
 */
async function noAnswer(): Promise<never> {
  await setTimeout(CONNECT_TIMEOUT_S * 1000, undefined, { ref: false })
  throw Object.assign(new Error('no answer in time'), { code: 'CONNECT_TIMEOUT' })
}

/** Connects once; throws one line that names the setting when that fails. */
export async function checkConnection(setting: DatabaseSetting, url: string): Promise<void> {
  const sql = connect({ url, max: 1, statementTimeoutMs: CONNECT_TIMEOUT_S * 1000, name: 'baywire check' })
  try {
    await Promise.race([sql`select 1`, noAnswer()])
  } catch (error) {
    throw connectionError(error, { setting, url })
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/**
 * Refuses a login that row level security does not hold: superuser, BYPASSRLS or owner of a table, itself or
 * through a role that it is a member of. For the logins of DATABASE_URL_API and DATABASE_URL_INGEST.
 */
export async function assertRole(sql: Sql, setting: DatabaseSetting): Promise<void> {
  const [login] = await sql<{ name: string; superuser: boolean; bypass: boolean; owner: boolean }[]>`
    select session_user as name,
      (select bool_or(rolsuper) from pg_roles where pg_has_role(session_user, oid, 'member')) as superuser,
      (select bool_or(rolbypassrls) from pg_roles where pg_has_role(session_user, oid, 'member')) as bypass,
      exists (
        select from pg_class
        where relkind in ('r', 'p') and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
          and pg_has_role(session_user, relowner, 'member')
      ) as owner`
  if (login === undefined) throw new Error('no session_user')
  const fault = describeLogin(login)
  if (fault === undefined) return
  throw new BaywireError(`${setting}: the login "${login.name}" ${fault}: row level security would not hold it`, {
    advice: `give a login that is only a member of ${setting === 'DATABASE_URL_API' ? 'baywire_api' : 'baywire_ingest'}`,
  })
}

function describeLogin(login: { superuser: boolean; bypass: boolean; owner: boolean }): string | undefined {
  if (login.superuser) return 'is or can become a superuser'
  if (login.bypass) return 'has or can get BYPASSRLS'
  if (login.owner) return 'owns tables'
  return undefined
}
