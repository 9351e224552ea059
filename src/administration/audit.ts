import { requirePermission, type Actor } from '../auth/principal.ts'
import { auditEntries, type AuditFilter, type RecordedEntry } from '../store/audit.ts'
import type { TenantTransaction } from '../store/transactions.ts'

/** What was done in the actor's tenant, the newest first. */
export async function listAudit(
  tx: TenantTransaction,
  actor: Actor,
  page: { filter: AuditFilter; before: number | undefined; limit: number },
): Promise<RecordedEntry[]> {
  requirePermission(actor, 'audit:read')
  return await auditEntries(tx, page)
}
