import { sql } from 'drizzle-orm'
import type { TenantTransaction, TenantWriterTransaction } from './transactions.ts'

/** Something that was done in a tenant. Nothing secret and no personal data is part of it. */
export interface AuditEntry {
  actor: { kind: 'user' | 'api_key' | 'command' | 'system'; id: string }
  /** Of the trade, in the past tense: `site.created`, `device.secret_rotated`. */
  action: string
  target: { kind: string; id: string }
  /** What changed. */
  detail?: Record<string, unknown>
  requestId?: string | undefined
}

/**
 * Adds to the tenant's audit log, in the transaction of what it records. To be called last: it locks the end of the
 * tenant's chain until COMMIT. Number, time and hashes are given by the database.
 */
export async function recordAudit(tx: TenantTransaction | TenantWriterTransaction, entry: AuditEntry): Promise<void> {
  const { actor, action, target, detail = {}, requestId = null } = entry
  const written = JSON.stringify(detail)
  if (typeof tx === 'function') {
    await tx`
      insert into audit_log (tenant_id, actor_kind, actor_id, action, target_kind, target_id, detail, request_id)
      values (${tx.tenantId}, ${actor.kind}, ${actor.id}, ${action}, ${target.kind}, ${target.id},
        ${written}::text::jsonb, ${requestId})`
    return
  }
  await tx.execute(sql`
    insert into audit_log (tenant_id, actor_kind, actor_id, action, target_kind, target_id, detail, request_id)
    values (${tx.tenantId}, ${actor.kind}, ${actor.id}, ${action}, ${target.kind}, ${target.id},
      ${written}::jsonb, ${requestId})`)
}
