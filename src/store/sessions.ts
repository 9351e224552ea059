import { and, asc, eq, gt, inArray, isNull, lt, lte, ne, or, sql } from 'drizzle-orm'
import { sessions, spentTokens, users } from './schema/accounts.ts'
import { memberships } from './schema/members.ts'
import { tenants } from './schema/tenancy.ts'
import type { AccountTransaction } from './transactions.ts'

/** Logins, as rows. What they mean is in auth/sessions.ts. */
export type SessionRow = typeof sessions.$inferSelect
export type EndedBecause = 'logout' | 'ended' | 'reused' | 'password' | 'limit' | 'disabled' | 'expired'

/** Until COMMIT no other session of this user begins. Undefined where there is no such user, or it is disabled. */
export async function lockUserOfSession(tx: AccountTransaction, userId: string): Promise<{ id: string } | undefined> {
  const [user] = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, userId), isNull(users.disabledAt)))
    .for('no key update')
  return user
}

/** Also of a user who is not there. Without a lock: who begins a session locks the user first, and sessions then. */
export async function isDisabled(tx: AccountTransaction, userId: string): Promise<boolean> {
  const rows = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, userId), isNull(users.disabledAt)))
  return rows.length === 0
}

export async function insertSession(tx: AccountTransaction, row: typeof sessions.$inferInsert): Promise<void> {
  await tx.insert(sessions).values(row)
}

/** In force: neither ended nor expired at `now`; the oldest first. */
export async function sessionsInForce(
  tx: AccountTransaction,
  { userId, now, after, limit }: { userId: string; now: Date; after?: string | undefined; limit: number },
): Promise<SessionRow[]> {
  return await tx
    .select()
    .from(sessions)
    .where(and(inForce(now), eq(sessions.userId, userId), after === undefined ? undefined : gt(sessions.id, after)))
    .orderBy(asc(sessions.id))
    .limit(limit)
}

function inForce(now: Date) {
  return and(isNull(sessions.endedAt), gt(sessions.expiresAt, now), gt(sessions.idleExpiresAt, now))
}

/**
 * The session whose token this is, or was before the last one; locked, so that of many who bring the same token one goes
 * first and the others see what it did.
 */
export async function lockSessionByToken(tx: AccountTransaction, tokenHash: Buffer): Promise<SessionRow | undefined> {
  const [row] = await tx
    .select()
    .from(sessions)
    .where(or(eq(sessions.refreshHash, tokenHash), eq(sessions.previousHash, tokenHash)))
    .for('no key update')
  return row
}

export async function lockSession(tx: AccountTransaction, sessionId: string): Promise<SessionRow | undefined> {
  const [row] = await tx.select().from(sessions).where(eq(sessions.id, sessionId)).for('no key update')
  return row
}

/** Without a lock: whoever ends sessions has locked those, in their order. */
export async function tenantOfSession(tx: AccountTransaction, sessionId: string): Promise<string | undefined> {
  const [row] = await tx.select({ tenantId: sessions.tenantId }).from(sessions).where(eq(sessions.id, sessionId))
  return row?.tenantId ?? undefined
}

export interface SpentToken {
  sessionId: string
  spentAt: Date
}

export async function spentToken(tx: AccountTransaction, tokenHash: Buffer): Promise<SpentToken | undefined> {
  const [row] = await tx
    .select({ sessionId: spentTokens.sessionId, spentAt: spentTokens.spentAt })
    .from(spentTokens)
    .where(eq(spentTokens.tokenHash, tokenHash))
  return row
}

export async function insertSpentToken(tx: AccountTransaction, row: SpentToken & { tokenHash: Buffer }): Promise<void> {
  await tx.insert(spentTokens).values(row)
}

export async function updateSession(
  tx: AccountTransaction,
  sessionId: string,
  fields: Partial<Omit<SessionRow, 'id' | 'userId' | 'endedAt' | 'endedBecause'>>,
): Promise<void> {
  await tx.update(sessions).set(fields).where(eq(sessions.id, sessionId))
}

/** Ends those of them that have not ended; returns which. */
export async function endSessions(
  tx: AccountTransaction,
  { ids, because, at }: { ids: readonly string[]; because: EndedBecause; at: Date },
): Promise<string[]> {
  // Even an UPDATE of no row would tell every process to look again.
  if (ids.length === 0) return []
  const ended = await tx
    .update(sessions)
    .set({ endedAt: at, endedBecause: because })
    .where(and(inArray(sessions.id, [...ids]), isNull(sessions.endedAt)))
    .returning({ id: sessions.id })
  return ended.map(({ id }) => id)
}

/** Of a user, locked in one order; `except` is left out. */
export async function lockSessionsOf(
  tx: AccountTransaction,
  { userId, except }: { userId: string; except?: string | undefined },
): Promise<string[]> {
  const others = except === undefined ? undefined : ne(sessions.id, except)
  const rows = await tx
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), isNull(sessions.endedAt), others))
    .orderBy(asc(sessions.id))
    .for('no key update')
  return rows.map(({ id }) => id)
}

/** At most `limit` that ended or expired before `before`, and all tokens of theirs. Returns how many. */
export async function deleteOldSessions(
  tx: AccountTransaction,
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  const old = tx
    .select({ id: sessions.id })
    .from(sessions)
    .where(or(lt(sessions.endedAt, before), lt(sessions.expiresAt, before), lt(sessions.idleExpiresAt, before)))
    .limit(limit)
    .for('update', { skipLocked: true })
  const deleted = await tx.delete(sessions).where(inArray(sessions.id, old)).returning({ id: sessions.id })
  return deleted.length
}

/** Whether the user may work in the tenant: a member of it, and it is not suspended. */
export async function mayEnter(
  tx: AccountTransaction,
  { userId, tenantId }: { userId: string; tenantId: string },
): Promise<boolean> {
  const rows = await tx
    .select({ one: sql`1` })
    .from(memberships)
    .innerJoin(tenants, eq(tenants.id, memberships.tenantId))
    .where(and(eq(memberships.userId, userId), eq(memberships.tenantId, tenantId), isNull(tenants.suspendedAt)))
  return rows.length > 0
}

/** Only if it was not done within the last minute: by the one column, whatever else changes meanwhile. */
export async function noteSessionUse(
  tx: AccountTransaction,
  { sessionId, at, unlessAfter }: { sessionId: string; at: Date; unlessAfter: Date },
): Promise<void> {
  await tx
    .update(sessions)
    .set({ lastUsedAt: at })
    .where(and(eq(sessions.id, sessionId), lte(sessions.lastUsedAt, unlessAfter)))
}
