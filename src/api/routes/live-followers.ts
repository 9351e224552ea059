import type { Authenticator } from '../../auth/authenticator.ts'
import type { Permission } from '../../auth/permissions.ts'
import { requirePermission, type Principal } from '../../auth/principal.ts'
import type { Live } from '../../live/live.ts'
import type { Follower } from '../../live/streams.ts'
import type { TicketHolder } from '../../live/tickets.ts'
import { Refusal } from '../../refusal.ts'
import type { SignedInOptions } from '../signed-in.ts'

export interface LiveRoutesOptions extends SignedInOptions {
  authenticator: Pick<Authenticator, 'again'>
  live: Live
  /** Of pages that may open a WebSocket. */
  origins: readonly string[]
}

export function followerOf(principal: Principal, tenantId: string): Follower {
  return principal.kind === 'user'
    ? { tenantId, kind: 'user', id: principal.userId }
    : { tenantId, kind: 'api_key', id: principal.apiKeyId }
}

/** Whether they may still follow this tenant, and what needs this permission, as often as it is asked. Rejects where that cannot be found out. */
export function mayFollow(
  principal: Principal,
  { authenticator }: Pick<LiveRoutesOptions, 'authenticator'>,
  permission: Permission = 'places:read',
): () => Promise<boolean> {
  return async () => {
    try {
      const now = await authenticator.again?.(principal)
      if (now === undefined || now.tenant?.id !== principal.tenant?.id) return false
      requirePermission({ principal: now }, permission)
      return true
    } catch (error) {
      if (error instanceof Refusal) return false
      throw error
    }
  }
}

export function holderOf(principal: Principal): TicketHolder {
  const ends = principal.expiresAt === undefined ? {} : { expiresAt: principal.expiresAt }
  if (principal.kind === 'api_key') return { kind: 'api_key', apiKeyId: principal.apiKeyId, ...ends }
  const { userId, sessionId, readOnly = false } = principal
  return { kind: 'user', userId, sessionId, readOnly, ...ends }
}

/** Somebody to be asked for again: what they may do is not in a ticket. */
export function principalOf(holder: TicketHolder, tenantId: string): Principal {
  const ends = holder.expiresAt === undefined ? {} : { expiresAt: holder.expiresAt }
  const tenant = { id: tenantId, role: 'driver' } as const
  if (holder.kind === 'api_key') return { kind: 'api_key', apiKeyId: holder.apiKeyId, tenant, scopes: [], ...ends }
  const { userId, sessionId, readOnly = false } = holder
  return { kind: 'user', userId, sessionId, tenant, platformAdministrator: false, readOnly, ...ends }
}
