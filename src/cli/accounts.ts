import { readFile } from 'node:fs/promises'
import { sweepAccounts, type Accounts } from '../auth/accounts.ts'
import { CodeBook } from '../auth/codes.ts'
import { wordList } from '../auth/common-passwords.ts'
import { DeviceCookies } from '../auth/device-cookie.ts'
import { loggingSender, missingSender, type CodeSender } from '../auth/door.ts'
import { PasswordHasher } from '../auth/hashing.ts'
import { Lockout } from '../auth/lockout.ts'
import { passwordPresets, type PasswordRules } from '../auth/password-rules.ts'
import { deriveKey } from '../secret.ts'
import { SendLimits } from '../auth/send-limits.ts'
import type { Sessions } from '../auth/sessions-contract.ts'
import { systemClock } from '../clock.ts'
import type { Config } from '../config.ts'
import { describeError, UsageError } from '../errors.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { Log } from '../log.ts'
import type { TenantDatabase } from '../store/transactions.ts'

/** Longer than whatever a request does that must not tell who has an account; one hash, mostly. */
const evenMs = 250

interface Parts {
  database: TenantDatabase
  secret: string
  sessions: Sessions
  log: Log
}

const sweepMs = 3_600_000

/** The same, with what is over swept out from time to time until the process stops. */
export async function startAccounts(
  config: Config,
  { lifecycle, ...parts }: Parts & { lifecycle: Lifecycle },
): Promise<Accounts> {
  const accounts = await openAccounts(config, parts)
  const sweep = () =>
    sweepAccounts(accounts).catch((error: unknown) => {
      parts.log.warn({ error: describeError(error) }, 'old codes and counts were not swept out')
    })
  await lifecycle.start(
    'account sweep',
    () => setInterval(() => void sweep(), sweepMs),
    (timer) => clearInterval(timer),
  )
  return accounts
}

/** What the verbs of accounts work with, as the settings have it. */
export async function openAccounts(config: Config, { database, secret, sessions, log }: Parts): Promise<Accounts> {
  const keyFor = (purpose: string) => deriveKey(secret, purpose)
  const production = config.BAYWIRE_ENV === 'production'
  return {
    database,
    sessions,
    clock: systemClock,
    verification: production,
    evenMs,
    sender: codeSender(config, log),
    rules: passwordRules(config),
    words: wordList(await morePasswords(config.BAYWIRE_COMMON_PASSWORDS)),
    hasher: await PasswordHasher.create({
      memoryKib: config.BAYWIRE_HASH_MEMORY_KIB,
      passes: config.BAYWIRE_HASH_PASSES,
      atOnce: config.BAYWIRE_HASHES_AT_ONCE,
      waiting: config.BAYWIRE_HASHES_WAITING,
    }),
    cookies: new DeviceCookies({ key: keyFor('device cookies'), days: config.BAYWIRE_KNOWN_DEVICE_DAYS }),
    codes: new CodeBook({
      key: keyFor('codes'),
      digits: config.BAYWIRE_CODE_DIGITS,
      codeMinutes: config.BAYWIRE_CODE_MINUTES,
      tries: config.BAYWIRE_CODE_TRIES,
      linkMinutes: config.BAYWIRE_RESET_MINUTES,
    }),
    sendLimits: new SendLimits({
      key: keyFor('destinations'),
      perMinute: config.BAYWIRE_SENDS_PER_MINUTE,
      perHour: config.BAYWIRE_SENDS_PER_HOUR,
      perDay: config.BAYWIRE_SENDS_PER_DAY,
    }),
    lockout: new Lockout({
      key: keyFor('guesses'),
      failures: config.BAYWIRE_LOCKOUT_FAILURES,
      minutes: config.BAYWIRE_LOCKOUT_MINUTES,
      consecutive: config.BAYWIRE_LOCKOUT_CONSECUTIVE,
      perAddress: config.BAYWIRE_LOGIN_FAILURES_PER_ADDRESS,
      perTenant: config.BAYWIRE_LOGIN_FAILURES_PER_TENANT,
    }),
  }
}

/** Development shows codes; production has no way to send them yet. */
export function codeSender({ BAYWIRE_ENV: environment }: Pick<Config, 'BAYWIRE_ENV'>, log: Log): CodeSender {
  return environment === 'production' ? missingSender(log) : loggingSender(log)
}

export function passwordRules(config: Config): PasswordRules {
  const preset = passwordPresets[config.BAYWIRE_PASSWORD_PRESET]
  const { BAYWIRE_PASSWORD_CLASSES: classes } = config
  return {
    minLength: config.BAYWIRE_PASSWORD_LENGTH ?? preset.minLength,
    classes: classes === undefined ? preset.classes : classes === 'on',
    expiryDays: config.BAYWIRE_PASSWORD_EXPIRY_DAYS ?? preset.expiryDays,
    history: config.BAYWIRE_PASSWORD_HISTORY,
  }
}

async function morePasswords(path: string | undefined): Promise<string[]> {
  if (path === undefined) return []
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/).filter((line) => line !== '')
  } catch (error) {
    throw new UsageError(`BAYWIRE_COMMON_PASSWORDS: cannot be read: ${describeError(error)}`)
  }
}
