import type { MiddlewareHandler } from 'hono'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Metrics } from '../metrics.ts'
import type { Api } from './app.ts'
import type { ApiEnv } from './context.ts'
import { exactOrigins } from './cors.ts'
import { readIdempotencyKey } from './idempotency.ts'
import type { RateLimits } from './rate-limits.ts'
import { forgetAccess, signedIn } from './signed-in.ts'

/**
 * What lies before every route of /api/v1 that is not public, in this order: cross-origin rules, limits, who it is. Where
 * one need not be signed in is listed here; everything else is closed, whatever a route says of itself.
 */
export interface PrivatePartOptions {
  authenticator: Authenticator
  origins: readonly string[]
  limits: RateLimits | undefined
  databaseWaitMs: number
  metrics: Pick<Metrics, 'unauthenticated'>
}

const PREFIX = '/api/v1'
const PUBLIC = `${PREFIX}/public/`
/** Below /api/v1/auth: where one gets a token, or has only a code, a link or a refresh token. */
const OPEN = [
  'register',
  'login',
  'refresh',
  'logout',
  'password/forgot',
  'password/reset',
  'email/verify/send',
  'email/verify/confirm',
  'invites/lookup',
  'invites/accept',
]
const openPaths = new Set(OPEN.map((path) => `${PREFIX}/auth/${path}`))

/** A WebSocket is opened with a ticket, which its route reads: browsers cannot send a header with it. */
export const WEB_SOCKET = `${PREFIX}/ws`

/** @param path as the router sees it: `c.req.path` */
export function isOpenPath(path: string): boolean {
  return openPaths.has(path)
}

function isPrivate(path: string): boolean {
  return !path.startsWith(PUBLIC)
}

function isClosed(path: string): boolean {
  return isPrivate(path) && !isOpenPath(path) && path !== WEB_SOCKET
}

export function addPrivatePart(app: Api, options: PrivatePartOptions): void {
  const { authenticator, origins, limits } = options
  const within = (handler: MiddlewareHandler<ApiEnv>, where: (path: string) => boolean) => {
    app.use(`${PREFIX}/*`, (c, next) => (where(c.req.path) ? handler(c, next) : next()))
  }
  within(exactOrigins({ origins }), isPrivate)
  within(notStored, isPrivate)
  if (limits !== undefined) {
    within(limits.perAddress, isPrivate)
    within(limits.perOpenRoute, isOpenPath)
  }
  within(forgetAccess(authenticator), isPrivate)
  within(signedIn(options), isClosed)
  if (limits !== undefined) within(limits.perPrincipal, isClosed)
  within(readIdempotencyKey, isClosed)
}

/** Nothing between us and the client keeps what is private. */
const notStored: MiddlewareHandler<ApiEnv> = async (c, next) => {
  await next()
  c.res.headers.set('Cache-Control', 'no-store')
}
