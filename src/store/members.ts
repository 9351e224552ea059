import { and, asc, eq, gt, sql } from 'drizzle-orm'
import { users } from './schema/accounts.ts'
import { apiKeys, memberships } from './schema/members.ts'
import type { TenantTransaction } from './transactions.ts'

/** Who belongs to a tenant, with the name and address that its own members see. */
export interface Member {
  /** Of the user. */
  id: string
  name: string
  email: string
  role: string
  disabledAt: Date | null
  revision: number
  createdAt: Date
}

const columns = {
  id: memberships.userId,
  name: users.name,
  email: users.email,
  role: memberships.role,
  disabledAt: users.disabledAt,
  revision: memberships.revision,
  createdAt: memberships.createdAt,
}

const ofTenant = (tx: TenantTransaction) => eq(memberships.tenantId, tx.tenantId)
const one = (tx: TenantTransaction, userId: string) => and(ofTenant(tx), eq(memberships.userId, userId))

export interface PageOfMembers {
  after: string | undefined
  limit: number
  role?: string | undefined
}

export async function selectMembers(tx: TenantTransaction, { after, limit, role }: PageOfMembers): Promise<Member[]> {
  return await tx
    .select(columns)
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(
      and(
        ofTenant(tx),
        after === undefined ? undefined : gt(memberships.userId, after),
        role === undefined ? undefined : eq(memberships.role, role),
      ),
    )
    .orderBy(asc(memberships.userId))
    .limit(limit)
}

export async function selectMember(tx: TenantTransaction, userId: string): Promise<Member | undefined> {
  const [member] = await tx
    .select(columns)
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(one(tx, userId))
  return member
}

export interface LockedMember {
  userId: string
  role: string
  revision: number
  disabledAt: Date | null
}

/**
 * All memberships of the tenant, as they stay until COMMIT: what is decided by who else belongs to it, and as what, is
 * decided by one after the other. In one order, so that two of them never wait for each other.
 */
export async function lockMembers(tx: TenantTransaction): Promise<Map<string, LockedMember>> {
  const rows = await tx
    .select({
      userId: memberships.userId,
      role: memberships.role,
      revision: memberships.revision,
      disabledAt: users.disabledAt,
    })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(ofTenant(tx))
    .orderBy(asc(memberships.userId))
    .for('update', { of: memberships })
  return new Map(rows.map((row) => [row.userId, row]))
}

/** False where they belong to it already. */
export async function insertMember(
  tx: TenantTransaction,
  { userId, role }: { userId: string; role: string },
): Promise<boolean> {
  const made = await tx
    .insert(memberships)
    .values({ tenantId: tx.tenantId, userId, role })
    .onConflictDoNothing()
    .returning({ userId: memberships.userId })
  return made.length > 0
}

export async function updateMemberRole(
  tx: TenantTransaction,
  { userId, role }: { userId: string; role: string },
): Promise<void> {
  await tx
    .update(memberships)
    .set({ role, revision: sql`${memberships.revision} + 1` })
    .where(one(tx, userId))
}

/** A trigger revokes the API keys that they made. */
export async function deleteMember(tx: TenantTransaction, userId: string): Promise<void> {
  await tx.delete(memberships).where(one(tx, userId))
}

/** The member whose rights an API key has. */
export async function makerOfKey(tx: TenantTransaction, apiKeyId: string): Promise<string | undefined> {
  const [key] = await tx
    .select({ userId: apiKeys.createdBy })
    .from(apiKeys)
    .where(and(eq(apiKeys.tenantId, tx.tenantId), eq(apiKeys.id, apiKeyId)))
  return key?.userId
}

export async function isMemberByEmail(tx: TenantTransaction, email: string): Promise<boolean> {
  const rows = await tx
    .select({ userId: memberships.userId })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(and(ofTenant(tx), eq(users.email, email)))
  return rows.length > 0
}
