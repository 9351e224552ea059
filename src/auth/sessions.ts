import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import { Refusal } from '../refusal.ts'
import { recordAudit } from '../store/audit.ts'
import {
  endSessions,
  insertSession,
  insertSpentToken,
  isDisabled,
  lockSession,
  lockSessionByToken,
  lockSessionsOf,
  lockUserOfSession,
  sessionsInForce,
  spentToken,
  updateSession,
  type EndedBecause,
  type SessionRow,
} from '../store/sessions.ts'
import { enterTenant, type AccountTransaction } from '../store/transactions.ts'
import { hashToken, isRefreshToken, newRefreshToken, sealSuccessor, unsealSuccessor } from './refresh-token.ts'
import type { IssuedTokens, Sessions } from './sessions-contract.ts'
import type { SigningKeys } from './signing-keys.ts'
import { issueToken, type TokenSettings } from './tokens.ts'

/**
 * Logins. A session is the family of the refresh tokens that came out of one login, each good once:
 *
 * S1  A refresh gives a new token, under the session's lock: of any number at once, one makes the successor.
 * S2  Within the retry window the token before it gives the same successor again, for an answer that was lost.
 * S3  Afterwards whoever brings a used token has it from somebody else, or somebody else had it: the session ends.
 * S4  It ends by itself when it idles, and at a fixed time after the login however it is used.
 *
 * What a refresh has to end it ends in the caller's transaction, which must be committed although the answer is a refusal:
 * hence `undefined` instead of a thrown Refusal.
 */
export interface SessionLimits {
  idleDays: number
  days: number
  /** Of a login without "remember me". */
  hoursWithoutRemember: number
  retryS: number
  perUser: number
}

export interface SessionKeeperOptions {
  keys: Pick<SigningKeys, 'signer'>
  tokens: TokenSettings
  limits: SessionLimits
  clock: Clock
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

export class SessionKeeper implements Sessions {
  readonly #options: SessionKeeperOptions

  constructor(options: SessionKeeperOptions) {
    this.#options = options
  }

