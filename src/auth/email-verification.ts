import { Refusal } from '../refusal.ts'
import { spendCode } from '../store/codes.ts'
import { belongingsOf, markVerified, userByEmail } from '../store/users.ts'
import { evenly, recordInTenants, type Accounts, type Caller } from './accounts.ts'
import type { Message } from './door.ts'
import { emailAddress, requireEmailAddress } from './email-address.ts'
import type { Attempt } from './lockout.ts'
import { wrongFields } from './new-password.ts'

const purpose = 'verify_email'
/** Stands for whoever does not exist, so that the same is asked of the database. */
const nobody = '00000000-0000-0000-0000-000000000000'

/** Sends a code to an address that is to be verified. What is answered, and when, tells nobody whether there is one. */
export async function sendVerification(accounts: Accounts, given: { email: string }): Promise<void> {
  const email = requireEmailAddress(given.email)
  await evenly(accounts.evenMs, async () => {
    const message = await accounts.database.withAccounts(async (tx): Promise<Message | undefined> => {
      const user = await userByEmail(tx, email)
      const allowed = await accounts.sendLimits.allow(tx, email)
      if (!allowed || user === undefined || user.disabledAt !== null || user.emailVerifiedAt !== null) return undefined
      const sent = await accounts.codes.issueDigits(tx, { userId: user.id, purpose, address: email })
      return { purpose, address: email, ...sent }
    })
    if (message !== undefined) accounts.sender.send(message)
  })
}

/** @throws Refusal `invalid_input`, the same for a wrong code and for nobody of that address; `too_many_requests` */
export async function confirmEmail(
  accounts: Accounts,
  { email: given, code }: { email: string; code: string },
  caller: Caller,
): Promise<void> {
  const email = emailAddress(given) ?? ''
  const tried = await countTry(accounts, { email, caller })
  const { user, open, attempt } = tried
  if (user === undefined || user.disabledAt !== null || open === undefined) return wrongCode()
  if (!accounts.codes.matches(open, { purpose, code })) return wrongCode()
  const done = await accounts.database.withAccounts(async (tx) => {
    // Guesses before codes before users, as everywhere.
    await accounts.lockout.succeed(tx, attempt)
    if (!(await spendCode(tx, open.id)) || !(await markVerified(tx, { id: user.id, email: open.address }))) return false
    const belongings = await belongingsOf(tx, user.id)
    await recordInTenants(tx, belongings, { user, action: 'user.email_verified', requestId: caller.requestId })
    return true
  })
  if (!done) wrongCode()
}

function wrongCode(): never {
  return wrongFields([{ path: 'code', message: 'is wrong, or not good any more' }])
}

/** Counts the try for the address it comes from, the account and the code, and commits it before anything is compared. */
async function countTry(accounts: Accounts, { email, caller }: { email: string; caller: Caller }) {
  const tried = await accounts.database.withAccounts(async (tx) => {
    const user = await userByEmail(tx, email)
    const attempt: Attempt = { mechanism: 'code', userId: user?.id, email, tenantIds: [], area: caller.area }
    const verdict = await accounts.lockout.raise(tx, attempt)
    const userId = verdict.admitted ? user?.id : undefined
    const open = await accounts.codes.tryDigits(tx, { userId: userId ?? nobody, purpose })
    return { user, attempt, open, retryAfterS: verdict.addressClosedS }
  })
  const { retryAfterS } = tried
  if (retryAfterS > 0) {
    throw new Refusal('too_many_requests', 'Too many wrong codes came from your address.', { retryAfterS })
  }
  return tried
}
