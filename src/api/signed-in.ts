import type { Context, MiddlewareHandler } from 'hono'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Actor } from '../auth/principal.ts'
import { Refusal } from '../refusal.ts'
import type { TenantDatabase, TenantTransaction, TenantWriterTransaction } from '../store/transactions.ts'
import type { ApiEnv } from './context.ts'
import { withinTime } from './time-limit.ts'

/** The routes of those who are signed in: who it is, in which tenant, and the one transaction that answers. */
export interface SignedInOptions {
  tenants: TenantDatabase
  /** How long a request waits for the database before it is answered with 503. */
  databaseWaitMs: number
}

export function signedIn(authenticator: Authenticator): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    c.set('principal', await authenticator.authenticate(c.req.header('Authorization')))
    await next()
  }
}

/** Runs a verb in one transaction of the tenant that the principal works in. */
export async function inOwnTenant<T>(
  c: Context<ApiEnv>,
  { tenants, databaseWaitMs }: SignedInOptions,
  work: (tx: TenantTransaction, actor: Actor) => Promise<T>,
): Promise<T> {
  const actor = actorOf(c)
  return await withinTime(
    tenants.withTenant(actor.tenantId, (tx) => work(tx, actor)),
    databaseWaitMs,
  )
}

/** The same for a verb that steps spaces. */
export async function writingInOwnTenant<T>(
  c: Context<ApiEnv>,
  { tenants, databaseWaitMs }: SignedInOptions,
  work: (tx: TenantWriterTransaction, actor: Actor) => Promise<T>,
): Promise<T> {
  const actor = actorOf(c)
  return await withinTime(
    tenants.withTenantWriter(actor.tenantId, (tx) => work(tx, actor)),
    databaseWaitMs,
  )
}

function actorOf(c: Context<ApiEnv>): Actor {
  const principal = c.get('principal')
  if (principal.tenant === undefined) throw new Refusal('forbidden', 'You belong to no tenant.')
  return { principal, tenantId: principal.tenant.id, requestId: c.get('requestId') }
}
