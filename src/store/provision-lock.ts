import { sql } from 'drizzle-orm'
import type { TenantTransaction } from './transactions.ts'

/**
 * Whatever makes places, devices or credentials of a tenant holds this lock until COMMIT: two that run at once
 * then see each other's rows instead of waiting for them row by row. It is taken before any row's lock.
 */
export async function lockProvisioning(tx: TenantTransaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext('baywire.provision'), hashtext(${tx.tenantId}))`)
}
