import { createRoute, z } from '@hono/zod-openapi'
import { idempotencyHeader } from '../idempotency.ts'
import { json } from '../responses.ts'
import { pageQuery } from '../schemas.ts'
import {
  body,
  bothOrNone,
  bothOrNoneMessage,
  changeFailures,
  code,
  created,
  createFailures,
  deleted,
  deleteFailures,
  exampleId,
  guardedBy,
  id,
  idParam,
  ifMatch,
  lat,
  lon,
  name,
  next,
  readFailures,
  resource,
  time,
  timezone,
} from './place-schemas.ts'

/** The routes of sites as the OpenAPI document has them. */
export const SITES = '/api/v1/sites'
const ITEMS_PER_PAGE = 100

export const site = z
  .object({
    id,
    code,
    name: z.string(),
    lat: lat.nullable().openapi({ description: 'degrees north, WGS 84' }),
    lon: lon.nullable().openapi({ description: 'degrees east, WGS 84' }),
    timezone: z.string().openapi({ description: 'of the IANA database' }),
    created_at: time,
  })
  .openapi('Site', {
    example: {
      id: exampleId,
      code: 'harbour',
      name: 'Harbour',
      lat: 53.5461,
      lon: 9.9661,
      timezone: 'Europe/Berlin',
      created_at: '2026-11-20T08:15:04.120Z',
    },
  })

const newSite = z
  .strictObject({
    code,
    name,
    lat: lat.nullable().optional(),
    lon: lon.nullable().optional(),
    timezone: timezone.default('UTC'),
  })
  .refine(bothOrNone, bothOrNoneMessage)
  .openapi('NewSite', {
    example: { code: 'harbour', name: 'Harbour', lat: 53.5461, lon: 9.9661, timezone: 'Europe/Berlin' },
  })

const siteChange = z
  .strictObject({
    code: code.optional(),
    name: name.optional(),
    lat: lat.nullable().optional(),
    lon: lon.nullable().optional(),
    timezone: timezone.optional(),
  })
  .refine(bothOrNone, bothOrNoneMessage)
  .openapi('SiteChange', { example: { name: 'Old harbour' } })

const query = pageQuery(ITEMS_PER_PAGE).extend({
  code_prefix: code.optional().openapi({ description: 'codes that begin so', example: 'har' }),
})
const params = idParam("the site's id")
const common = { tags: ['sites'] }

export const listRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: SITES,
  summary: 'Sites',
  description: 'Ordered by code.',
  request: { query },
  responses: {
    200: json(z.object({ items: z.array(site), next }).openapi('SitePage'), 'a page of sites'),
    ...readFailures,
  },
})

export const readRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: `${SITES}/{id}`,
  summary: 'A site',
  request: { params },
  responses: { 200: resource(site, 'the site'), ...readFailures },
})

export const createSiteRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'post',
  path: SITES,
  summary: 'Make a site',
  description: 'Its code is unique in the tenant, and part of public URLs and topics.',
  request: { headers: idempotencyHeader, body: body(newSite) },
  responses: { 201: created(site), ...createFailures },
})

export const changeRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'patch',
  path: `${SITES}/{id}`,
  summary: 'Change a site',
  description: 'Fields that are left out stay as they are.',
  request: { params, headers: ifMatch, body: body(siteChange) },
  responses: { 200: resource(site, 'the site as it is now'), ...changeFailures },
})

export const deleteRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'delete',
  path: `${SITES}/{id}`,
  summary: 'Delete a site',
  description: 'Refused while it has zones or spaces.',
  request: { params, headers: ifMatch },
  responses: { 204: deleted, ...deleteFailures },
})
