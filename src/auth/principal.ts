import { Refusal } from '../refusal.ts'
import { roleHas, type Permission, type Role } from './permissions.ts'

/** Who asks, as found out anew for each request, and in which tenant. */
export type Principal = UserPrincipal | ApiKeyPrincipal

export interface UserPrincipal {
  readonly kind: 'user'
  readonly userId: string
  readonly sessionId: string
  /** Undefined where the user belongs to no tenant. */
  readonly tenant: { readonly id: string; readonly role: Role } | undefined
  readonly platformAdministrator: boolean
  /** A platform administrator who looks into a tenant from outside: permissions to read, and no others. */
  readonly readOnly?: boolean
  /** End of the token that was shown, in epoch milliseconds. */
  readonly expiresAt?: number
}

export interface ApiKeyPrincipal {
  readonly kind: 'api_key'
  readonly apiKeyId: string
  readonly tenant: { readonly id: string; readonly role: Role }
  /** Already cut down to what its maker may do now. */
  readonly scopes: readonly Permission[]
  /** End of the key, in epoch milliseconds. */
  readonly expiresAt?: number
}

/** A person or program at work in one tenant: what the verbs take, and what the audit log names. */
export interface Actor {
  readonly principal: Principal
  readonly tenantId: string
  readonly requestId: string
}

export function hasPermission({ principal }: Pick<Actor, 'principal'>, permission: Permission): boolean {
  if (principal.kind === 'api_key') return principal.scopes.includes(permission)
  return (
    principal.tenant !== undefined &&
    roleHas(principal.tenant.role, permission) &&
    (principal.readOnly !== true || permission.endsWith(':read'))
  )
}

/** @throws Refusal `forbidden`, naming the permission that is missing */
export function requirePermission(actor: Pick<Actor, 'principal'>, permission: Permission): void {
  if (!hasPermission(actor, permission)) throw new Refusal('forbidden', `This needs the permission ${permission}.`)
}
