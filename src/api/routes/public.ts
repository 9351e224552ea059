import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import { availability, publicSites, publicSpaces, siteIdByCode } from '../../store/public.ts'
import type { TenantDatabase, TenantTransaction } from '../../store/transactions.ts'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { decodeCursor, toPage, type ListName } from '../cursor.ts'
import { ApiError } from '../errors.ts'
import { availabilityBody, spaceBody } from '../public-bodies.ts'
import { withinTime } from '../time-limit.ts'
import {
  PREFIX,
  siteAvailabilityRoute,
  sitesRoute,
  spacesRoute,
  tenantAvailabilityRoute,
} from './public-descriptions.ts'

/**
 * What anybody may read, from any origin and without credentials, of the tenants that opted in. A tenant that
 * did not is as unknown as one that does not exist.
 */
export interface PublicRoutesOptions {
  tenants: TenantDatabase
  databaseWaitMs: number
  /** Counts each request, whatever becomes of it. */
  counted?: MiddlewareHandler<ApiEnv> | undefined
}

/** How long a browser may keep the answer to a preflight, in seconds. */
const PREFLIGHT_MAX_AGE_S = 86_400

export function addPublicRoutes(app: Api, { tenants, databaseWaitMs, counted }: PublicRoutesOptions): void {
  addPublicHeaders(app)
  if (counted !== undefined) app.use(`${PREFIX}/*`, counted)
  const read = <T>(slug: string, work: (tx: TenantTransaction) => Promise<T>) =>
    withinTime(inPublicTenant(tenants, { slug, work }), databaseWaitMs)

  app.openapi(sitesRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const page = rowsOf('sites', { limit, cursor })
    const rows = await read(c.req.valid('param').tenant, (tx) => publicSites(tx, page))
    return c.json(toPage(rows, { list: 'sites', limit, item: (row) => row }), 200)
  })

  app.openapi(spacesRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const { tenant, site } = c.req.valid('param')
    const page = rowsOf('spaces', { limit, cursor })
    const rows = await read(tenant, async (tx) => publicSpaces(tx, { siteId: await siteId(tx, site), ...page }))
    return c.json(toPage(rows, { list: 'spaces', limit, item: spaceBody }), 200)
  })

  app.openapi(tenantAvailabilityRoute, async (c) => {
    const counts = await read(c.req.valid('param').tenant, (tx) => availability(tx))
    return c.json(availabilityBody(counts), 200)
  })

  app.openapi(siteAvailabilityRoute, async (c) => {
    const { tenant, site } = c.req.valid('param')
    const counts = await read(tenant, async (tx) => availability(tx, { siteId: await siteId(tx, site) }))
    return c.json(availabilityBody(counts), 200)
  })
}

function addPublicHeaders(app: Api): void {
  app.use(
    `${PREFIX}/*`,
    cors({
      origin: '*',
      allowMethods: ['GET', 'HEAD'],
      allowHeaders: ['If-None-Match', 'X-Request-Id'],
      exposeHeaders: ['ETag', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id'],
      maxAge: PREFLIGHT_MAX_AGE_S,
    }),
    async (c, next) => {
      await next()
      c.header('Cross-Origin-Resource-Policy', 'cross-origin')
      // Keep it, but ask again each time: the ETag tells whether it still holds.
      if (c.res.status < 400) c.header('Cache-Control', 'no-cache')
    },
    // A browser takes a 304's headers over into what it kept: they must not lock other origins out.
    etag({
      retainedHeaders: [
        ...RETAINED_304_HEADERS,
        'Access-Control-Allow-Origin',
        'Access-Control-Expose-Headers',
        'X-Request-Id',
      ],
    }),
  )
}

async function inPublicTenant<T>(
  tenants: TenantDatabase,
  { slug, work }: { slug: string; work: (tx: TenantTransaction) => Promise<T> },
): Promise<T> {
  const tenant = await tenants.tenantBySlug(slug)
  if (tenant === undefined || !tenant.public) throw notFound()
  return await tenants.withTenant(tenant.id, work)
}

async function siteId(tx: TenantTransaction, code: string): Promise<string> {
  const id = await siteIdByCode(tx, code)
  if (id === undefined) throw notFound()
  return id
}

/** The same for tenants that have not opted in and for those that do not exist. */
function notFound(): ApiError {
  return new ApiError('not_found', 'There is nothing at this URL.')
}

/** One row more than is shown tells whether there is a next page. */
function rowsOf(list: ListName, { limit, cursor }: { limit: number; cursor: string | undefined }) {
  return { after: cursor === undefined ? undefined : decodeCursor(list, cursor), limit: limit + 1 }
}
