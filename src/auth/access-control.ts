import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { Refusal } from '../refusal.ts'
import {
  apiKeyAccess,
  apiKeyAccessById,
  sessionAccess,
  type ApiKeyAccess,
  type SessionAccess,
} from '../store/access.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import { AccessCache } from './access-cache.ts'
import { hashApiKey, isApiKey } from './api-key-text.ts'
import type { Authenticator, RequestDetails } from './authenticator.ts'
import { LastUse } from './last-use.ts'
import { LookInto } from './look-into.ts'
import { permissions, roleHas, type Permission, type Role } from './permissions.ts'
import type { ApiKeyPrincipal, Principal, UserPrincipal } from './principal.ts'
import type { PublishedKeys } from './published-keys.ts'
import { verifyToken, type TokenSettings, type VerifiedClaims } from './tokens.ts'

export interface AccessControlOptions {
  /** A client of its own: requests that hold all connections of the API's do not keep others from being recognised. */
  tenants: Pick<TenantDatabase, 'withAccounts' | 'withTenant'>
  keys: Pick<PublishedKeys, 'verifier'>
  tokens: TokenSettings
  clock: Clock
  log: Log
  /** For how long what was read of sessions, roles and keys is good. */
  holdMs?: number
  elapsed?: () => number
}

/** Nothing that was revoked is accepted later than this after. */
export const accessHoldMs = 2000

/**
 * Tells who asks. A token says whose it is, and a key is known by its hash; what they may do is what the database says, not
 * longer ago than `holdMs`: whether the session has ended, the user is disabled, the membership has another role, the tenant
 * is suspended, the key is revoked. While the database cannot be asked nobody is let in on what it once said.
 */
export class AccessControl implements Authenticator {
  readonly #options: AccessControlOptions
  readonly #sessions: AccessCache<SessionAccess>
  readonly #apiKeys: AccessCache<ApiKeyAccess>
  readonly #apiKeysById: AccessCache<ApiKeyAccess>
  readonly #lastUse: LastUse
  readonly #lookInto: LookInto

