import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from './context.ts'

/**
 * Cross-origin requests to what is not public: of exactly the listed origins, byte for byte. There is no wildcard; what a
 * browser would send by itself, such as cookies, is never allowed; `null` is nobody's origin.
 */
export interface CorsOptions {
  origins: readonly string[]
}

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const REQUEST_HEADERS =
  'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Baywire-Tenant, X-Request-Id'
const RESPONSE_HEADERS =
  'ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id'
/** How long a browser may keep the answer to a preflight. */
const PREFLIGHT_MAX_AGE_S = 600

export function exactOrigins({ origins }: CorsOptions): MiddlewareHandler<ApiEnv> {
  const allowed = new Set(origins.filter((origin) => origin !== 'null' && origin !== '*'))
  return async (c, next) => {
    const origin = c.req.header('Origin')
    const isAllowed = origin !== undefined && allowed.has(origin)
    if (isAllowed && c.req.method === 'OPTIONS' && c.req.header('Access-Control-Request-Method') !== undefined) {
      c.res = new Response(null, {
        status: 204,
        headers: {
          'Access-Control-Allow-Methods': METHODS,
          'Access-Control-Allow-Headers': REQUEST_HEADERS,
          'Access-Control-Max-Age': String(PREFLIGHT_MAX_AGE_S),
        },
      })
    } else {
      await next()
    }
    // Also where there is no Origin: an answer kept for one must not be given to another.
    c.res.headers.append('Vary', 'Origin')
    if (!isAllowed) return
    c.res.headers.set('Access-Control-Allow-Origin', origin)
    c.res.headers.set('Access-Control-Expose-Headers', RESPONSE_HEADERS)
  }
}