  async begin(tx: AccountTransaction, login: Parameters<Sessions['begin']>[1]): Promise<IssuedTokens> {
    const { limits, clock } = this.#options
    const { userId, remember } = login
    // A lock of the user: of those who log in at once each counts the others' sessions.
    if ((await lockUserOfSession(tx, userId)) === undefined) throw notSignedIn()
    const now = new Date(clock.now())
    const life = remember ? limits.days * dayMs : limits.hoursWithoutRemember * hourMs
    const expiresAt = new Date(now.getTime() + life)
    const refreshToken = newRefreshToken()
    const session = { ...login, id: newId(), refreshHash: hashToken(refreshToken), expiresAt }
    const times = { createdAt: now, lastUsedAt: now, rotatedAt: now, idleExpiresAt: this.#idleEnd(now, expiresAt) }
    await insertSession(tx, { ...session, ...times })
    await this.#endSurplus(tx, userId, now)
    return await this.#issue(tx, session, refreshToken)
  }

  /** The next tokens of the family; undefined where the token is none that is good. */
  async refresh(tx: AccountTransaction, refreshToken: string): Promise<IssuedTokens | undefined> {
    const now = new Date(this.#options.clock.now())
    const session = await this.#sessionOf(tx, refreshToken, now)
    if (session === undefined || (await isDisabled(tx, session.userId))) return undefined
    if (session.refreshHash.equals(hashToken(refreshToken)))
      return await this.#rotate(tx, { session, refreshToken, now })
    if (!this.#mayRetry(session.rotatedAt, now) || session.successorSealed === null) {
      await this.#endReused(tx, session, now)
      return undefined
    }
    const successor = unsealSuccessor(refreshToken, { sealed: session.successorSealed, sessionId: session.id })
    return successor === undefined ? undefined : await this.#issue(tx, session, successor)
  }

  /** Ends the session that a refresh token is of; of nothing else it says nothing. */
  async logout(
    tx: AccountTransaction,
    { refreshToken, requestId }: { refreshToken: string; requestId: string },
  ): Promise<void> {
    const now = new Date(this.#options.clock.now())
    const session = await this.#sessionOf(tx, refreshToken, now)
    if (session === undefined) return
    await endSessions(tx, { ids: [session.id], because: 'logout', at: now })
    await recordEnd(tx, { session, because: 'logout', requestId })
  }

  async endAll(tx: AccountTransaction, which: Parameters<Sessions['endAll']>[1]): Promise<number> {
    const ids = await lockSessionsOf(tx, which)
    const ended = await endSessions(tx, { ids, because: which.because, at: new Date(this.#options.clock.now()) })
    return ended.length
  }

  /** An access token of the session as it is now, for a change that the tokens before it do not know. */
  async accessToken(tx: AccountTransaction, sessionId: string): Promise<{ token: string; expiresIn: number }> {
    const session = await lockSession(tx, sessionId)
    if (session === undefined || session.endedAt !== null) throw notSignedIn()
    return await this.#accessToken(tx, session)
  }

  /**
   * The session of a token that is in force, or was the one before; locked. A token that was used before that ends it (S3),
   * unless that was just now: then this is a retry that came too late, and its successor is in use.
   */
  async #sessionOf(tx: AccountTransaction, refreshToken: string, now: Date): Promise<SessionRow | undefined> {
    if (!isRefreshToken(refreshToken)) return undefined
    const session = await lockSessionByToken(tx, hashToken(refreshToken))
    if (session === undefined) {
      const spent = await spentToken(tx, hashToken(refreshToken))
      if (spent === undefined || this.#mayRetry(spent.spentAt, now)) return undefined
      const family = await lockSession(tx, spent.sessionId)
      if (family !== undefined) await this.#endReused(tx, family, now)
      return undefined
    }
    if (session.endedAt !== null) return undefined
    if (session.expiresAt > now && session.idleExpiresAt > now) return session
    await endSessions(tx, { ids: [session.id], because: 'expired', at: now })
    return undefined
  }

  /** S1. */
  async #rotate(
    tx: AccountTransaction,
    { session, refreshToken, now }: { session: SessionRow; refreshToken: string; now: Date },
  ): Promise<IssuedTokens> {
    const successor = newRefreshToken()
    if (session.previousHash !== null) {
      const { id: sessionId, previousHash: tokenHash, rotatedAt: spentAt } = session
      await insertSpentToken(tx, { sessionId, tokenHash, spentAt })
    }
    await updateSession(tx, session.id, {
      refreshHash: hashToken(successor),
      previousHash: session.refreshHash,
      successorSealed: sealSuccessor(refreshToken, { successor, sessionId: session.id }),
      rotatedAt: now,
      lastUsedAt: now,
      idleExpiresAt: this.#idleEnd(now, session.expiresAt),
    })
    return await this.#issue(tx, session, successor)
  }

  /** S2. */
  #mayRetry(usedAt: Date, now: Date): boolean {
    return now.getTime() - usedAt.getTime() < this.#options.limits.retryS * 1000
  }

  /** S3. */
  async #endReused(tx: AccountTransaction, session: SessionRow, now: Date): Promise<void> {
    const ended = await endSessions(tx, { ids: [session.id], because: 'reused', at: now })
    if (ended.length > 0) await recordEnd(tx, { session, because: 'reused' })
  }

  /** S4. */
  #idleEnd(now: Date, expiresAt: Date): Date {
    return new Date(Math.min(now.getTime() + this.#options.limits.idleDays * dayMs, expiresAt.getTime()))
  }

  async #endSurplus(tx: AccountTransaction, userId: string, now: Date): Promise<void> {
    const { perUser } = this.#options.limits
    const rows = await sessionsInForce(tx, { userId, now, limit: mostInForce })
    const surplus = rows.slice(0, Math.max(0, rows.length - perUser)).map(({ id }) => id)
    await endSessions(tx, { ids: surplus, because: 'limit', at: now })
  }

  async #issue(
    tx: AccountTransaction,
    session: Pick<SessionRow, 'id' | 'userId' | 'tenantId' | 'expiresAt'>,
    refreshToken: string,
  ): Promise<IssuedTokens> {
    const { token, expiresIn } = await this.#accessToken(tx, session)
    return { sessionId: session.id, accessToken: token, refreshToken, expiresIn }
  }

  async #accessToken(
    tx: AccountTransaction,
    { id, userId, tenantId, expiresAt }: Pick<SessionRow, 'id' | 'userId' | 'tenantId' | 'expiresAt'>,
  ): Promise<{ token: string; expiresIn: number }> {
    const { keys, tokens } = this.#options
    const signer = await keys.signer(tx)
    return await issueToken({ userId, sessionId: id, tenantId }, { signer, settings: tokens, expiresBy: expiresAt })
  }
}

/** More than BAYWIRE_SESSIONS_PER_USER allows, in case that it was higher once. */
const mostInForce = 1000

export function notSignedIn(): Refusal {
  return new Refusal('unauthenticated', 'This is not signed in, or not any more.')
}

/** In the log of the tenant that the session worked in; there is none for people without one. */
export async function recordEnd(
  tx: AccountTransaction,
  {
    session: { id, userId, tenantId },
    because,
    requestId,
  }: { session: Pick<SessionRow, 'id' | 'userId' | 'tenantId'>; because: EndedBecause; requestId?: string },
): Promise<void> {
  if (tenantId === null) return
  await recordAudit(await enterTenant(tx, tenantId), {
    actor: { kind: 'user', id: userId },
    action: because === 'reused' ? 'session.reuse_detected' : 'session.ended',
    target: { kind: 'session', id },
    detail: { because },
    requestId,
  })
}
