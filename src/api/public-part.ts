import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from './context.ts'

/**
 * What lies around every public route: any origin may read it, and nobody needs credentials. Headers are set on the answer as
 * it is: taking it apart and making it anew would cost more than all the rest.
 */
const HEADERS: readonly (readonly [string, string])[] = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Expose-Headers', 'ETag,RateLimit,RateLimit-Policy,Retry-After,X-Request-Id'],
  ['Cross-Origin-Resource-Policy', 'cross-origin'],
]
const PREFLIGHT = {
  'Access-Control-Allow-Methods': 'GET,HEAD',
  'Access-Control-Allow-Headers': 'If-None-Match,X-Request-Id',
  // How long a browser may keep this, in seconds.
  'Access-Control-Max-Age': '86400',
}

export const openToAll: MiddlewareHandler<ApiEnv> = async (c, next) => {
  if (c.req.method === 'OPTIONS') c.res = c.body(null, 204, PREFLIGHT)
  else await next()
  const { headers, status } = c.res
  for (const [name, value] of HEADERS) headers.set(name, value)
  // Keep it, but ask again each time: the ETag tells whether it still holds.
  if (status < 400) headers.set('Cache-Control', 'no-cache')
}
