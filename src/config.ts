import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import { describeError, UsageError } from './errors.ts'
import { readNetworks } from './networks.ts'

/**
 * Every setting of Baywire, in one table: `baywire config` and docs/settings.md are printed from it.
 * A setting that bounds something ends in its unit. Empty counts as not set.
 * A secret may lie in a file instead, which the setting of its name with `_FILE` names.
 */
interface Setting<T> {
  schema: z.ZodType<T>
  default: string | undefined
  about: string
  secret?: true
}

const port = z.coerce.number<string>().int().min(0).max(65_535)
const whole = (min: number, max: number) => z.coerce.number<string>().int().min(min).max(max)
const limitOrNone = (min: number, max: number) =>
  whole(0, max).refine((count) => count === 0 || count >= min, `must be 0, or at least ${min}`)
const url = (...protocols: string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    message: `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  })
/** Whoever knows it can take readings out of it (docs/mosquitto.md), so it is as long as a secret. */
const shareGroup = z
  .string()
  .regex(/^[A-Za-z0-9._~-]{22,64}$/, 'must be 22 to 64 of A-Z a-z 0-9 . _ ~ -, as `openssl rand -hex 32` gives')
const networks = z.string().superRefine((text, context) => {
  try {
    readNetworks(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: describeError(error) })
  }
})
/** As browsers send them: nothing behind the port, and no wildcard. */
const origins = z
  .string()
  .refine((text) => splitList(text).every((origin) => URL.canParse(origin) && new URL(origin).origin === origin), {
    message: 'must be origins such as https://console.example.org, without a path, separated by commas',
  })
/** An API key has ten times as much, and the database counts in 32 bits. */
const perTime = whole(0, 100_000_000)
/** One that is guessed is no secret: those of examples and of a leaning key are refused, besides the short ones. */
const installationSecret = z
  .string()
  .min(32, 'must have at least 32 characters, as `openssl rand -hex 32` gives')
  .refine((text) => new Set(text).size >= 10 && !/change|example|secret|password|default/i.test(text), {
    message: 'must be random, as `openssl rand -hex 32` gives',
  })
const postgresUrl = url('postgres:', 'postgresql:')

/** The entries of a setting that takes several, separated by commas. */
export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function setting<T>(schema: z.ZodType<T>, defaultValue: string | undefined, about: string): Setting<T> {
  return { schema, default: defaultValue, about }
}
function secret<T>(schema: z.ZodType<T>, about: string): Setting<T | undefined> {
  return { schema: schema.optional(), default: undefined, about, secret: true }
}

export const settings = {
  BAYWIRE_ENV: setting(z.enum(['development', 'production']), 'development', 'development or production'),
  BAYWIRE_HOST: setting(z.string(), '127.0.0.1', 'address that the API and the embedded broker listen on'),
  BAYWIRE_HTTP_PORT: setting(port, '8080', 'port of the API; 0 takes any free one'),
  BAYWIRE_MQTT_PORT: setting(port, '1883', 'port of the embedded broker; 0 takes any free one'),
  BAYWIRE_MONITOR_PORT: setting(
    port.optional(),
    undefined,
    'port of /health, /ready and /metrics in a process without the role api, which has them on its own port; 0 takes any free one',
  ),
  BAYWIRE_DATA_DIR: setting(
    z.string().transform((path) => resolve(path)),
    '.baywire',
    'where the embedded database lives',
  ),
  BAYWIRE_LOG_LEVEL: setting(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
    'info',
    'how much is logged',
  ),
  BAYWIRE_INSTANCE: setting(
    z.string().regex(/^[A-Za-z0-9._~-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ ~ -'),
    hostname()
      .replaceAll(/[^A-Za-z0-9._~-]/g, '-')
      .slice(0, 64) || 'baywire',
    'stable name of this process: the MQTT client id of an external broker and the writer in the ledger',
  ),
  DATABASE_URL: secret(postgresUrl, 'Postgres to use, as its owner, instead of the embedded one'),
  DATABASE_URL_API: secret(postgresUrl, 'the same database as a login that is only a member of baywire_api'),
  DATABASE_URL_INGEST: secret(postgresUrl, 'the same database as a login that is only a member of baywire_ingest'),
  MQTT_URL: secret(url('mqtt:', 'mqtts:'), 'external broker to consume from, instead of the embedded one'),
  BAYWIRE_SHARE_GROUP: secret(
    shareGroup,
    'several ingest processes divide the readings of an external broker: a name that all have and nobody can guess',
  ),
  BAYWIRE_SHARE_GROUP_LEFT: secret(shareGroup, 'the name that BAYWIRE_SHARE_GROUP had before, for one start of each'),
  BAYWIRE_SECRET: secret(
    installationSecret,
    'what codes, cookies and signing keys are protected by; without one, development makes one and keeps it in BAYWIRE_DATA_DIR',
  ),
  BAYWIRE_TOKEN_ISSUER: setting(
    z.string().min(1).max(200),
    'baywire',
    'issuer (iss) of access tokens: the URL of this API, where others verify its tokens too',
  ),
  BAYWIRE_ACCESS_TOKEN_MINUTES: setting(whole(5, 60), '15', 'life of an access token'),
  BAYWIRE_SESSION_DAYS: setting(whole(1, 90), '30', 'how long a login lasts that is to be remembered'),
  BAYWIRE_SESSION_IDLE_DAYS: setting(whole(1, 90), '7', 'how long it lasts without being used'),
  BAYWIRE_SESSION_HOURS: setting(whole(1, 168), '24', 'how long a login lasts that is not to be remembered'),
  BAYWIRE_SESSIONS_PER_USER: setting(whole(1, 100), '20', 'logins of one person at a time; one more ends the oldest'),
  BAYWIRE_REFRESH_RETRY_S: setting(
    whole(0, 30),
    '10',
    'how long a used refresh token gives the same successor again, for an answer that was lost',
  ),
  BAYWIRE_SIGNING_KEY_DAYS: setting(whole(1, 365), '90', 'how long one key signs access tokens'),
  BAYWIRE_BATCH_READINGS: setting(whole(1, 10_000), '5000', 'most readings in one transaction'),
  BAYWIRE_BATCH_BYTES: setting(
    whole(65_536, 134_217_728),
    '16777216',
    'most bytes of payloads in one transaction, unless a single message has more',
  ),
  BAYWIRE_LANES: setting(
    whole(1, 16),
    '2',
    'transactions of readings at a time; the readings of one topic share a lane',
  ),
  BAYWIRE_RECEIVE_MAXIMUM: setting(
    whole(1, 65_535),
    '10000',
    'unacknowledged messages that an external broker may have in flight to us',
  ),
  BAYWIRE_PENDING_READINGS: setting(
    whole(100, 1_000_000),
    '20000',
    'readings held in memory before the door takes no more for a while',
  ),
  BAYWIRE_PENDING_BYTES: setting(
    whole(1_048_576, 4_294_967_296),
    '67108864',
    'the same for the bytes of their payloads',
  ),
  BAYWIRE_REPLAY_READINGS: setting(whole(1, 10_000_000), '200000', 'most readings that a replay over HTTP takes'),
  BAYWIRE_PAYLOAD_BYTES: setting(whole(1024, 1_048_576), '65536', 'largest MQTT payload taken'),
  BAYWIRE_DEVICE_MESSAGES_PER_S: setting(
    whole(1, 100_000),
    '50',
    'what a device may send to the embedded broker, on average; four times as much at once',
  ),
  BAYWIRE_DEVICE_IN_FLIGHT: setting(whole(1, 65_535), '20', 'unacknowledged messages of a device'),
  BAYWIRE_GATEWAY_MESSAGES_PER_S: setting(
    whole(1, 1_000_000),
    '20000',
    'the same of a gateway that has no limit of its own',
  ),
  BAYWIRE_GATEWAY_IN_FLIGHT: setting(
    whole(1, 65_535),
    '1000',
    'unacknowledged messages of a gateway that has no limit of its own',
  ),
  BAYWIRE_CONNECT_FAILURES: setting(
    whole(1, 100_000),
    '10',
    'wrong credentials from one address (IPv6: one /64) that block it on the embedded broker',
  ),
  BAYWIRE_CONNECT_FAILURES_BLOCK_S: setting(whole(1, 86_400), '60', 'for how long, and how long failures count'),
  BAYWIRE_CONNECTS_PER_MINUTE: setting(
    whole(1, 100_000),
    '15',
    'connects of one device or gateway within a minute; one more blocks it',
  ),
  BAYWIRE_CONNECTS_BLOCK_S: setting(whole(1, 86_400), '300', 'for how long'),
  BAYWIRE_CREDENTIAL_POLL_MS: setting(
    whole(100, 60_000),
    '2000',
    'how often the credentials of connected clients are looked at, besides when they change',
  ),
  BAYWIRE_MQTT_STATES: setting(
    z.enum(['on', 'off']),
    'on',
    'whether states and availability are published over MQTT: on or off',
  ),
  BAYWIRE_MQTT_STATE_MS: setting(whole(50, 60_000), '250', 'shortest time between two publishes of one state'),
  BAYWIRE_RETRY_MIN_MS: setting(
    whole(10, 60_000),
    '100',
    'first pause before a lost database or broker is tried again',
  ),
  BAYWIRE_RETRY_MAX_MS: setting(whole(100, 600_000), '5000', 'longest such pause'),
  BAYWIRE_REDRIVE_ATTEMPTS: setting(whole(1, 1000), '5', 'how often one dead letter is redriven at most'),
  BAYWIRE_SWEEP_MS: setting(whole(50, 60_000), '1000', 'how often due timers are looked for'),
  BAYWIRE_RETENTION_DAYS: setting(
    whole(0, 36_500),
    '90',
    'days that the raw log is kept, by day of arrival; 0 keeps it for ever',
  ),
  BAYWIRE_PASSWORD_PRESET: setting(
    z.enum(['modern', 'classic']),
    'modern',
    'rules for passwords: modern or classic, see accounts.md',
  ),
  BAYWIRE_PASSWORD_LENGTH: setting(
    whole(8, 64).optional(),
    undefined,
    'fewest characters of a password, instead of the 12 or 8 of the preset',
  ),
  BAYWIRE_PASSWORD_CLASSES: setting(
    z.enum(['on', 'off']).optional(),
    undefined,
    'whether a password needs upper case, lower case, digit and special character: on or off, instead of the preset',
  ),
  BAYWIRE_PASSWORD_EXPIRY_DAYS: setting(
    whole(0, 3650).optional(),
    undefined,
    'days after which a password must be changed, instead of the 0 (never) or 90 of the preset',
  ),
  BAYWIRE_PASSWORD_HISTORY: setting(whole(0, 24), '5', 'last passwords that may not come again'),
  BAYWIRE_COMMON_PASSWORDS: setting(
    z.string().optional(),
    undefined,
    'file of passwords that are refused besides the built-in ones, one a line',
  ),
  BAYWIRE_HASH_MEMORY_KIB: setting(whole(19_456, 1_048_576), '19456', 'memory of one argon2id hash of a password'),
  BAYWIRE_HASH_PASSES: setting(whole(2, 20), '2', 'passes over it'),
  BAYWIRE_HASHES_AT_ONCE: setting(whole(1, 64), '2', 'passwords that one process checks at a time'),
  BAYWIRE_HASHES_WAITING: setting(whole(1, 10_000), '64', 'passwords that wait for it; one more is answered 503'),
  BAYWIRE_LOCKOUT_FAILURES: setting(
    whole(3, 10),
    '5',
    'wrong passwords that close an account to devices that are not known',
  ),
  BAYWIRE_LOCKOUT_MINUTES: setting(whole(5, 1440), '30', 'within how long, and for how long'),
  BAYWIRE_LOCKOUT_CONSECUTIVE: setting(
    whole(10, 100),
    '100',
    'wrong passwords without a right one between them that close an account until its password is reset',
  ),
  BAYWIRE_LOGIN_FAILURES_PER_ADDRESS: setting(
    limitOrNone(3, 100_000),
    '20',
    'wrong passwords or codes from one address (IPv6: one /64) in 15 minutes; 0 for no limit',
  ),
  BAYWIRE_LOGIN_FAILURES_PER_TENANT: setting(
    limitOrNone(3, 1_000_000),
    '300',
    "wrong passwords for one tenant's members in 15 minutes, known devices apart; 0 for no limit",
  ),
  BAYWIRE_KNOWN_DEVICE_DAYS: setting(whole(1, 365), '90', 'how long a device is known after a login'),
  BAYWIRE_CODE_DIGITS: setting(whole(6, 8), '6', 'digits of a code that is sent'),
  BAYWIRE_CODE_MINUTES: setting(whole(5, 10), '10', 'how long it is good'),
  BAYWIRE_CODE_TRIES: setting(whole(3, 5), '3', 'how often it may be tried'),
  BAYWIRE_RESET_MINUTES: setting(whole(10, 60), '30', 'how long a link to reset a password is good'),
  BAYWIRE_INVITE_HOURS: setting(whole(1, 168), '48', 'how long an invite is good'),
  BAYWIRE_SENDS_PER_MINUTE: setting(whole(0, 1000), '1', 'codes and links to one address in a minute; 0 for no limit'),
  BAYWIRE_SENDS_PER_HOUR: setting(whole(0, 10_000), '3', 'the same in an hour'),
  BAYWIRE_SENDS_PER_DAY: setting(whole(0, 100_000), '10', 'the same in a day'),
  BAYWIRE_STATEMENT_TIMEOUT_MS: setting(whole(1000, 600_000), '10000', 'longest that one statement may run'),
  BAYWIRE_POOL_CONNECTIONS: setting(whole(1, 100), '5', 'database connections per role'),
  BAYWIRE_CORS_ORIGINS: setting(
    origins.optional(),
    undefined,
    'origins whose pages may use the API with a token, separated by commas; what is public is open to all',
  ),
  BAYWIRE_TRUSTED_PROXIES: setting(
    networks.optional(),
    undefined,
    'addresses and ranges of your own proxies, separated by commas: only these are believed in X-Forwarded-For',
  ),
  BAYWIRE_LIMIT_ADDRESS_PER_MINUTE: setting(
    perTime,
    '6000',
    'requests below /api/v1 from one address (IPv6: one /64), public ones too, per process; 0 here and in the limits below is without limit',
  ),
  BAYWIRE_LIMIT_OPEN_PER_MINUTE: setting(
    perTime,
    '60',
    'requests from one address to what of /api/v1/auth needs no token',
  ),
  BAYWIRE_LIMIT_LOGINS_PER_MINUTE: setting(perTime, '5', 'logins to one account from one address'),
  BAYWIRE_LIMIT_API_PER_MINUTE: setting(perTime, '100', 'requests of one user; of an API key ten times as many'),
  BAYWIRE_LIMIT_API_PER_HOUR: setting(perTime, '1000', 'the same within an hour'),
  BAYWIRE_LIMIT_API_PER_DAY: setting(perTime, '10000', 'the same within a day'),
  BAYWIRE_LIMIT_TENANT_PER_MINUTE: setting(perTime, '10000', 'requests of all users and API keys of one tenant'),
  BAYWIRE_STREAMS: setting(
    whole(0, 1_000_000),
    '20000',
    'streams of events (SSE and WebSocket) open in one process; 0 here and below is without limit',
  ),
  BAYWIRE_STREAMS_PER_TENANT: setting(whole(0, 1_000_000), '10000', 'of them of one tenant'),
  BAYWIRE_STREAMS_PER_USER: setting(whole(0, 1_000_000), '1000', 'of one user; of an API key ten times as many'),
  BAYWIRE_STREAM_REPLAY_EVENTS: setting(
    whole(100, 1_000_000),
    '10000',
    'events that a stream catches up with; whoever missed more is told to read anew (reset)',
  ),
  BAYWIRE_STOP_MS: setting(whole(1000, 120_000), '8000', 'how long a stop waits for what is in flight'),
} satisfies Record<string, Setting<unknown>>

export type Config = { [Name in keyof typeof settings]: z.output<(typeof settings)[Name]['schema']> }

/** Reads all settings from `environment`, and the files it names; throws one UsageError that names every bad one. */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const config: Record<string, unknown> = {}
  const problems: string[] = []
  for (const [name, { schema, default: defaultValue, secret: isSecret }] of Object.entries<Setting<unknown>>(
    settings,
  )) {
    const given = isSecret === true ? readSecret(environment, name) : { value: environment[name] }
    if ('problem' in given) {
      problems.push(given.problem)
      continue
    }
    const result = schema.safeParse(given.value || defaultValue)
    if (result.success) config[name] = result.data
    else problems.push(`${given.from ?? name}: ${result.error.issues.map((issue) => issue.message).join('; ')}`)
  }
  if (problems.length > 0) {
    throw new UsageError(`wrong settings: ${problems.join(' · ')}`, 'see `baywire config` for what each setting takes')
  }
  return config as Config
}

type Given = { value: string | undefined; from?: string } | { problem: string }

/** A secret from the environment, or from the file that `<name>_FILE` names: without the line break at its end. */
function readSecret(environment: Record<string, string | undefined>, name: string): Given {
  const from = `${name}_FILE`
  const path = environment[from]
  if (!path) return { value: environment[name] }
  if (environment[name]) return { problem: `${name} and ${from}: only one of them may be given` }
  try {
    const value = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    return value === '' ? { problem: `${from}: ${path} is empty` } : { value, from }
  } catch (error) {
    return { problem: `${from}: cannot be read: ${describeError(error)}` }
  }
}
