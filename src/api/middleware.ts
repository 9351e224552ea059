import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { matchedRoutes } from 'hono/route'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { ApiEnv } from './context.ts'
import { ApiError } from './errors.ts'

/** What passes over every request before and after its route. */

/** Largest body of a request. */
const BODY_BYTES = 1_048_576

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Counts and logs each request by the pattern of its route: a raw path would make a time series per visitor. */
export function observeRequests({ metrics, log }: { metrics: Metrics; log: Log }): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const start = performance.now()
    await next()
    const labels = {
      route: patternOf(c),
      method: methods.has(c.req.method) ? c.req.method : 'other',
      status: String(c.res.status),
    }
    const ms = performance.now() - start
    metrics.httpRequestSeconds.observe(labels, ms / 1000)
    log.debug({ request_id: c.get('requestId'), ...labels, path: c.req.path, ms: Math.round(ms * 10) / 10 }, 'request')
  }
}

/** Of the handler, which is the first to match; what ends with * passes over many routes, and may be added after them. */
function patternOf(c: Context<ApiEnv>): string {
  return matchedRoutes(c).find(({ path }) => !path.endsWith('*'))?.path ?? 'unmatched'
}

/** Percent signs that are no encoding are refused: Hono would guess what they mean. */
export const wellFormedUrl: MiddlewareHandler<ApiEnv> = async (c, next) => {
  if (c.req.url.includes('%') && !isDecodable(c.req.url)) {
    throw new ApiError('malformed_request', 'The URL has percent-encoding that is malformed or not UTF-8.')
  }
  await next()
}

function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url)
    return true
  } catch {
    return false
  }
}

const limitBody = bodyLimit({
  maxSize: BODY_BYTES,
  onError: () => {
    throw new ApiError('content_too_large', `A request's body is at most ${BODY_BYTES} bytes.`)
  },
})

/** A GET has no body that anybody would read; asking for one would build the whole Request. */
export const boundedBody: MiddlewareHandler<ApiEnv> = (c, next) =>
  c.req.method === 'GET' || c.req.method === 'HEAD' ? next() : limitBody(c, next)
