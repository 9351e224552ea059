import { Refusal, revisionOutdated } from '../refusal.ts'
import { passwordInForce } from '../store/passwords.ts'
import { belongingsOf, renameUser, userById, type Belonging, type User } from '../store/users.ts'
import { recordInTenants, type Accounts } from './accounts.ts'
import { passwordExpiry } from './login.ts'
import { permissions, roleHas, type Permission } from './permissions.ts'
import type { Principal, UserPrincipal } from './principal.ts'

/** Who somebody is, where they belong, and what they may do in the tenant that they work in. */
export interface Me {
  user: User
  passwordExpiresAt: Date | undefined
  tenants: Belonging[]
}

export async function describeUser(accounts: Accounts, { userId }: UserPrincipal): Promise<Me> {
  return await accounts.database.withAccounts(async (tx) => {
    const user = await userById(tx, userId)
    if (user === undefined) throw gone()
    const tenants = await belongingsOf(tx, userId)
    const stored = await passwordInForce(tx, userId)
    const passwordExpiresAt = stored && passwordExpiry(accounts, { stored, belongings: tenants })
    return { user, passwordExpiresAt, tenants }
  })
}

/** What the principal may do now, in the tenant that it works in. */
export function permissionsOf(principal: Principal): Permission[] {
  if (principal.kind === 'api_key') return [...principal.scopes].toSorted()
  const role = principal.tenant?.role
  if (role === undefined) return []
  return (Object.keys(permissions) as Permission[]).filter((permission) => roleHas(role, permission))
}

/** @throws Refusal `revision_outdated` */
export async function renameSelf(
  accounts: Accounts,
  { principal, name, revision }: { principal: UserPrincipal; name: string; revision: number },
  caller: { requestId: string },
): Promise<User> {
  return await accounts.database.withAccounts(async (tx) => {
    const user = await renameUser(tx, { id: principal.userId, name, revision })
    if (user === undefined) throw revisionOutdated()
    const belongings = await belongingsOf(tx, user.id)
    await recordInTenants(tx, belongings, { user, action: 'user.renamed', requestId: caller.requestId })
    return user
  })
}

/** Of programs and of people: a key is nobody, so it has no profile and no password. */
export function requireUser(principal: Principal): UserPrincipal {
  if (principal.kind === 'user') return principal
  throw new Refusal('forbidden', 'This is for people: an API key cannot do it.')
}

/** The account was erased while its session lasted. */
function gone(): Refusal {
  return new Refusal('unauthenticated', 'Sign in again.')
}
