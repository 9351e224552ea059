import { forgetGuessesOf } from '../store/guesses.ts'
import { endCodesOf, spendCode } from '../store/codes.ts'
import { lockPassword } from '../store/passwords.ts'
import { belongingsOf, markVerified, userByEmail, userById, type Belonging, type User } from '../store/users.ts'
import { evenly, recordInTenants, type Accounts, type Caller } from './accounts.ts'
import type { Message } from './door.ts'
import { requireEmailAddress } from './email-address.ts'
import { choosePassword, putPassword, wrongFields } from './new-password.ts'

/** Sends a link to whoever has an account of this address. What is answered, and when, tells nobody whether there is one. */
export async function forgotPassword(accounts: Accounts, given: { email: string }): Promise<void> {
  const email = requireEmailAddress(given.email)
  await evenly(accounts.evenMs, async () => {
    const message = await accounts.database.withAccounts(async (tx): Promise<Message | undefined> => {
      const user = await userByEmail(tx, email)
      const allowed = await accounts.sendLimits.allow(tx, email)
      if (!allowed || user === undefined || user.disabledAt !== null) return undefined
      const purpose = 'reset_password'
      const sent = await accounts.codes.issueToken(tx, { userId: user.id, purpose, address: email })
      return { purpose, address: email, ...sent }
    })
    if (message !== undefined) accounts.sender.send(message)
  })
}

/**
 * Sets another password with the token of a link, once. It ends all sessions and opens the account where it was closed;
 * the address is proven by it.
 * @throws Refusal `invalid_input`; where the password is at fault, the token stays good
 */
export async function resetPassword(
  accounts: Accounts,
  { token, password }: { token: string; password: string },
  caller: Caller,
): Promise<void> {
  const found = await ownerOf(accounts, token)
  if (found === undefined) return wrongToken()
  const { user, belongings, codeId } = found
  const chosen = await choosePassword(accounts, { given: password, path: 'password', user, belongings })
  const used = await accounts.database.withAccounts(async (tx) => {
    await lockPassword(tx, user.id)
    if (!(await spendCode(tx, codeId))) return false
    await forgetGuessesOf(tx, user.id)
    await endCodesOf(tx, user.id)
    await markVerified(tx, user)
    await putPassword(tx, accounts, { userId: user.id, chosen })
    await recordInTenants(tx, belongings, { user, action: 'user.password_reset', requestId: caller.requestId })
    return true
  })
  if (!used) wrongToken()
}

/** The same for one that never was, that is too old, that was used, and that a newer one has replaced. */
function wrongToken(): never {
  return wrongFields([{ path: 'token', message: 'is not good any more: ask for another one' }])
}

async function ownerOf(
  accounts: Accounts,
  token: string,
): Promise<{ user: User; belongings: Belonging[]; codeId: string } | undefined> {
  return await accounts.database.withAccounts(async (tx) => {
    const code = await accounts.codes.findToken(tx, token, 'reset_password')
    const user = code && (await userById(tx, code.userId))
    // Sent to an address that is not theirs any more, it proves nothing.
    if (user === undefined || user.email !== code?.address || user.disabledAt !== null) return undefined
    return { user, belongings: await belongingsOf(tx, user.id), codeId: code.id }
  })
}
