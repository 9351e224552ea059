import type { Actor } from '../auth/principal.ts'
import { recordAudit, type AuditEntry } from '../store/audit.ts'

type What = Pick<AuditEntry, 'action' | 'target' | 'detail'>

/** Records what a verb did, by whom and in which request. The last thing that a verb does. */
export async function audited(tx: Parameters<typeof recordAudit>[0], actor: Actor, what: What): Promise<void> {
  const { principal, requestId } = actor
  const who =
    principal.kind === 'user'
      ? ({ kind: 'user', id: principal.userId } as const)
      : ({ kind: 'api_key', id: principal.apiKeyId } as const)
  await recordAudit(tx, { actor: who, ...what, requestId })
}
