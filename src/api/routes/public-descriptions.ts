import { createRoute } from '@hono/zod-openapi'
import { notModified, problem, revalidated } from '../responses.ts'
import { availability, noQuery, pageQuery, sitePage, siteParam, spacePage, tenantParam } from '../schemas.ts'

/** The public routes as the OpenAPI document has them: what they take, and what they answer. */
export const PREFIX = '/api/v1/public'
const SITES_PER_PAGE = 100
const SPACES_PER_PAGE = 1000

const failures = {
  400: problem('invalid_input', 'A query parameter is wrong or unknown; `errors` names it.'),
  404: problem('not_found', 'No such tenant or site, or the tenant has not opted in to public reading.'),
  500: problem('internal', 'Something went wrong. The request id finds it in the log.'),
  503: problem('unavailable', 'The database does not answer; try again after `Retry-After` seconds.'),
}
const common = { method: 'get' as const, tags: ['public'] }

export const sitesRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/sites`,
  summary: 'Sites of a tenant',
  description: 'Ordered by code.',
  request: { params: tenantParam, query: pageQuery(SITES_PER_PAGE) },
  responses: { 200: revalidated(sitePage, 'a page of sites'), 304: notModified, ...failures },
})

export const spacesRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/sites/{site}/spaces`,
  summary: 'Spaces of a site, with their state',
  description: 'Ordered by code. A space that was never heard has the status `unknown`, never `free`.',
  request: { params: siteParam, query: pageQuery(SPACES_PER_PAGE) },
  responses: { 200: revalidated(spacePage, 'a page of spaces'), 304: notModified, ...failures },
})

export const tenantAvailabilityRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/availability`,
  summary: 'Counts of all sites of a tenant',
  description: 'All counts are of the same moment. The body changes only with events and evidence.',
  request: { params: tenantParam, query: noQuery },
  responses: { 200: revalidated(availability, 'the counts, site by site'), 304: notModified, ...failures },
})

export const siteAvailabilityRoute = createRoute({
  ...common,
  path: `${PREFIX}/{tenant}/sites/{site}/availability`,
  summary: 'Counts of one site',
  description: '`as_of` is that of the whole tenant, so that bodies of several sites can be compared.',
  request: { params: siteParam, query: noQuery },
  responses: { 200: revalidated(availability, 'the counts of this site'), 304: notModified, ...failures },
})
