import { BaywireError } from '../errors.ts'

/**
 * What an error of the database means to whoever has to act on it: a person (one line that names the setting
 * and never shows the password), the retry loop, or the search for the one bad reading of a batch.
 */
export type DatabaseSetting = 'DATABASE_URL' | 'DATABASE_URL_API' | 'DATABASE_URL_INGEST'

export function errorCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string') return error.code
  return errorCodeOf(error.cause)
}

const transientCodes = new Set([
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '25006', // read_only_sql_transaction: a standby, which takes over or is passed by
  '25P03', // idle_in_transaction_session_timeout
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '55P03', // lock_not_available
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENFILE',
  'ENOBUFS',
  'ENOENT', // of a socket file
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/** Connection exception, insufficient resources (a full disk, no memory), system error (a disk that fails). */
const transientClasses = ['08', '53', '58']

/**
 * The same may succeed when tried again: a server that cannot be found or reached, lost connections, lost races, and a server
 * that has run out of something or whose disk fails, which says nothing about the data. What is not named here is not retried.
 */
export function isTransient(error: unknown): boolean {
  const code = errorCodeOf(error)
  return (
    code !== undefined && (transientCodes.has(code) || transientClasses.some((sqlClass) => isSqlState(code, sqlClass)))
  )
}

/** The statement timeout, or a person: fewer rows may take less time. */
export function isCanceled(error: unknown): boolean {
  return errorCodeOf(error) === '57014'
}

const lostCodes = new Set([...transientCodes].filter((code) => code.startsWith('CONNECT') || code.startsWith('E')))

/** The connection that the error came over is of no more use: the server ended it or refused it, or it broke. */
export function isConnectionLost(error: unknown): boolean {
  const code = errorCodeOf(error)
  if (code === undefined) return isFatal(error)
  return isFatal(error) || lostCodes.has(code) || isSqlState(code, '08') || tlsFailure(code) !== undefined
}

/**
 * The data of a statement is at fault (data exception, integrity constraint violation): trying it again cannot
 * help, and of a batch only a part may be bad. A connection that is refused (FATAL) says nothing about data.
 */
export function isDataError(error: unknown): boolean {
  const code = errorCodeOf(error)
  if (code === undefined || !(isSqlState(code, '22') || isSqlState(code, '23'))) return false
  return !isFatal(error)
}

/** What the server answered to a statement: whatever else went wrong says nothing about what became of the transaction. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && !isFatal(error)
}

function isSqlState(code: string, sqlClass: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && code.startsWith(sqlClass)
}

function isFatal(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('severity' in error) return error.severity === 'FATAL' || error.severity === 'PANIC'
  return isFatal(error.cause)
}

interface Failure {
  what: string
  advice: string
}

const unreachable = 'check that the server runs and that host and port are right'

const failures: Record<string, Failure> = {
  ECONNREFUSED: { what: 'nothing listens there', advice: unreachable },
  ECONNRESET: { what: 'the connection was closed at once', advice: 'check that a PostgreSQL server listens there' },
  CONNECTION_CLOSED: {
    what: 'the connection was closed at once',
    advice: 'check that a PostgreSQL server listens there',
  },
  ENOTFOUND: { what: 'there is no such host', advice: 'check the name of the host' },
  EAI_AGAIN: { what: 'the name of the host cannot be looked up', advice: 'check the name of the host, and DNS' },
  ENOENT: { what: 'there is no such socket', advice: unreachable },
  EHOSTUNREACH: { what: 'the host cannot be reached', advice: unreachable },
  ENETUNREACH: { what: 'the host cannot be reached', advice: unreachable },
  ETIMEDOUT: { what: 'no answer', advice: unreachable },
  CONNECT_TIMEOUT: { what: 'no answer', advice: unreachable },
  '28P01': { what: 'wrong user or password', advice: 'correct user and password (percent-encoded)' },
  '28000': { what: 'the server refuses this login', advice: 'check the user, ssl (?sslmode=require) and pg_hba.conf' },
  '3D000': { what: 'there is no such database', advice: 'create it, or correct the name at the end' },
  '42501': { what: 'the login may not connect or take its role', advice: 'grant it CONNECT and the role' },
  '22023': { what: 'the login cannot take its role', advice: 'run `baywire migrate`, and grant the role to the login' },
  '53300': { what: 'the server has no free connection', advice: 'raise its max_connections' },
  '57P03': { what: 'the server is starting or stopping', advice: 'try again in a moment' },
}

/**
 * A failure to connect becomes one line that names the setting, where it points to (without the password) and
 * what to change; any other error is returned as it is. To be thrown by the caller.
 */
export function connectionError(error: unknown, { setting, url }: { setting: string; url: string }): unknown {
  const code = errorCodeOf(error) ?? ''
  const failure = failures[code] ?? tlsFailure(code)
  if (failure === undefined || (/^(22|42)/.test(code) && !isFatal(error))) return error
  return new BaywireError(`${setting}: cannot connect to ${describeTarget(url)}: ${failure.what} (${code})`, {
    advice: `${failure.advice}; the setting is ${setting}`,
    cause: error,
  })
}

function tlsFailure(code: string): Failure | undefined {
  if (!/CERT|^ERR_(TLS|SSL)|^EPROTO$/.test(code)) return undefined
  return { what: 'no secure connection', advice: "check sslmode and the server's certificate" }
}

/** Host, port, database and user of a URL, and nothing secret. */
function describeTarget(url: string): string {
  if (!URL.canParse(url)) return 'the given address'
  const { hostname, port, pathname, username } = new URL(url)
  return `${hostname}:${port || '5432'}${pathname} as "${username}"`
}
