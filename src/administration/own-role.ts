import { isAtMost, missingFor, type Role } from '../auth/permissions.ts'
import type { Actor } from '../auth/principal.ts'
import { Refusal } from '../refusal.ts'
import { scopesInForce } from '../store/api-keys.ts'
import { makerOfKey, type LockedMember } from '../store/members.ts'
import type { TenantTransaction } from '../store/transactions.ts'

type Members = ReadonlyMap<string, LockedMember>

/** Whose rights somebody acts with: their own, or those of the member who made the API key. */
export async function memberOf(tx: TenantTransaction, { principal }: Actor): Promise<string | undefined> {
  return principal.kind === 'user' ? principal.userId : await makerOfKey(tx, principal.apiKeyId)
}

/**
 * The role that somebody has now, under the lock: what was looked up when they were let in may be two seconds old.
 * @throws Refusal `forbidden` for who is no member (any more)
 */
export async function ownRole(tx: TenantTransaction, actor: Actor, members: Members): Promise<Role> {
  const userId = await memberOf(tx, actor)
  const member = userId === undefined ? undefined : members.get(userId)
  if (member === undefined) throw new Refusal('forbidden', 'You are no member of the tenant.')
  return member.role as Role
}

/**
 * A person gives no role above their own. An API key moreover has to have all that the role may do: whoever comes by a key
 * must not come to more by way of a member whom they make with it.
 * @throws Refusal `forbidden`
 */
export async function requireMayGive(
  tx: TenantTransaction,
  { principal }: Actor,
  { role, own }: { role: Role; own: Role },
): Promise<void> {
  if (!isAtMost(role, own)) throw new Refusal('forbidden', 'That role is above yours.')
  if (principal.kind === 'user') return
  const missing = missingFor(role, await scopesInForce(tx, principal.apiKeyId))
  if (missing === undefined) return
  throw new Refusal('forbidden', `An API key gives a role only with all of its permissions: this one lacks ${missing}.`)
}
