import type { PasswordMaker } from '../auth/password-maker.ts'
import { inviteTokenHash } from '../auth/invite-token.ts'
import { isAtMost, missingFor, roleHas, type Role } from '../auth/permissions.ts'
import type { Principal } from '../auth/principal.ts'
import { newId } from '../ids.ts'
import { Refusal, type FieldError } from '../refusal.ts'
import { scopesInForce } from '../store/api-keys.ts'
import { recordAudit } from '../store/audit.ts'
import { inviteOfToken, keyOfInvite, lockInvite, markAccepted, type Invite } from '../store/invites.ts'
import { insertMember, lockMembers } from '../store/members.ts'
import { insertPassword } from '../store/passwords.ts'
import { selectTenant, type Tenant } from '../store/tenants.ts'
import {
  enterTenant,
  type AccountTransaction,
  type TenantDatabase,
  type TenantTransaction,
} from '../store/transactions.ts'
import { insertUser, userByEmail, userById, type User } from '../store/users.ts'

/**
 * Accepting an invite. Whoever shows the token has read what was sent to the address: that is why a new account is made
 * with the address verified. Whoever has an account must be signed in to it, and its address must be the invited one.
 * What is wrong with a token is not told: unknown, expired, used, revoked and outlived by its inviter's rights are one answer.
 */
export interface Acceptance {
  database: Pick<TenantDatabase, 'withAccounts'>
  passwords: PasswordMaker
}

type Both = AccountTransaction & TenantTransaction

interface Offer {
  invite: Invite
  tenant: Tenant
}

export interface ShownInvite {
  tenant: string
  email: string
  role: string
  expiresAt: Date
}

/** What an invite is to, for who has its token. @throws Refusal `not_found` */
export async function lookUpInvite({ database }: Pick<Acceptance, 'database'>, token: string): Promise<ShownInvite> {
  return await database.withAccounts(async (tx) => {
    const { tenant, invite } = await offerOf(tx, token)
    return { tenant: tenant.name, email: invite.email, role: invite.role, expiresAt: invite.expiresAt }
  })
}

export interface GivenAcceptance {
  token: string
  /** Of a new account. */
  name?: string | undefined
  password?: string | undefined
}

export interface Accepted {
  tenant: Tenant
  role: string
}

export async function acceptInvite(
  acceptance: Acceptance,
  given: GivenAcceptance,
  { principal, requestId }: { principal: Principal | undefined; requestId: string },
): Promise<Accepted> {
  const { database } = acceptance
  const { offer, user } = await database.withAccounts(async (tx) => {
    const found = await offerOf(tx, given.token)
    return { offer: found, user: await userByEmail(tx, found.invite.email) }
  })
  const newAccount = await accountFor(acceptance, { given, offer, user, principal })
  return await database.withAccounts(async (tx) => {
    const { own, invite, tenant } = await offerOf(tx, given.token)
    const member = newAccount === undefined ? await requireOwn(tx, { invite, principal }) : newAccount
    if (newAccount !== undefined) await insertAccount(tx, { ...newAccount, invite })
    if (!(await insertMember(own, { userId: member.id, role: invite.role }))) {
      throw new Refusal('conflict', 'You belong to this tenant already.')
    }
    await markAccepted(own, invite.id)
    await recordAudit(own, {
      actor: { kind: 'user', id: member.id },
      action: 'invite.accepted',
      target: { kind: 'invite', id: invite.id },
      detail: {
        member: member.id,
        role: invite.role,
        invited_by: invite.invitedBy,
        new_account: newAccount !== undefined,
      },
      requestId,
    })
    return { tenant, role: invite.role }
  })
}

