import { setTimeout } from 'node:timers/promises'
import { recordAudit, type AuditEntry } from '../store/audit.ts'
import { dropOldCodes } from '../store/codes.ts'
import { dropOldGuesses } from '../store/guesses.ts'
import { dropOldWindows } from '../store/send-limits.ts'
import { enterTenant, type AccountTransaction, type TenantDatabase } from '../store/transactions.ts'
import type { Belonging, User } from '../store/users.ts'
import type { Clock } from '../clock.ts'
import type { CodeBook } from './codes.ts'
import type { WordList } from './common-passwords.ts'
import type { DeviceCookies } from './device-cookie.ts'
import type { CodeSender } from './door.ts'
import type { PasswordHasher } from './hashing.ts'
import type { Lockout } from './lockout.ts'
import type { PasswordRules } from './password-rules.ts'
import type { SendLimits } from './send-limits.ts'
import type { Sessions } from './sessions-contract.ts'

/**
 * What the verbs of accounts work with. Unlike those of a tenant's resources they take the database and not a
 * transaction: what counts a guess has to be committed before the guess is compared, and hashing holds no connection.
 */
export interface Accounts {
  readonly database: Pick<TenantDatabase, 'withAccounts'>
  readonly hasher: PasswordHasher
  readonly lockout: Lockout
  readonly codes: CodeBook
  readonly sendLimits: SendLimits
  readonly sender: CodeSender
  readonly cookies: DeviceCookies
  readonly sessions: Sessions
  readonly rules: PasswordRules
  readonly words: WordList
  readonly clock: Clock
  /** Whether an address must be verified before its owner may log in. */
  readonly verification: boolean
  /** What tells nobody whether an address is known takes at least this long. */
  readonly evenMs: number
}

/** Who asks, of requests that nobody is signed in for. */
export interface Caller {
  requestId: string
  /** Of the address, or of the network that counts as one. */
  area: string
}

interface OwnEntry {
  user: Pick<User, 'id'>
  action: string
  requestId: string
  by?: 'user' | 'system'
}

/** Records something that a person did to their own account, in each of their tenants. To be called last. */
export async function recordInTenants(
  tx: AccountTransaction,
  belongings: readonly Pick<Belonging, 'tenantId'>[],
  { user, action, requestId, by = 'user' }: OwnEntry,
): Promise<void> {
  const entry: AuditEntry = {
    actor: by === 'user' ? { kind: 'user', id: user.id } : { kind: 'system', id: 'lockout' },
    action,
    target: { kind: 'user', id: user.id },
    requestId,
  }
  // In one order, so that two of them never wait for each other's end of a chain.
  for (const tenantId of belongings.map((belonging) => belonging.tenantId).toSorted()) {
    // oxlint-disable-next-line no-await-in-loop -- statements of one transaction
    await recordAudit(await enterTenant(tx, tenantId), entry)
  }
}

/** Takes away what says nothing any more: codes, windows and counts that are long over. */
export async function sweepAccounts({ database }: Pick<Accounts, 'database'>): Promise<void> {
  await database.withAccounts(async (tx) => {
    await dropOldCodes(tx)
    await dropOldWindows(tx)
    await dropOldGuesses(tx)
  })
}

/** Answers no sooner than after `ms`, so that what was done in the meantime cannot be told from the time that it took. */
export async function evenly<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const [result] = await Promise.all([work(), setTimeout(ms)])
  return result
}