  constructor(options: AccessControlOptions) {
    const { tenants, holdMs = accessHoldMs, elapsed = () => performance.now() } = options
    this.#options = options
    this.#lastUse = new LastUse(options)
    this.#lookInto = new LookInto(options)
    this.#sessions = new AccessCache({
      load: async (ids) => {
        const rows = await tenants.withAccounts((tx) => sessionAccess(tx, ids))
        return new Map(rows.map((row) => [row.id, row]))
      },
      holdMs,
      elapsed,
    })
    this.#apiKeys = new AccessCache({
      load: async (hashes) => {
        const buffers = hashes.map((hash) => Buffer.from(hash, 'hex'))
        const rows = await tenants.withAccounts((tx) => apiKeyAccess(tx, buffers))
        return new Map(rows.map((row) => [row.keyHash.toString('hex'), row]))
      },
      holdMs,
      elapsed,
    })
    this.#apiKeysById = new AccessCache({
      load: async (ids) => {
        const rows = await tenants.withAccounts((tx) => apiKeyAccessById(tx, ids))
        return new Map(rows.map((row) => [row.id, row]))
      },
      holdMs,
      elapsed,
    })
  }

  async authenticate(authorization: string | undefined, details: RequestDetails = {}): Promise<Principal> {
    const credential = bearerOf(authorization)
    if (credential.startsWith('bw_')) return this.#withoutLook(await this.#byApiKey(credential), details)
    const claims = await verifyToken(credential, { keys: this.#options.keys, settings: this.#options.tokens })
    if (claims === undefined) throw unauthenticated()
    const principal = await this.#bySession(claims)
    if (details.lookInto === undefined) return principal
    return await this.#lookInto.principal(principal, { tenantId: details.lookInto, requestId: details.requestId })
  }

  async again(principal: Principal): Promise<Principal> {
    const { expiresAt = Number.POSITIVE_INFINITY } = principal
    if (expiresAt <= this.#options.clock.now()) throw unauthenticated()
    if (principal.kind === 'api_key') return this.#ofKey(await this.#apiKeysById.get(principal.apiKeyId))
    const { userId, sessionId, tenant, readOnly } = principal
    // Whoever looks in from outside works in another tenant than their session, or in none.
    if (readOnly !== true) return await this.#bySession({ userId, sessionId, tenantId: tenant?.id ?? null, expiresAt })
    const looking = await this.#sessionOf({ userId, sessionId, expiresAt })
    if (tenant === undefined) throw unauthenticated()
    return await this.#lookInto.principal(looking, { tenantId: tenant.id })
  }

  invalidate(): void {
    this.#sessions.invalidate()
    this.#apiKeys.invalidate()
    this.#apiKeysById.invalidate()
  }

  /** When all last uses are written. */
  async settled(): Promise<void> {
    await this.#lastUse.settled()
  }

  async #bySession({ tenantId, ...claims }: VerifiedClaims): Promise<UserPrincipal> {
    const access = await this.#accessOf(claims)
    // The session went on to another tenant: a token of before would be at work in one that nobody means any more.
    if (access.tenantId !== tenantId) throw unauthenticated()
    return principalOf(access, claims)
  }

  /** Whatever tenant the session works in. */
  async #sessionOf(claims: SessionClaims): Promise<UserPrincipal> {
    return principalOf(await this.#accessOf(claims), claims)
  }

  async #accessOf({ userId, sessionId }: SessionClaims): Promise<SessionAccess> {
    const access = await this.#sessions.get(sessionId)
    if (access === undefined || access.userId !== userId || access.expiresAt.getTime() <= this.#options.clock.now()) {
      throw unauthenticated()
    }
    this.#lastUse.note({ kind: 'session', id: sessionId })
    return access
  }

  async #byApiKey(key: string): Promise<ApiKeyPrincipal> {
    return this.#ofKey(isApiKey(key) ? await this.#apiKeys.get(hashApiKey(key).toString('hex')) : undefined)
  }

  #ofKey(access: ApiKeyAccess | undefined): ApiKeyPrincipal {
    if (access === undefined) throw unauthenticated()
    const { id, tenantId, expiresAt } = access
    if (expiresAt !== null && expiresAt.getTime() <= this.#options.clock.now()) throw unauthenticated()
    this.#lastUse.note({ kind: 'api_key', id, tenantId })
    const role = access.role as Role
    const scopes = access.scopes.filter((scope): scope is Permission => isPermission(scope) && roleHas(role, scope))
    const ends = expiresAt === null ? {} : { expiresAt: expiresAt.getTime() }
    return { kind: 'api_key', apiKeyId: id, tenant: { id: tenantId, role }, scopes, ...ends }
  }

  #withoutLook(principal: ApiKeyPrincipal, { lookInto }: RequestDetails): ApiKeyPrincipal {
    if (lookInto === undefined) return principal
    throw new Refusal('forbidden', 'X-Baywire-Tenant is for platform administrators.')
  }
}

type SessionClaims = Omit<VerifiedClaims, 'tenantId'>

function principalOf(access: SessionAccess, { userId, sessionId, expiresAt }: SessionClaims): UserPrincipal {
  const { platformAdministrator } = access
  return { kind: 'user', userId, sessionId, tenant: tenantOf(access), platformAdministrator, expiresAt }
}

/** A member of a tenant that is not suspended works in it; anybody else is signed in, and nowhere. */
function tenantOf({ tenantId, role, tenantSuspendedAt }: SessionAccess): UserPrincipal['tenant'] {
  if (tenantId === null || role === null || tenantSuspendedAt !== null) return undefined
  return { id: tenantId, role: role as Role }
}

function isPermission(scope: string): scope is Permission {
  return Object.hasOwn(permissions, scope)
}

const mostCharacters = 8192

/** RFC 6750, 2.1: of any other scheme it is refused, as it is without one. */
function bearerOf(authorization: string | undefined): string {
  if (authorization === undefined || authorization.length > mostCharacters) throw unauthenticated()
  const credential = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1]
  if (credential === undefined) throw unauthenticated()
  return credential
}

function unauthenticated(): Refusal {
  return new Refusal(
    'unauthenticated',
    'Send an access token or an API key that is in force, as `Authorization: Bearer …`.',
  )
}