/** The invite as it stays until COMMIT, with all that its being good depends on. */
async function offerOf(tx: AccountTransaction, token: string): Promise<Offer & { own: Both }> {
  const tokenHash = inviteTokenHash(token)
  const known = tokenHash === undefined ? undefined : await inviteOfToken(tx, tokenHash)
  if (known === undefined) throw notGood()
  const own = await enterTenant(tx, known.tenantId)
  const members = await lockMembers(own)
  const invite = await lockInvite(own, known.id)
  const tenant = await selectTenant(own)
  if (invite?.state !== 'open' || tenant === undefined || tenant.suspendedAt !== null) throw notGood()
  const inviter = members.get(invite.invitedBy)?.role as Role | undefined
  const mayInvite = inviter !== undefined && roleHas(inviter, 'members:write') && isAtMost(invite.role as Role, inviter)
  if (!mayInvite || !(await isEnabled(tx, invite.invitedBy)) || !(await keyStillMay(own, invite))) throw notGood()
  return { own, invite, tenant }
}

/** What was made with an API key is good only as long as the key itself might make it. */
async function keyStillMay(tx: TenantTransaction, { id, role }: Invite): Promise<boolean> {
  const key = await keyOfInvite(tx, id)
  if (key === undefined) return true
  const scopes = await scopesInForce(tx, key)
  return scopes.includes('members:write') && missingFor(role as Role, scopes) === undefined
}

async function isEnabled(tx: AccountTransaction, userId: string): Promise<boolean> {
  const user = await userById(tx, userId)
  return user !== undefined && user.disabledAt === null
}

function notGood(): Refusal {
  return new Refusal('not_found', 'This invite is not good (any more): ask for another one.')
}

interface NewAccount {
  id: string
  name: string
  hash: string
}

/** Undefined where there is an account, which `requireOwn` has a look at. */
async function accountFor(
  { passwords }: Acceptance,
  {
    given,
    offer,
    user,
    principal,
  }: { given: GivenAcceptance; offer: Offer; user: User | undefined; principal: Principal | undefined },
): Promise<NewAccount | undefined> {
  if (user !== undefined) {
    requireIsInvited(user, principal)
    return undefined
  }
  if (principal !== undefined) throw invitedIsAnother()
  const { name, password } = given
  if (name === undefined || password === undefined) throw missing({ name, password })
  const { slug, name: tenantName, passwordRules } = offer.tenant
  const id = newId()
  const hash = await passwords.make({
    given: password,
    path: 'password',
    user: { id, email: offer.invite.email, name },
    belongings: [{ slug, name: tenantName, passwordRules }],
  })
  return { id, name, hash }
}

function missing(fields: Record<string, string | undefined>): Refusal {
  const errors: FieldError[] = Object.entries(fields).flatMap(([path, value]) =>
    value === undefined ? [{ path, message: 'is needed for a new account' }] : [],
  )
  return new Refusal('invalid_input', 'Wrong input: see errors.', { errors })
}

function requireIsInvited(user: User, principal: Principal | undefined): void {
  if (principal === undefined) throw new Refusal('unauthenticated', 'Sign in as the invited address.')
  if (principal.kind !== 'user' || principal.userId !== user.id) throw invitedIsAnother()
  if (user.disabledAt !== null || user.emailVerifiedAt === null) {
    throw new Refusal('forbidden', 'Verify your address first.')
  }
}

function invitedIsAnother(): Refusal {
  return new Refusal('forbidden', 'The invite is to another address.')
}

async function requireOwn(
  tx: AccountTransaction,
  { invite, principal }: { invite: Invite; principal: Principal | undefined },
): Promise<User> {
  const user = await userByEmail(tx, invite.email)
  if (user === undefined) throw invitedIsAnother()
  requireIsInvited(user, principal)
  return user
}

async function insertAccount(
  tx: AccountTransaction,
  { id, name, hash, invite }: NewAccount & { invite: Invite },
): Promise<void> {
  // Somebody registered the address in the meantime.
  if (!(await insertUser(tx, { id, email: invite.email, name, verified: true }))) {
    throw new Refusal('unauthenticated', 'Sign in as the invited address.')
  }
  await insertPassword(tx, { userId: id, hash })
}
