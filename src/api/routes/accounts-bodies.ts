import type { z } from '@hono/zod-openapi'
import { permissionsOf, type Me } from '../../auth/me.ts'
import type { Role } from '../../auth/permissions.ts'
import type { ApiKeyPrincipal, UserPrincipal } from '../../auth/principal.ts'
import type { User } from '../../store/users.ts'
import type { meBody, profileBody } from './accounts-schemas.ts'

/** People as the routes of accounts answer them: the names of the API. */
export function profileBodyOf({ id, email, name, emailVerifiedAt, createdAt }: User): z.infer<typeof profileBody> {
  return { id, email, name, email_verified: emailVerifiedAt !== null, created_at: createdAt.toISOString() }
}

export function meBodyOf(principal: UserPrincipal, { user, passwordExpiresAt, tenants }: Me): z.infer<typeof meBody> {
  return {
    user: {
      ...profileBodyOf(user),
      platform_administrator: principal.platformAdministrator,
      password_expires_at: passwordExpiresAt?.toISOString() ?? null,
    },
    api_key: null,
    tenant: principal.tenant ?? null,
    tenants: tenants.map(({ tenantId, slug, name, role, suspended }) => ({
      id: tenantId,
      slug,
      name,
      // The table holds no other: see its check.
      role: role as Role,
      suspended,
    })),
    permissions: permissionsOf(principal),
  }
}

export function keyBodyOf(principal: ApiKeyPrincipal): z.infer<typeof meBody> {
  return {
    user: null,
    api_key: { id: principal.apiKeyId },
    tenant: principal.tenant,
    tenants: [],
    permissions: permissionsOf(principal),
  }
}
