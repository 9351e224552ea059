import { createRoute, z } from '@hono/zod-openapi'
import { idempotencyHeader } from '../idempotency.ts'
import { json, problem } from '../responses.ts'
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
  level,
  readFailures,
  resource,
  status,
  yesOrNo,
} from './place-schemas.ts'
import { importSummary, newSpace, spaceChange, spaceDetail, spacePage } from './space-schemas.ts'

/** The routes of spaces as the OpenAPI document has them. */
export const SPACES = '/api/v1/spaces'
const ITEMS_PER_PAGE = 100

const query = pageQuery(ITEMS_PER_PAGE).extend({
  site_id: id.optional().openapi({ description: 'of this site alone' }),
  zone_id: id.optional().openapi({ description: 'of this zone alone' }),
  status: status.optional().openapi({ description: 'with this status now' }),
  level: level.optional().openapi({ description: 'on this level' }),
  stale: yesOrNo.optional().openapi({
    type: 'string',
    enum: ['true', 'false'],
    description: 'whose sensor is silent, or is not',
  }),
  code_prefix: code.optional().openapi({ description: 'codes that begin so', example: 'A-' }),
  sort: z
    .enum(['code', 'id'])
    .optional()
    .openapi({ description: '`code` (with `site_id` alone, and the default there) or `id`: the order of making' }),
})
const params = idParam("the space's id")
const common = { tags: ['spaces'] }
const siteOfFile = id.openapi({ description: 'the site that the spaces stand at', example: exampleId })

export const listRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: SPACES,
  summary: 'Spaces, with their state',
  description: 'Ordered by code within one site, else by id. All filters must hold.',
  request: { query },
  responses: { 200: json(spacePage, 'a page of spaces'), ...readFailures },
})

export const readRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: `${SPACES}/{id}`,
  summary: 'A space, with its state and why',
  description: 'The ETag is of what can be changed: its state comes and goes without another one.',
  request: { params },
  responses: { 200: resource(spaceDetail, 'the space'), ...readFailures },
})

export const createSpaceRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'post',
  path: SPACES,
  summary: 'Make a space',
  description: 'Its code is unique in its site, which never changes. It begins as `unknown`.',
  request: { headers: idempotencyHeader, body: body(newSpace) },
  responses: { 201: created(spaceDetail), ...createFailures },
})

export const changeRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'patch',
  path: `${SPACES}/{id}`,
  summary: 'Change a space',
  description: 'Fields that are left out stay as they are.',
  request: { params, headers: ifMatch, body: body(spaceChange) },
  responses: { 200: resource(spaceDetail, 'the space as it is now'), ...changeFailures },
})

export const deleteRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'delete',
  path: `${SPACES}/{id}`,
  summary: 'Delete a space',
  description: 'Refused while a device stands there and while it is booked. What was heard of it stays in the log.',
  request: { params, headers: ifMatch },
  responses: { 204: deleted, ...deleteFailures },
})

/** Not by zod: it would read the body, which the route judges line by line. */
const files = {
  'text/csv': {
    schema: { type: 'string' as const },
    example: 'space,name,level,lat,lon,features\nA-017,A 17,0,53.5462,9.9663,ev\n',
  },
  'application/geo+json': {
    schema: {
      type: 'object' as const,
      required: ['type', 'features'],
      properties: {
        type: { type: 'string' as const, enum: ['FeatureCollection'] },
        features: { type: 'array' as const, maxItems: 10_000, items: { type: 'object' as const } },
      },
    },
    example: {
      type: 'FeatureCollection',
      features: [
        {
          type: 'Feature',
          geometry: { type: 'Point', coordinates: [9.9663, 53.5462] },
          properties: { space: 'A-017', name: 'A 17', level: '0', features: ['ev'] },
        },
      ],
    },
  },
}

export const importRoute = createRoute({
  ...common,
  ...guardedBy('places:write'),
  method: 'post',
  path: `${SPACES}/import`,
  summary: 'Import spaces of a site',
  description:
    'CSV or GeoJSON, by the codes of the spaces: what is missing is made, what differs is changed, what is not named stays. All of it or nothing; at most 10,000 rows and 1 MiB, one at a time of each tenant. An error names the line (or feature) and the column.',
  request: {
    headers: idempotencyHeader,
    query: z.strictObject({
      site_id: siteOfFile,
      dry_run: yesOrNo.default(false).openapi({
        type: 'string',
        enum: ['true', 'false'],
        description: 'say what would be done, and do nothing',
      }),
    }),
    body: { required: true, content: files },
  },
  responses: {
    200: json(importSummary, 'what was done'),
    ...createFailures,
    429: problem('too_many_requests', 'Another import of your tenant is running; see `Retry-After`.'),
    503: problem('busy', 'Others import at the moment, or the database does not answer; see `Retry-After`.'),
  },
})

export const exportRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: `${SPACES}/export`,
  summary: 'Export the spaces of a site',
  description: 'CSV, or GeoJSON where `Accept` asks for it. Importing it again changes nothing.',
  request: { query: z.strictObject({ site_id: siteOfFile }) },
  responses: {
    200: {
      description: 'all spaces of the site, by code',
      content: files,
    },
    ...readFailures,
  },
})
