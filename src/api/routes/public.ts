import type { Context, MiddlewareHandler } from 'hono'
import type { LiveSite } from '../../live/live-site.ts'
import type { TenantView } from '../../live/tenant-view.ts'
import type { Views } from '../../live/views.ts'
import type { Api } from '../app.ts'
import { answerWith } from '../conditional.ts'
import type { ApiEnv } from '../context.ts'
import { ApiError } from '../errors.ts'
import { publicFace } from '../faces.ts'
import type { KeptBody } from '../kept-bodies.ts'
import { PlaceAnswers } from '../place-answers.ts'
import { openToAll } from '../public-part.ts'
import { withinTime } from '../time-limit.ts'
import {
  PREFIX,
  siteAvailabilityRoute,
  siteSpacesGeoJsonRoute,
  sitesGeoJsonRoute,
  sitesRoute,
  spacesGeoJsonRoute,
  spacesRoute,
  tenantAvailabilityRoute,
  tenantSpacesRoute,
  zonesAvailabilityRoute,
} from './public-descriptions.ts'

/**
 * What anybody may read, from any origin and without credentials, of the tenants that opted in. A tenant that
 * did not is as unknown as one that does not exist. All of it is answered from memory.
 */
export interface PublicRoutesOptions {
  views: Pick<Views, 'knownPublic' | 'publicOne'>
  databaseWaitMs: number
  /** Counts each request, whatever becomes of it. */
  counted?: MiddlewareHandler<ApiEnv> | undefined
}

const geoJson = 'application/geo+json'

export function addPublicRoutes(app: Api, options: PublicRoutesOptions): void {
  app.use(`${PREFIX}/*`, openToAll)
  if (options.counted !== undefined) app.use(`${PREFIX}/*`, options.counted)
  const answers = new PlaceAnswers(publicFace)
  addLists(app, options, answers)
  addCounts(app, options, answers)
  addMaps(app, options, answers)
}

function addLists(app: Api, options: PublicRoutesOptions, answers: PlaceAnswers): void {
  const fastSites = fast(options, (view) => answers.allSites(view))
  app.openapi({ ...sitesRoute, middleware: fastSites }, async (c) => {
    const view = await viewOf(options, c.req.valid('param').tenant)
    return answerWith(c, answers.sites(view, c.req.valid('query')))
  })

  const fastSpaces = fastOfSite(options, (_view, site) => answers.allSpaces(site))
  app.openapi({ ...spacesRoute, middleware: fastSpaces }, async (c) => {
    const { site } = await siteOf(options, c.req.valid('param'))
    return answerWith(c, answers.spaces([site], { ...c.req.valid('query'), named: false }))
  })

  app.openapi(tenantSpacesRoute, async (c) => {
    const view = await viewOf(options, c.req.valid('param').tenant)
    return answerWith(c, answers.spaces(view.sites, { ...c.req.valid('query'), named: true }))
  })
}

function addCounts(app: Api, options: PublicRoutesOptions, answers: PlaceAnswers): void {
  const fastTenant = fast(options, (view) => answers.allCounts(view))
  app.openapi({ ...tenantAvailabilityRoute, middleware: fastTenant }, async (c) => {
    const view = await viewOf(options, c.req.valid('param').tenant)
    return answerWith(c, answers.counts(view, c.req.valid('query')))
  })

  const fastSite = fastOfSite(options, (view, site) => answers.countsOfSite(view, site))
  app.openapi({ ...siteAvailabilityRoute, middleware: fastSite }, async (c) => {
    const { view, site } = await siteOf(options, c.req.valid('param'))
    return answerWith(c, answers.countsIn(view, site, c.req.valid('query')))
  })

  app.openapi(zonesAvailabilityRoute, async (c) => {
    const { view, site } = await siteOf(options, c.req.valid('param'))
    return answerWith(c, answers.zones(view, { ...c.req.valid('query'), site, zones: site.zones }))
  })
}

function addMaps(app: Api, options: PublicRoutesOptions, answers: PlaceAnswers): void {
  app.openapi(sitesGeoJsonRoute, async (c) => {
    const view = await viewOf(options, c.req.valid('param').tenant)
    return answerWith(c, answers.sitesOnMap(view, c.req.valid('query')), geoJson)
  })

  app.openapi(spacesGeoJsonRoute, async (c) => {
    const view = await viewOf(options, c.req.valid('param').tenant)
    return answerWith(c, answers.spacesOnMap(view.sites, c.req.valid('query')), geoJson)
  })

  app.openapi(siteSpacesGeoJsonRoute, async (c) => {
    const { site } = await siteOf(options, c.req.valid('param'))
    return answerWith(c, answers.spacesOnMap([site], c.req.valid('query')), geoJson)
  })
}

/**
 * Answers what has no query and is of a tenant in memory, before any parameter is read: it is what most ask for. Everything
 * else goes its way.
 */
function fast(
  { views }: PublicRoutesOptions,
  bodyOf: (view: TenantView, c: Context<ApiEnv>) => KeptBody | undefined,
): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const view = c.req.url.includes('?') ? undefined : views.knownPublic(c.req.param('tenant') ?? '')
    const body = view === undefined ? undefined : bodyOf(view, c)
    return body === undefined ? await next() : answerWith<Response>(c, body)
  }
}

function fastOfSite(
  options: PublicRoutesOptions,
  bodyOf: (view: TenantView, site: LiveSite) => KeptBody,
): MiddlewareHandler<ApiEnv> {
  return fast(options, (view, c) => {
    const site = view.siteByCode(c.req.param('site') ?? '')
    return site === undefined ? undefined : bodyOf(view, site)
  })
}

async function viewOf({ views, databaseWaitMs }: PublicRoutesOptions, tenant: string): Promise<TenantView> {
  const view = views.knownPublic(tenant) ?? (await withinTime(views.publicOne(tenant), databaseWaitMs))
  if (view === undefined) throw notFound()
  return view
}

async function siteOf(
  options: PublicRoutesOptions,
  { tenant, site: code }: { tenant: string; site: string },
): Promise<{ view: TenantView; site: LiveSite }> {
  const view = await viewOf(options, tenant)
  const site = view.siteByCode(code)
  if (site === undefined) throw notFound()
  return { view, site }
}

/** The same for tenants that have not opted in and for those that do not exist. */
function notFound(): ApiError {
  return new ApiError('not_found', 'There is nothing at this URL.')
}
