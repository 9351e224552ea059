import { sql } from 'drizzle-orm'
import type { AccountTransaction, TenantTransaction, TenantWriterTransaction } from './transactions.ts'

const actorKinds = ['user', 'api_key', 'command', 'system'] as const
export type ActorKind = (typeof actorKinds)[number]

/** Something that was done in a tenant. Nothing secret and no personal data is part of it. */
export interface AuditEntry {
  actor: { kind: ActorKind; id: string }
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

export interface RecordedEntry {
  readonly seq: number
  readonly at: Date
  readonly actorKind: ActorKind
  readonly actorId: string
  readonly action: string
  readonly targetKind: string
  readonly targetId: string
  readonly detail: Record<string, unknown>
  readonly requestId: string | null
  readonly hash: string
}

export interface AuditFilter {
  actorKind?: ActorKind | undefined
  actorId?: string | undefined
  action?: string | undefined
  targetKind?: string | undefined
  targetId?: string | undefined
  since?: Date | undefined
  until?: Date | undefined
}

interface Row extends Record<string, unknown> {
  seq: string | number
  at_ms: string | number
  actor_kind: ActorKind
  actor_id: string
  action: string
  target_kind: string
  target_id: string
  detail: string
  request_id: string | null
  hash: string
}

/** The newest first. */
export async function auditEntries(
  tx: TenantTransaction,
  { filter, before, limit }: { filter: AuditFilter; before: number | undefined; limit: number },
): Promise<RecordedEntry[]> {
  const conditions = [
    sql`tenant_id = ${tx.tenantId}`,
    ...(before === undefined ? [] : [sql`seq < ${before}`]),
    ...(filter.actorKind === undefined ? [] : [sql`actor_kind = ${filter.actorKind}`]),
    ...(filter.actorId === undefined ? [] : [sql`actor_id = ${filter.actorId}`]),
    ...(filter.action === undefined ? [] : [sql`action = ${filter.action}`]),
    ...(filter.targetKind === undefined ? [] : [sql`target_kind = ${filter.targetKind}`]),
    ...(filter.targetId === undefined ? [] : [sql`target_id = ${filter.targetId}`]),
    ...(filter.since === undefined ? [] : [sql`at >= ${filter.since.toISOString()}::timestamptz`]),
    ...(filter.until === undefined ? [] : [sql`at < ${filter.until.toISOString()}::timestamptz`]),
  ]
  const rows = await tx.execute<Row>(sql`
    select seq, floor(extract(epoch from at) * 1000)::bigint as at_ms, actor_kind, actor_id, action, target_kind,
      target_id, detail::text as detail, request_id, encode(hash, 'hex') as hash
    from audit_log where ${sql.join(conditions, sql` and `)} order by seq desc limit ${limit}`)
  return rows.map((row) => ({
    seq: Number(row.seq),
    at: new Date(Number(row.at_ms)),
    actorKind: row.actor_kind,
    actorId: row.actor_id,
    action: row.action,
    targetKind: row.target_kind,
    targetId: row.target_id,
    detail: JSON.parse(row.detail) as Record<string, unknown>,
    requestId: row.request_id,
    hash: row.hash,
  }))
}

/** The tenants that are, and the erased ones of which a chain is left. */
export async function auditedTenants(tx: AccountTransaction): Promise<{ tenantId: string; slug: string | null }[]> {
  const rows = await tx.execute<{ tenant_id: string; slug: string | null }>(sql`
    select coalesce(t.id, h.tenant_id) as tenant_id, t.slug
    from tenants t full join audit_heads h on h.tenant_id = t.id order by t.slug nulls last, 1`)
  return rows.map((row) => ({ tenantId: row.tenant_id, slug: row.slug }))
}
