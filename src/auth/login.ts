import { Refusal } from '../refusal.ts'
import { recordAudit } from '../store/audit.ts'
import { holdPassword } from '../store/passwords.ts'
import { enterTenant, type AccountTransaction } from '../store/transactions.ts'
import type { Accounts, Caller } from './accounts.ts'
import { checkPassword, type Proven } from './check-password.ts'
import { emailAddress } from './email-address.ts'
import { choosePassword, putPassword, requirePasswordText, rulesFor, type Chosen } from './new-password.ts'
import type { IssuedTokens } from './sessions-contract.ts'

export interface Login {
  email: string
  password: string
  /** Takes the place of a password that must be changed. */
  newPassword?: string | undefined
  remember: boolean
  /** For its owner to recognise: what calls itself so. */
  device: string
  deviceCookie?: string | undefined
}

export interface LoggedIn extends IssuedTokens {
  /** Marks the device as known: lets nobody in. */
  deviceCookie: string
}

const dayMs = 86_400_000

/**
 * @throws Refusal `unauthenticated`, the same for a wrong password, for nobody of that address and for an account that is
 * closed, disabled or not verified; `password_change_required`; `too_many_requests` for the address it came from; `busy`
 */
export async function logIn(accounts: Accounts, login: Login, caller: Caller): Promise<LoggedIn> {
  const password = requirePasswordText(login.password, 'password')
  const whose = { email: emailAddress(login.email) ?? '' }
  const proven = await checkPassword(accounts, { whose, password, deviceCookie: login.deviceCookie }, caller)
  if (proven === undefined || !mayLogIn(accounts, proven)) throw wrongLogin()
  const chosen = await replacement(accounts, { proven, newPassword: login.newPassword })
  const tokens = await accounts.database.withAccounts(async (tx) => {
    await keepOrReplace(tx, accounts, { proven, chosen })
    return await begin(tx, accounts, { login, proven, caller })
  })
  const known = proven.deviceId === undefined ? undefined : { deviceId: proven.deviceId }
  return { ...tokens, deviceCookie: accounts.cookies.issue(proven.user.id, { now: accounts.clock.now(), known }) }
}

function wrongLogin(): Refusal {
  return new Refusal('unauthenticated', 'This e-mail address and password do not belong together.')
}

function mayLogIn({ verification }: Accounts, { user }: Proven): boolean {
  return user.disabledAt === null && (!verification || user.emailVerifiedAt !== null)
}

/** When it must be changed; undefined where it never must. */
export function passwordExpiry(accounts: Accounts, { stored, belongings }: Pick<Proven, 'stored' | 'belongings'>) {
  const { expiryDays } = rulesFor(accounts, belongings)
  return expiryDays === 0 ? undefined : new Date(stored.createdAt.getTime() + expiryDays * dayMs)
}

/** The new password of whoever has to change theirs; undefined for everybody else, whatever they send. */
async function replacement(
  accounts: Accounts,
  { proven, newPassword }: { proven: Proven; newPassword: string | undefined },
): Promise<Chosen | undefined> {
  const expiry = passwordExpiry(accounts, proven)
  const expired = expiry !== undefined && expiry.getTime() <= accounts.clock.now()
  if (!proven.user.mustChangePassword && !expired) return undefined
  if (newPassword === undefined) {
    throw new Refusal('password_change_required', 'The password must be changed: log in with `new_password` as well.')
  }
  const { user, belongings } = proven
  return await choosePassword(accounts, { given: newPassword, path: 'new_password', user, belongings })
}

/** A password that was changed while this login ran is the wrong one. */
async function keepOrReplace(
  tx: AccountTransaction,
  accounts: Accounts,
  { proven, chosen }: { proven: Proven; chosen: Chosen | undefined },
): Promise<void> {
  const { user, stored } = proven
  const holds =
    chosen === undefined
      ? await holdPassword(tx, stored.id)
      : await putPassword(tx, accounts, { userId: user.id, chosen, expected: stored.id })
  if (!holds) throw wrongLogin()
}

async function begin(
  tx: AccountTransaction,
  accounts: Accounts,
  { login, proven, caller }: { login: Login; proven: Proven; caller: Caller },
): Promise<IssuedTokens> {
  const { user, belongings } = proven
  const tenantId = belongings.find(({ suspended }) => !suspended)?.tenantId ?? null
  const { remember, device } = login
  const tokens = await accounts.sessions.begin(tx, {
    userId: user.id,
    tenantId,
    remember,
    device,
    addressArea: caller.area,
  })
  if (tenantId !== null) {
    await recordAudit(await enterTenant(tx, tenantId), {
      actor: { kind: 'user', id: user.id },
      action: 'user.logged_in',
      target: { kind: 'session', id: tokens.sessionId },
      requestId: caller.requestId,
    })
  }
  return tokens
}
