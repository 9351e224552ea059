import type { Context, MiddlewareHandler } from 'hono'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Actor } from '../auth/principal.ts'
import type { Metrics } from '../metrics.ts'
import { Refusal } from '../refusal.ts'
import { retryingLostRaces } from '../store/lost-races.ts'
import { awaitingProvisioning, type ProvisioningWait } from '../store/provision-lock.ts'
import type {
  AccountTransaction,
  TenantDatabase,
  TenantTransaction,
  TenantWriterTransaction,
} from '../store/transactions.ts'
import type { ApiEnv } from './context.ts'
import { begunWithinTime, withinTime } from './time-limit.ts'

/** The routes of those who are signed in: who it is, in which tenant, and the one transaction that answers. */
export interface SignedInOptions {
  tenants: TenantDatabase
  /** How long a request waits for the database before it is answered with 503. */
  databaseWaitMs: number
}

export interface VerbOptions extends SignedInOptions {
  /** Runs what is too dear to run as often as it is asked for, or refuses it, before a connection is asked for. */
  inTurn?: <T>(actor: Actor, work: () => Promise<T>) => Promise<T>
}

/** Whoever is let in is in the context; a preflight is nobody's. Who brings what is not in force is counted. */
export function signedIn({
  authenticator,
  databaseWaitMs,
  metrics,
}: {
  authenticator: Authenticator
  databaseWaitMs: number
  metrics: Pick<Metrics, 'unauthenticated'>
}): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    if (c.req.method !== 'OPTIONS') {
      const authorization = c.req.header('Authorization')
      const details = { lookInto: c.req.header('X-Baywire-Tenant'), requestId: c.get('requestId') }
      try {
        c.set('principal', await withinTime(authenticator.authenticate(authorization, details), databaseWaitMs))
      } catch (error) {
        if (authorization !== undefined && error instanceof Refusal && error.code === 'unauthenticated') {
          metrics.unauthenticated.inc({ credential: /^Bearer bw_/i.test(authorization) ? 'api_key' : 'token' })
        }
        throw error
      }
    }
    await next()
  }
}

/** Who was just shut out here is not let in here by what was remembered; other processes are told by the database. */
export function forgetAccess(authenticator: Authenticator): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    await next()
    const { path, method } = c.req
    const changed = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && c.res.status < 400
    if (changed && !takesNothing(path)) authenticator.invalidate?.()
  }
}

/** They take access from nobody: others need not be looked at anew, however many log in, reserve a space or replay. */
function takesNothing(path: string): boolean {
  return givingPaths.has(path) || harmlessPaths.some((start) => path.startsWith(start))
}

const harmlessPaths = ['/api/v1/reservations', '/api/v1/replays']
const givingPaths = new Set(['register', 'login', 'refresh'].map((path) => `/api/v1/auth/${path}`))

/** Runs a verb in one transaction of the accounts. */
export async function inAccounts<T>(
  { tenants, databaseWaitMs }: SignedInOptions,
  work: (tx: AccountTransaction) => Promise<T>,
): Promise<T> {
  return await begunWithinTime((late) => tenants.withAccounts(unlessLate(late, work)), databaseWaitMs)
}

/**
 * Runs a verb in one transaction of the tenant that the principal works in, and again where it lost a race or somebody
 * else provisions the tenant meanwhile. Its turn, if it needs one, lasts as long as the work does, also where the answer is given before.
 */
export async function inOwnTenant<T>(
  c: Context<ApiEnv>,
  { tenants, databaseWaitMs, inTurn = atOnce }: VerbOptions,
  work: (tx: TenantTransaction, actor: Actor) => Promise<T>,
): Promise<T> {
  const actor = actorOf(c)
  return await begunWithinTime((late) => {
    const inTime = unlessLate(late, (tx: TenantTransaction) => work(tx, actor))
    return inTurn(actor, () =>
      untilWon({ tenants, tenantId: actor.tenantId }, () => tenants.withTenant(actor.tenantId, inTime)),
    )
  }, databaseWaitMs)
}

async function atOnce<T>(_: Actor, work: () => Promise<T>): Promise<T> {
  return await work()
}

/** The same for a verb that steps spaces. */
export async function writingInOwnTenant<T>(
  c: Context<ApiEnv>,
  { tenants, databaseWaitMs }: SignedInOptions,
  work: (tx: TenantWriterTransaction, actor: Actor) => Promise<T>,
): Promise<T> {
  const actor = actorOf(c)
  return await begunWithinTime((late) => {
    const inTime = unlessLate(late, (tx: TenantWriterTransaction) => work(tx, actor))
    return untilWon({ tenants, tenantId: actor.tenantId }, () => tenants.withTenantWriter(actor.tenantId, inTime))
  }, databaseWaitMs)
}

async function untilWon<T>(wait: ProvisioningWait, transaction: () => Promise<T>): Promise<T> {
  return await awaitingProvisioning(wait, () => retryingLostRaces(transaction))
}

/** A request that was answered while it waited for a connection does nothing with it: those behind it get it the sooner. */
function unlessLate<Tx, T>(late: AbortSignal, work: (tx: Tx) => Promise<T>): (tx: Tx) => Promise<T> {
  return async (tx) => {
    late.throwIfAborted()
    return await work(tx)
  }
}

export function actorOf(c: Context<ApiEnv>): Actor {
  const principal = c.get('principal')
  if (principal.tenant === undefined) throw new Refusal('forbidden', 'You belong to no tenant.')
  return { principal, tenantId: principal.tenant.id, requestId: c.get('requestId') }
}
