import { sql } from 'drizzle-orm'
import type { TenantTransaction } from './transactions.ts'

/** The slug of the transaction's own tenant: usernames and commands begin with it. */
export async function slugOf(tx: TenantTransaction): Promise<string> {
  const [tenant] = await tx.execute<{ slug: string }>(sql`select slug from tenants where id = ${tx.tenantId}`)
  if (tenant === undefined) throw new Error('the tenant of a transaction is not there')
  return tenant.slug
}
