import { isAtMost, type Role } from '../auth/permissions.ts'
import { requirePermission, type Actor } from '../auth/principal.ts'
import { makeInviteToken } from '../auth/invite-token.ts'
import { requireEmailAddress } from '../auth/email-address.ts'
import { Refusal, revisionOutdated } from '../refusal.ts'
import {
  insertInvite,
  lockInvite,
  revokeInviteRow,
  selectInvite,
  selectInvites,
  type Invite,
  type PageOfInvites,
} from '../store/invites.ts'
import { isMemberByEmail, lockMembers } from '../store/members.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { memberOf, ownRole, requireMayGive } from './own-role.ts'
import { notFound } from './place-refusals.ts'

/**
 * Invitations into a tenant: bound to an address and to a role that the inviter may give, when it is made and again when it
 * is accepted (invite-acceptance.ts), good once and for a while.
 */
export async function listInvites(tx: TenantTransaction, actor: Actor, page: PageOfInvites): Promise<Invite[]> {
  requirePermission(actor, 'members:read')
  return await selectInvites(tx, page)
}

export async function readInvite(tx: TenantTransaction, actor: Actor, id: string): Promise<Invite> {
  requirePermission(actor, 'members:read')
  const invite = await selectInvite(tx, id)
  if (invite === undefined) throw notFound()
  return invite
}

export interface WantedInvite {
  email: string
  role: Role
  hours: number
}

/** @returns the token too, which exists nowhere else: to be sent to the address, and to nobody else, after COMMIT */
export async function createInvite(
  tx: TenantTransaction,
  actor: Actor,
  { email: given, role, hours }: WantedInvite,
): Promise<{ invite: Invite; token: string }> {
  requirePermission(actor, 'members:write')
  const email = requireEmailAddress(given)
  const own = await ownRole(tx, actor, await lockMembers(tx))
  await requireMayGive(tx, actor, { role, own })
  if (await isMemberByEmail(tx, email)) throw taken('A member has this address.')
  const invitedBy = (await memberOf(tx, actor)) ?? ''
  const { token, tokenHash } = makeInviteToken()
  const invite = await insertInvite(tx, { email, role, invitedBy, tokenHash, hours })
  if (invite === undefined) throw taken('This address has an open invite: revoke it first.')
  await audited(tx, actor, {
    action: 'invite.created',
    target: { kind: 'invite', id: invite.id },
    detail: { role, expires_at: invite.expiresAt.toISOString() },
  })
  return { invite, token }
}

function taken(detail: string): Refusal {
  return new Refusal('conflict', detail, { errors: [{ path: 'email', message: 'is a member, or has an open invite' }] })
}

/** Nothing changes about an invite but that it ends, once. */
export function revisionOf({ acceptedAt, revokedAt }: Invite): number {
  return acceptedAt === null && revokedAt === null ? 1 : 2
}

export async function revokeInvite(
  tx: TenantTransaction,
  actor: Actor,
  { id, revision }: { id: string; revision: number },
): Promise<void> {
  requirePermission(actor, 'members:write')
  const own = await ownRole(tx, actor, await lockMembers(tx))
  const invite = await lockInvite(tx, id)
  if (invite === undefined) throw notFound()
  if (!isAtMost(invite.role as Role, own)) throw new Refusal('forbidden', 'Its role is above yours.')
  if (revisionOf(invite) !== revision) throw revisionOutdated()
  if (!(await revokeInviteRow(tx, id))) throw new Refusal('conflict', 'It was accepted or revoked before.')
  await audited(tx, actor, {
    action: 'invite.revoked',
    target: { kind: 'invite', id },
    detail: { role: invite.role },
  })
}
