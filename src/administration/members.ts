import { isAtMost, type Role } from '../auth/permissions.ts'
import { requirePermission, type Actor } from '../auth/principal.ts'
import { Refusal, revisionOutdated } from '../refusal.ts'
import { revokeInvitesBy } from '../store/invites.ts'
import {
  deleteMember,
  lockMembers,
  selectMember,
  selectMembers,
  updateMemberRole,
  type LockedMember,
  type Member,
  type PageOfMembers,
} from '../store/members.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { ownRole, requireMayGive } from './own-role.ts'
import { notFound } from './place-refusals.ts'

/**
 * Who belongs to a tenant. Nobody gives or takes a role above their own, and the last owner who can sign in stays one, also where
 * several owners leave at once: each decision holds the locks of all memberships.
 */
export async function listMembers(tx: TenantTransaction, actor: Actor, page: PageOfMembers): Promise<Member[]> {
  requirePermission(actor, 'members:read')
  return await selectMembers(tx, page)
}

export async function readMember(tx: TenantTransaction, actor: Actor, userId: string): Promise<Member> {
  requirePermission(actor, 'members:read')
  return await found(tx, userId)
}

export async function changeRole(
  tx: TenantTransaction,
  actor: Actor,
  { userId, role, revision }: { userId: string; role: Role; revision: number },
): Promise<Member> {
  requirePermission(actor, 'members:write')
  const { member, members } = await lockedTarget(tx, actor, { userId, revision, role })
  if (role !== 'owner') requireAnotherOwner(members, userId)
  await updateMemberRole(tx, { userId, role })
  const changed = await found(tx, userId)
  await audited(tx, actor, {
    action: 'member.role_changed',
    target: { kind: 'member', id: userId },
    detail: { from: member.role, to: role },
  })
  return changed
}

/** With the membership go the API keys that they made and the invites that they sent; their account stays. */
export async function removeMember(
  tx: TenantTransaction,
  actor: Actor,
  { userId, revision }: { userId: string; revision: number },
): Promise<void> {
  requirePermission(actor, 'members:write')
  const { member, members } = await lockedTarget(tx, actor, { userId, revision })
  requireAnotherOwner(members, userId)
  const invites = await revokeInvitesBy(tx, userId)
  await deleteMember(tx, userId)
  await audited(tx, actor, {
    action: 'member.removed',
    target: { kind: 'member', id: userId },
    detail: { role: member.role, invites_revoked: invites },
  })
}

type Members = ReadonlyMap<string, LockedMember>

async function lockedTarget(
  tx: TenantTransaction,
  actor: Actor,
  { userId, revision, role }: { userId: string; revision: number; role?: Role },
): Promise<{ member: LockedMember; members: Members }> {
  const members = await lockMembers(tx)
  const own = await ownRole(tx, actor, members)
  const member = members.get(userId)
  if (member === undefined) throw notFound()
  if (!isAtMost(member.role as Role, own)) throw new Refusal('forbidden', 'Their role is above yours.')
  if (role !== undefined) await requireMayGive(tx, actor, { role, own })
  if (member.revision !== revision) throw revisionOutdated()
  return { member, members }
}

/** @throws Refusal `in_use` where an owner would leave none who can sign in */
export function requireAnotherOwner(members: Members, userId: string): void {
  if (members.get(userId)?.role !== 'owner') return
  const others = [...members.values()].filter((member) => member.role === 'owner' && member.userId !== userId)
  if (others.some(({ disabledAt }) => disabledAt === null)) return
  throw new Refusal('in_use', 'This is the last owner who is not disabled: make somebody else an owner first.')
}

async function found(tx: TenantTransaction, userId: string): Promise<Member> {
  const member = await selectMember(tx, userId)
  if (member === undefined) throw notFound()
  return member
}
