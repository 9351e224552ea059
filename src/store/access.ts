import { and, eq, inArray, isNull, type SQL } from 'drizzle-orm'
import { sessions, users } from './schema/accounts.ts'
import { apiKeys, memberships } from './schema/members.ts'
import { tenants } from './schema/tenancy.ts'
import type { AccountTransaction } from './transactions.ts'

/** What holds now of those who show a token or a key: many of them in one query. */
export interface SessionAccess {
  id: string
  userId: string
  platformAdministrator: boolean
  tenantId: string | null
  /** Null where the user is no member of it. */
  role: string | null
  tenantSuspendedAt: Date | null
  expiresAt: Date
}

/** Of the sessions that have not ended, of users who are not disabled. */
export async function sessionAccess(tx: AccountTransaction, ids: readonly string[]): Promise<SessionAccess[]> {
  return await tx
    .select({
      id: sessions.id,
      userId: sessions.userId,
      platformAdministrator: users.platformAdministrator,
      tenantId: sessions.tenantId,
      role: memberships.role,
      tenantSuspendedAt: tenants.suspendedAt,
      expiresAt: sessions.expiresAt,
    })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .leftJoin(memberships, and(eq(memberships.tenantId, sessions.tenantId), eq(memberships.userId, sessions.userId)))
    .leftJoin(tenants, eq(tenants.id, sessions.tenantId))
    .where(and(inArray(sessions.id, [...ids]), isNull(sessions.endedAt), isNull(users.disabledAt)))
}

export interface ApiKeyAccess {
  id: string
  keyHash: Buffer
  tenantId: string
  /** Of its maker. */
  role: string
  scopes: string[]
  expiresAt: Date | null
}

/** Of the keys that are not revoked, whose makers are members and not disabled, of tenants that are not suspended. */
export async function apiKeyAccess(tx: AccountTransaction, hashes: readonly Buffer[]): Promise<ApiKeyAccess[]> {
  return await apiKeysInForce(tx, inArray(apiKeys.keyHash, [...hashes]))
}

/** The same of keys that were shown before. */
export async function apiKeyAccessById(tx: AccountTransaction, ids: readonly string[]): Promise<ApiKeyAccess[]> {
  return await apiKeysInForce(tx, inArray(apiKeys.id, [...ids]))
}

async function apiKeysInForce(tx: AccountTransaction, which: SQL): Promise<ApiKeyAccess[]> {
  return await tx
    .select({
      id: apiKeys.id,
      keyHash: apiKeys.keyHash,
      tenantId: apiKeys.tenantId,
      role: memberships.role,
      scopes: apiKeys.scopes,
      expiresAt: apiKeys.expiresAt,
    })
    .from(apiKeys)
    .innerJoin(memberships, and(eq(memberships.tenantId, apiKeys.tenantId), eq(memberships.userId, apiKeys.createdBy)))
    .innerJoin(users, eq(users.id, apiKeys.createdBy))
    .innerJoin(tenants, eq(tenants.id, apiKeys.tenantId))
    .where(and(which, isNull(apiKeys.revokedAt), isNull(users.disabledAt), isNull(tenants.suspendedAt)))
}

export async function tenantExists(tx: AccountTransaction, tenantId: string): Promise<boolean> {
  const rows = await tx.select({ id: tenants.id }).from(tenants).where(eq(tenants.id, tenantId))
  return rows.length > 0
}

/** A trigger says here whenever something that access depends on has changed; it says nothing else. */
export const accessChannel = 'baywire_access'
