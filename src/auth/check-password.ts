import { Refusal } from '../refusal.ts'
import { passwordInForce, rehash, type StoredPassword } from '../store/passwords.ts'
import { belongingsOf, userByEmail, userById, type Belonging, type User } from '../store/users.ts'
import { recordInTenants, type Accounts, type Caller } from './accounts.ts'
import type { HashingTurn } from './hashing.ts'
import type { Attempt } from './lockout.ts'

/**
 * The one place where a password is compared: at a login, and where somebody who is signed in has to show theirs. Each
 * comparison is counted before it is made. Whatever is wrong (nobody of that address, a wrong password, a closed account),
 * the answer is the same, and so is the work.
 */
export interface PasswordGuess {
  /** Whose: by address at a login, by id of whoever is signed in. */
  whose: { email: string } | { userId: string; sessionId: string }
  /** As of `passwordText`. */
  password: string
  deviceCookie?: string | undefined
}

export interface Proven {
  user: User
  stored: StoredPassword
  belongings: Belonging[]
  /** The device that had been known before. */
  deviceId: string | undefined
}

/** Stands for whoever does not exist, so that the same is asked of the database. */
const nobody = '00000000-0000-0000-0000-000000000000'

/** Undefined where it is not theirs, or may not be compared. */
export async function checkPassword(
  accounts: Accounts,
  guess: PasswordGuess,
  caller: Caller,
): Promise<Proven | undefined> {
  return await accounts.hasher.inTurn(async (turn) => {
    const { found, attempt, admitted } = await count(accounts, guess, caller)
    const hash = admitted ? found?.stored?.hash : undefined
    if (!(await turn.verify(hash, guess.password)) || found?.stored === undefined) return undefined
    const { user, stored, belongings, deviceId } = found
    await settle(accounts, { attempt, stored, turn, password: guess.password })
    return { user, stored, belongings, deviceId }
  })
}

interface Found extends Omit<Proven, 'stored'> {
  stored: StoredPassword | undefined
}

async function count(
  accounts: Accounts,
  guess: PasswordGuess,
  caller: Caller,
): Promise<{ found: Found | undefined; attempt: Attempt; admitted: boolean }> {
  const counted = await accounts.database.withAccounts(async (tx) => {
    const { whose } = guess
    const user = await ('email' in whose ? userByEmail(tx, whose.email) : userById(tx, whose.userId))
    const stored = await passwordInForce(tx, user?.id ?? nobody)
    const belongings = await belongingsOf(tx, user?.id ?? nobody)
    const found = user && { user, stored, belongings, deviceId: knownDevice(accounts, guess, user) }
    const attempt = attemptOf(guess, { found, caller })
    const verdict = await accounts.lockout.raise(tx, attempt)
    if (verdict.closes && found !== undefined) {
      const entry = { user: found.user, action: 'user.locked', requestId: caller.requestId, by: 'system' } as const
      await recordInTenants(tx, belongings, entry)
    }
    return { found, attempt, ...verdict }
  })
  if (counted.addressClosedS > 0) {
    const detail = 'Too many wrong passwords came from your address.'
    throw new Refusal('too_many_requests', detail, { retryAfterS: counted.addressClosedS })
  }
  return counted
}

function knownDevice(accounts: Accounts, { deviceCookie }: PasswordGuess, user: User): string | undefined {
  return accounts.cookies.read(deviceCookie, { userId: user.id, now: accounts.clock.now() })?.deviceId
}

function attemptOf({ whose }: PasswordGuess, { found, caller }: { found: Found | undefined; caller: Caller }): Attempt {
  const userId = found?.user.id
  return {
    mechanism: 'password',
    userId,
    email: 'email' in whose ? whose.email : '',
    tenantIds: found?.belongings.map(({ tenantId }) => tenantId) ?? [],
    known: knownSubject(),
    area: caller.area,
  }

  function knownSubject(): string | undefined {
    if (userId === undefined) return undefined
    if ('sessionId' in whose) return `user-session:${userId}:${whose.sessionId}`
    return found?.deviceId === undefined ? undefined : `user-device:${userId}:${found.deviceId}`
  }
}

/** The right password: its guesses are forgotten, and it is hashed again where the parameters have risen. */
async function settle(
  accounts: Accounts,
  {
    attempt,
    stored,
    turn,
    password,
  }: { attempt: Attempt; stored: StoredPassword; turn: HashingTurn; password: string },
): Promise<void> {
  const raised = turn.isOutdated(stored.hash) ? await turn.hash(password) : undefined
  await accounts.database.withAccounts(async (tx) => {
    if (raised !== undefined) await rehash(tx, { id: stored.id, from: stored.hash, to: raised })
    await accounts.lockout.succeed(tx, attempt)
  })
}
