import { and, eq, isNull, sql } from 'drizzle-orm'
import { users } from './schema/accounts.ts'
import { memberships } from './schema/members.ts'
import { tenants } from './schema/tenancy.ts'
import type { AccountTransaction } from './transactions.ts'

/** People, as rows. An address is given in its one form. */
export interface User {
  id: string
  email: string
  name: string
  emailVerifiedAt: Date | null
  disabledAt: Date | null
  platformAdministrator: boolean
  mustChangePassword: boolean
  revision: number
  createdAt: Date
}

const columns = {
  id: users.id,
  email: users.email,
  name: users.name,
  emailVerifiedAt: users.emailVerifiedAt,
  disabledAt: users.disabledAt,
  platformAdministrator: users.platformAdministrator,
  mustChangePassword: users.mustChangePassword,
  revision: users.revision,
  createdAt: users.createdAt,
}

export async function userByEmail(tx: AccountTransaction, email: string): Promise<User | undefined> {
  const [user] = await tx.select(columns).from(users).where(eq(users.email, email))
  return user
}

export async function userById(tx: AccountTransaction, id: string): Promise<User | undefined> {
  const [user] = await tx.select(columns).from(users).where(eq(users.id, id))
  return user
}

export interface NewUser {
  id: string
  email: string
  name: string
  verified: boolean
}

/** False where the address is taken. */
export async function insertUser(tx: AccountTransaction, { id, email, name, verified }: NewUser): Promise<boolean> {
  const made = await tx
    .insert(users)
    .values({ id, email, name, emailVerifiedAt: verified ? sql`now()` : null })
    .onConflictDoNothing({ target: users.email })
    .returning({ id: users.id })
  return made.length > 0
}

/** Undefined where the revision is not the expected one. */
export async function renameUser(
  tx: AccountTransaction,
  { id, name, revision }: { id: string; name: string; revision: number },
): Promise<User | undefined> {
  const [user] = await tx
    .update(users)
    .set({ name, revision: revision + 1, updatedAt: sql`now()` })
    .where(and(eq(users.id, id), eq(users.revision, revision)))
    .returning(columns)
  return user
}

/** False where it was verified before, or is another address by now. */
export async function markVerified(
  tx: AccountTransaction,
  { id, email }: { id: string; email: string },
): Promise<boolean> {
  const changed = await tx
    .update(users)
    .set({ emailVerifiedAt: sql`now()`, updatedAt: sql`now()`, revision: sql`${users.revision} + 1` })
    .where(and(eq(users.id, id), eq(users.email, email), isNull(users.emailVerifiedAt)))
    .returning({ id: users.id })
  return changed.length > 0
}

export async function clearMustChange(tx: AccountTransaction, id: string): Promise<void> {
  await tx
    .update(users)
    .set({ mustChangePassword: false, updatedAt: sql`now()` })
    .where(and(eq(users.id, id), eq(users.mustChangePassword, true)))
}

export interface Belonging {
  tenantId: string
  slug: string
  name: string
  role: string
  suspended: boolean
  passwordRules: unknown
}

/** Where somebody belongs, the oldest first. */
export async function belongingsOf(tx: AccountTransaction, userId: string): Promise<Belonging[]> {
  return await tx
    .select({
      tenantId: memberships.tenantId,
      slug: tenants.slug,
      name: tenants.name,
      role: memberships.role,
      suspended: sql`${tenants.suspendedAt} is not null`.mapWith(Boolean),
      passwordRules: tenants.passwordRules,
    })
    .from(memberships)
    .innerJoin(tenants, eq(tenants.id, memberships.tenantId))
    .where(eq(memberships.userId, userId))
    .orderBy(memberships.createdAt, memberships.tenantId)
}
