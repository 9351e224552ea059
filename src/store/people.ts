import { asc, eq, isNull, sql } from 'drizzle-orm'
import { sessions, users } from './schema/accounts.ts'
import { memberships } from './schema/members.ts'
import { tenants } from './schema/tenancy.ts'
import type { AccountTransaction } from './transactions.ts'

/** People as whoever operates the installation sees and changes them. */
export interface ListedPerson {
  id: string
  email: string
  name: string
  verified: boolean
  disabled: boolean
  administrator: boolean
  tenants: { slug: string; role: string }[]
}

export async function listPeople(
  tx: AccountTransaction,
  { slug }: { slug?: string | undefined },
): Promise<ListedPerson[]> {
  // Drizzle names a column of a single table without its table: inside of a subquery that would be another one.
  const belongings = sql<ListedPerson['tenants']>`coalesce((
    select jsonb_agg(jsonb_build_object('slug', t.slug, 'role', m.role) order by t.slug)
    from ${memberships} m join ${tenants} t on t.id = m.tenant_id where m.user_id = users.id), '[]')`
  const inTenant = sql`exists (
    select from ${memberships} m join ${tenants} t on t.id = m.tenant_id
    where m.user_id = users.id and t.slug = ${slug})`
  return await tx
    .select({
      id: users.id,
      email: users.email,
      name: users.name,
      verified: sql`${users.emailVerifiedAt} is not null`.mapWith(Boolean),
      disabled: sql`${users.disabledAt} is not null`.mapWith(Boolean),
      administrator: users.platformAdministrator,
      tenants: belongings,
    })
    .from(users)
    .where(slug === undefined ? undefined : inTenant)
    .orderBy(asc(users.email))
}

/** What only a command changes about somebody. */
export interface PersonChange {
  disabled?: boolean
  administrator?: boolean
  mustChangePassword?: boolean
}

export async function changePerson(tx: AccountTransaction, userId: string, change: PersonChange): Promise<void> {
  const { disabled, administrator, mustChangePassword } = change
  await tx
    .update(users)
    .set({
      ...(disabled === undefined ? {} : { disabledAt: disabled ? sql`coalesce(${users.disabledAt}, now())` : null }),
      ...(administrator === undefined ? {} : { platformAdministrator: administrator }),
      ...(mustChangePassword === undefined ? {} : { mustChangePassword }),
      revision: sql`${users.revision} + 1`,
      updatedAt: sql`now()`,
    })
    .where(eq(users.id, userId))
}

export async function endSessionsOf(
  tx: AccountTransaction,
  { userId, because }: { userId: string; because: string },
): Promise<number> {
  const ended = await tx
    .update(sessions)
    .set({ endedAt: sql`now()`, endedBecause: because })
    .where(sql`${eq(sessions.userId, userId)} and ${isNull(sessions.endedAt)}`)
    .returning({ id: sessions.id })
  return ended.length
}

export async function tenantIdOf(tx: AccountTransaction, slug: string): Promise<string | undefined> {
  const [tenant] = await tx.select({ id: tenants.id }).from(tenants).where(eq(tenants.slug, slug))
  return tenant?.id
}
