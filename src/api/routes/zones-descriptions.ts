import { createRoute, z } from '@hono/zod-openapi'
import { idempotencyHeader } from '../idempotency.ts'
import { json } from '../responses.ts'
import { pageQuery } from '../schemas.ts'
import {
  body,
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
  name,
  next,
  otherExampleId,
  readFailures,
  resource,
  time,
} from './place-schemas.ts'

/** The routes of zones as the OpenAPI document has them. */
export const ZONES = '/api/v1/zones'
const ITEMS_PER_PAGE = 100

const zone = z.object({ id, site_id: id, code, name: z.string(), created_at: time }).openapi('Zone', {
  example: {
    id: otherExampleId,
    site_id: exampleId,
    code: 'north',
    name: 'North deck',
    created_at: '2026-11-20T08:15:04.120Z',
  },
})

const newZone = z
  .strictObject({ site_id: id, code, name })
  .openapi('NewZone', { example: { site_id: exampleId, code: 'north', name: 'North deck' } })

const zoneChange = z
  .strictObject({ code: code.optional(), name: name.optional() })
  .openapi('ZoneChange', { example: { name: 'Deck 1' } })

const query = pageQuery(ITEMS_PER_PAGE).extend({
  site_id: id.optional().openapi({ description: 'of this site alone' }),
  code_prefix: code.optional().openapi({ description: 'codes that begin so', example: 'no' }),
  sort: z
    .enum(['code', 'id'])
    .optional()
    .openapi({ description: '`code` (with `site_id` alone, and the default there) or `id`: the order of making' }),
})
const params = idParam("the zone's id")
const common = { tags: ['zones'] }

export const listRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: ZONES,
  summary: 'Zones',
  description: 'Ordered by code within one site, else by id.',
  request: { query },
  responses: {
    200: json(z.object({ items: z.array(zone), next }).openapi('ZonePage'), 'a page of zones'),
    ...readFailures,
  },
})

export const readRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: `${ZONES}/{id}`,
  summary: 'A zone',
  request: { params },
  responses: { 200: resource(zone, 'the zone'), ...readFailures },
})

export const createZoneRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'post',
  path: ZONES,
  summary: 'Make a zone',
  description: 'Its code is unique in its site, which never changes.',
  request: { headers: idempotencyHeader, body: body(newZone) },
  responses: { 201: created(zone), ...createFailures },
})

export const changeRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'patch',
  path: `${ZONES}/{id}`,
  summary: 'Change a zone',
  description: 'Fields that are left out stay as they are.',
  request: { params, headers: ifMatch, body: body(zoneChange) },
  responses: { 200: resource(zone, 'the zone as it is now'), ...changeFailures },
})

export const deleteRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'delete',
  path: `${ZONES}/{id}`,
  summary: 'Delete a zone',
  description: 'Refused while it has spaces.',
  request: { params, headers: ifMatch },
  responses: { 204: deleted, ...deleteFailures },
})
