import { and, asc, eq, gt, isNull, lte, sql, type SQL } from 'drizzle-orm'
import { newId } from '../ids.ts'
import { invites } from './schema/members.ts'
import { tenants } from './schema/tenancy.ts'
import type { AccountTransaction, TenantTransaction } from './transactions.ts'

/** Invitations, as rows; of the token only the SHA-256 is known. All times are those of the database. */
export interface Invite {
  id: string
  email: string
  role: string
  invitedBy: string
  createdAt: Date
  expiresAt: Date
  acceptedAt: Date | null
  revokedAt: Date | null
  state: InviteState
}

export type InviteState = 'open' | 'accepted' | 'revoked' | 'expired'

const state = sql<InviteState>`case when ${invites.acceptedAt} is not null then 'accepted'
  when ${invites.revokedAt} is not null then 'revoked' when ${invites.expiresAt} <= clock_timestamp() then 'expired'
  else 'open' end`

const columns = {
  id: invites.id,
  email: invites.email,
  role: invites.role,
  invitedBy: invites.invitedBy,
  createdAt: invites.createdAt,
  expiresAt: invites.expiresAt,
  acceptedAt: invites.acceptedAt,
  revokedAt: invites.revokedAt,
  state,
}

const ofTenant = (tx: TenantTransaction) => eq(invites.tenantId, tx.tenantId)
const one = (tx: TenantTransaction, id: string) => and(ofTenant(tx), eq(invites.id, id))
const untouched: SQL | undefined = and(isNull(invites.acceptedAt), isNull(invites.revokedAt))

export interface PageOfInvites {
  after: string | undefined
  limit: number
  state?: InviteState | undefined
}

export async function selectInvites(tx: TenantTransaction, page: PageOfInvites): Promise<Invite[]> {
  const { after, limit, state: wanted } = page
  return await tx
    .select(columns)
    .from(invites)
    .where(
      and(
        ofTenant(tx),
        after === undefined ? undefined : gt(invites.id, after),
        wanted === undefined ? undefined : sql`${state} = ${wanted}`,
      ),
    )
    .orderBy(asc(invites.id))
    .limit(limit)
}

export async function selectInvite(tx: TenantTransaction, id: string): Promise<Invite | undefined> {
  const [invite] = await tx.select(columns).from(invites).where(one(tx, id))
  return invite
}

/** It stays as it is until COMMIT. */
export async function lockInvite(tx: TenantTransaction, id: string): Promise<Invite | undefined> {
  const [invite] = await tx.select(columns).from(invites).where(one(tx, id)).for('update')
  return invite
}

export interface NewInvite {
  email: string
  role: string
  invitedBy: string
  tokenHash: Buffer
  hours: number
}

/** Undefined where the address has an open one; what has expired makes room. */
export async function insertInvite(
  tx: TenantTransaction,
  { hours, ...invite }: NewInvite,
): Promise<Invite | undefined> {
  await tx
    .update(invites)
    .set({ revokedAt: sql`clock_timestamp()` })
    .where(
      and(ofTenant(tx), eq(invites.email, invite.email), untouched, lte(invites.expiresAt, sql`clock_timestamp()`)),
    )
  const [made] = await tx
    .insert(invites)
    .values({
      tenantId: tx.tenantId,
      id: newId(),
      ...invite,
      expiresAt: sql`clock_timestamp() + make_interval(hours => ${hours})`,
    })
    .onConflictDoNothing()
    .returning(columns)
  return made
}

export async function markAccepted(tx: TenantTransaction, id: string): Promise<void> {
  await tx
    .update(invites)
    .set({ acceptedAt: sql`clock_timestamp()` })
    .where(one(tx, id))
}

/** False where it was accepted or revoked before. */
export async function revokeInviteRow(tx: TenantTransaction, id: string): Promise<boolean> {
  const ended = await tx
    .update(invites)
    .set({ revokedAt: sql`clock_timestamp()` })
    .where(and(one(tx, id), untouched))
    .returning({ id: invites.id })
  return ended.length > 0
}

/** Of those who were removed: nobody comes in by the word of somebody who is gone. */
export async function revokeInvitesBy(tx: TenantTransaction, userId: string): Promise<number> {
  const ended = await tx
    .update(invites)
    .set({ revokedAt: sql`clock_timestamp()` })
    .where(and(ofTenant(tx), eq(invites.invitedBy, userId), untouched))
    .returning({ id: invites.id })
  return ended.length
}

/**
 * What is recorded of invites that API keys made. Their rows name the member whose key it was; which key it was is in the audit
 * log alone, whose entry is of the same transaction and never changes.
 */
const madeByKey = (tx: TenantTransaction) => sql`audit_log
  where tenant_id = ${tx.tenantId} and target_kind = 'invite' and action = 'invite.created' and actor_kind = 'api_key'`

/** Undefined where a person made it themselves. */
export async function keyOfInvite(tx: TenantTransaction, id: string): Promise<string | undefined> {
  const [entry] = await tx.execute<{ key: string }>(
    sql`select actor_id as key from ${madeByKey(tx)} and target_id = ${id}`,
  )
  return entry?.key
}

/** Of an API key that ends: nobody comes in by what it sent. */
export async function revokeInvitesOfKey(tx: TenantTransaction, apiKeyId: string): Promise<number> {
  const itsOwn = sql`exists (select from ${madeByKey(tx)} and target_id = ${invites.id}::text and actor_id = ${apiKeyId})`
  const ended = await tx
    .update(invites)
    .set({ revokedAt: sql`clock_timestamp()` })
    .where(and(ofTenant(tx), untouched, itsOwn))
    .returning({ id: invites.id })
  return ended.length
}

export interface InviteOfToken {
  id: string
  tenantId: string
}

/** Which invite a token is of, whatever became of it. */
export async function inviteOfToken(tx: AccountTransaction, tokenHash: Buffer): Promise<InviteOfToken | undefined> {
  const [invite] = await tx
    .select({ id: invites.id, tenantId: invites.tenantId })
    .from(invites)
    .innerJoin(tenants, eq(tenants.id, invites.tenantId))
    .where(eq(invites.tokenHash, tokenHash))
  return invite
}
