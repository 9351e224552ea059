import { Refusal } from '../refusal.ts'
import { recordInTenants, type Accounts, type Caller } from './accounts.ts'
import { checkPassword } from './check-password.ts'
import { choosePassword, putPassword, requirePasswordText, wrongFields } from './new-password.ts'
import type { UserPrincipal } from './principal.ts'

/**
 * By somebody who is signed in and shows the password that they have. Ends their other sessions.
 * @throws Refusal `invalid_input` for a current password that is wrong, or may not be guessed at any more
 */
export async function changePassword(
  accounts: Accounts,
  change: { principal: UserPrincipal; currentPassword: string; newPassword: string },
  caller: Caller,
): Promise<void> {
  const { userId, sessionId } = change.principal
  const password = requirePasswordText(change.currentPassword, 'current_password')
  const proven = await checkPassword(accounts, { whose: { userId, sessionId }, password }, caller)
  if (proven === undefined) wrongFields([{ path: 'current_password', message: 'is wrong' }])
  const { user, belongings, stored } = proven
  const chosen = await choosePassword(accounts, { given: change.newPassword, path: 'new_password', user, belongings })
  await accounts.database.withAccounts(async (tx) => {
    if (!(await putPassword(tx, accounts, { userId, chosen, expected: stored.id, except: sessionId }))) {
      throw new Refusal('conflict', 'The password was changed in the meantime.')
    }
    await recordInTenants(tx, belongings, { user, action: 'user.password_changed', requestId: caller.requestId })
  })
}
