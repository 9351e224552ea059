import type { AuditEntry } from '../store/audit.ts'
import type { Actor } from './principal.ts'

/** Who acted, as the audit log names them. */
export function auditActor({ principal }: Pick<Actor, 'principal'>): AuditEntry['actor'] {
  return principal.kind === 'user'
    ? { kind: 'user', id: principal.userId }
    : { kind: 'api_key', id: principal.apiKeyId }
}
