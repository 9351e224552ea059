import type { Clock } from '../clock.ts'
import { Refusal } from '../refusal.ts'
import { recordAudit } from '../store/audit.ts'
import {
  endSessions,
  lockSession,
  lockSessionsOf,
  mayEnter,
  sessionsInForce,
  tenantOfSession,
  updateSession,
  type SessionRow,
} from '../store/sessions.ts'
import { enterTenant, type AccountTransaction } from '../store/transactions.ts'
import type { Principal, UserPrincipal } from './principal.ts'
import { notSignedIn, recordEnd, type SessionKeeper } from './sessions.ts'

/** What people do with their own sessions. Whose they are is said by the one that is held, and never by the request. */
export interface Self {
  principal: UserPrincipal
  requestId: string
  clock: Clock
}

/** @throws Refusal `forbidden` for API keys, which have no sessions */
export function requirePerson(principal: Principal): UserPrincipal {
  if (principal.kind === 'user') return principal
  throw new Refusal('forbidden', 'An API key has no account: this is for people.')
}

export async function ownSessions(
  tx: AccountTransaction,
  { principal, clock }: Self,
  page: { after: string | undefined; limit: number },
): Promise<SessionRow[]> {
  return await sessionsInForce(tx, { userId: principal.userId, now: new Date(clock.now()), ...page })
}

export async function endOwnSession(
  tx: AccountTransaction,
  { principal, requestId, clock }: Self,
  sessionId: string,
): Promise<void> {
  const session = await lockSession(tx, sessionId)
  // Somebody else's is as unknown as one that was never there, and as one that has ended.
  if (session === undefined || session.userId !== principal.userId || session.endedAt !== null) throw unknownSession()
  await endSessions(tx, { ids: [sessionId], because: 'ended', at: new Date(clock.now()) })
  await recordEnd(tx, { session, because: 'ended', requestId })
}

/** All of them, or all but the one that asks. Returns how many there were. */
export async function endOwnSessions(
  tx: AccountTransaction,
  { principal, requestId, clock }: Self,
  { keepCurrent }: { keepCurrent: boolean },
): Promise<number> {
  const { userId, sessionId } = principal
  const ids = await lockSessionsOf(tx, { userId, except: keepCurrent ? sessionId : undefined })
  const ended = await endSessions(tx, { ids, because: 'ended', at: new Date(clock.now()) })
  const tenantId = await tenantOfSession(tx, sessionId)
  if (ended.length > 0 && tenantId !== undefined) {
    await recordAudit(await enterTenant(tx, tenantId), {
      actor: { kind: 'user', id: userId },
      action: 'session.ended',
      target: { kind: 'user', id: userId },
      detail: { because: 'ended', sessions: ended },
      requestId,
    })
  }
  return ended.length
}

/**
 * Goes on to another tenant that the user belongs to. The refresh token stays as it is, so an answer that was lost costs
 * nothing: whoever refreshes gets tokens of the new tenant. Access tokens of before are not taken any more.
 */
export async function switchTenant(
  tx: AccountTransaction,
  { principal: { userId, sessionId }, requestId }: Self,
  { tenantId, sessions }: { tenantId: string; sessions: Pick<SessionKeeper, 'accessToken'> },
): Promise<{ token: string; expiresIn: number }> {
  if (!(await mayEnter(tx, { userId, tenantId }))) {
    throw new Refusal('not_found', 'You belong to no such tenant.')
  }
  const session = await lockSession(tx, sessionId)
  if (session === undefined || session.endedAt !== null) throw notSignedIn()
  if (session.tenantId !== tenantId) await updateSession(tx, sessionId, { tenantId })
  const issued = await sessions.accessToken(tx, sessionId)
  if (session.tenantId !== tenantId) {
    await recordAudit(await enterTenant(tx, tenantId), {
      actor: { kind: 'user', id: userId },
      action: 'session.entered_tenant',
      target: { kind: 'session', id: sessionId },
      requestId,
    })
  }
  return issued
}

function unknownSession(): Refusal {
  return new Refusal('not_found', 'There is nothing at this URL.')
}
