import { createRoute } from '@hono/zod-openapi'
import { areaQuery, kindQuery, stateQuery } from '../place-query.ts'
import { notModified, problem, revalidated, revalidatedGeoJson } from '../responses.ts'
import {
  availability,
  pageQuery,
  sitePage,
  siteParam,
  sitesGeoJson,
  spacePage,
  spacesGeoJson,
  tenantParam,
  tenantSpacePage,
  zoneAvailability,
} from '../schemas.ts'
import { z } from '@hono/zod-openapi'

/** The public routes as the OpenAPI document has them: what they take, and what they answer. */
export const PREFIX = '/api/v1/public'
export const SITES_PER_PAGE = 100
export const SPACES_PER_PAGE = 1000

const failures = {
  400: problem('invalid_input', 'A query parameter is wrong or unknown; `errors` names it.'),
  404: problem('not_found', 'No such tenant or site, or the tenant has not opted in to public reading.'),
  500: problem('internal', 'Something went wrong. The request id finds it in the log.'),
  503: problem('unavailable', 'The database does not answer; try again after `Retry-After` seconds.'),
}
const common = { method: 'get' as const, tags: ['public'] }
const sitesQuery = pageQuery(SITES_PER_PAGE).extend(areaQuery)
const spacesQuery = pageQuery(SPACES_PER_PAGE).extend({ ...areaQuery, ...kindQuery, ...stateQuery })
const countsQuery = z.strictObject(kindQuery)

export const sitesRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/sites`,
  summary: 'Sites of a tenant',
  description: 'Ordered by code; the nearest first with `near`.',
  request: { params: tenantParam, query: sitesQuery },
  responses: { 200: revalidated(sitePage, 'a page of sites'), 304: notModified, ...failures },
})

export const spacesRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/sites/{site}/spaces`,
  summary: 'Spaces of a site, with their state',
  description:
    'Ordered by code; the nearest first with `near`. A space that was never heard has the status `unknown`, never `free`.',
  request: { params: siteParam, query: spacesQuery },
  responses: { 200: revalidated(spacePage, 'a page of spaces'), 304: notModified, ...failures },
})

export const tenantSpacesRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/spaces`,
  summary: 'Spaces of all sites, with their state',
  description:
    'Ordered by the codes of site and space; the nearest first with `near`. A space without a position of its own is where its site is.',
  request: { params: tenantParam, query: spacesQuery },
  responses: { 200: revalidated(tenantSpacePage, 'a page of spaces'), 304: notModified, ...failures },
})

export const tenantAvailabilityRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/availability`,
  summary: 'Counts of all sites of a tenant, or of those in an area',
  description:
    'All counts are of the same moment. The body changes only with events and evidence. With `features` or `level`, only spaces that fit are counted, and sites without any are left out.',
  request: { params: tenantParam, query: z.strictObject({ ...areaQuery, ...kindQuery }) },
  responses: { 200: revalidated(availability, 'the counts, site by site'), 304: notModified, ...failures },
})

export const siteAvailabilityRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/sites/{site}/availability`,
  summary: 'Counts of one site',
  description: '`as_of` is that of the whole tenant, so that bodies of several sites can be compared.',
  request: { params: siteParam, query: countsQuery },
  responses: { 200: revalidated(availability, 'the counts of this site'), 304: notModified, ...failures },
})

export const zonesAvailabilityRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/sites/{site}/zones/availability`,
  summary: 'Counts of the zones of a site',
  description: 'Ordered by code. Spaces in no zone are counted in none.',
  request: { params: siteParam, query: countsQuery },
  responses: { 200: revalidated(zoneAvailability, 'the counts, zone by zone'), 304: notModified, ...failures },
})

export const sitesGeoJsonRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/sites.geojson`,
  summary: 'Sites and their counts, as GeoJSON',
  description: 'As RFC 7946 has it, and `next` as in lists. A site without a position has no geometry.',
  request: { params: tenantParam, query: sitesQuery.extend(kindQuery) },
  responses: { 200: revalidatedGeoJson(sitesGeoJson, 'a page of sites'), 304: notModified, ...failures },
})

export const spacesGeoJsonRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/spaces.geojson`,
  summary: 'Spaces with their state, as GeoJSON',
  description: 'As RFC 7946 has it, and `next` as in lists. A space without a position of its own has no geometry.',
  request: { params: tenantParam, query: spacesQuery },
  responses: { 200: revalidatedGeoJson(spacesGeoJson, 'a page of spaces'), 304: notModified, ...failures },
})

export const siteSpacesGeoJsonRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/sites/{site}/spaces.geojson`,
  summary: 'Spaces of a site with their state, as GeoJSON',
  description: 'As of all sites.',
  request: { params: siteParam, query: spacesQuery },
  responses: { 200: revalidatedGeoJson(spacesGeoJson, 'a page of spaces'), 304: notModified, ...failures },
})
