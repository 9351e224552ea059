import { createRoute, z } from '@hono/zod-openapi'
import { permissions, type Permission } from '../../auth/permissions.ts'
import { idempotencyHeader } from '../idempotency.ts'
import { json, problem } from '../responses.ts'
import { moment, noQuery, pageQuery } from '../schemas.ts'

/** API keys as the OpenAPI document has them. */
const PREFIX = '/api/v1/api-keys'
const KEYS_PER_PAGE = 100
const EXAMPLE_ID = '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55'
const common = { tags: ['api-keys'], security: [{ bearer: [] }] }
const reads = { ...common, 'x-permission': 'api-keys:read' }
const writes = { ...common, 'x-permission': 'api-keys:write' }

const failures = {
  400: problem('invalid_input', 'A field or parameter is wrong or unknown; `errors` names it.'),
  401: problem('unauthenticated', 'The access token or API key is missing, wrong, or not in force any more.'),
  403: problem('forbidden', 'The permission is missing, or that of a scope which the key would get.'),
  500: problem('internal', 'Something went wrong. The request id finds it in the log.'),
  503: problem('unavailable', 'The database does not answer; try again after `Retry-After` seconds.'),
}
const notFound = { 404: problem('not_found', 'The tenant has no such API key.') }
const ofRevisions = {
  412: problem('revision_outdated', 'It was changed in the meantime: read it again.'),
  428: problem('revision_required', 'Send the ETag of what you have read as `If-Match`.'),
}

const time = z.iso.datetime({ precision: 3 })
const scope = z.enum(Object.keys(permissions) as [Permission, ...Permission[]])
const name = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Surrogate}]*$/u, 'has control characters, or is not Unicode')
const scopes = z
  .array(scope)
  .min(1)
  .max(Object.keys(permissions).length)
  .openapi({ description: 'permissions, none of which whoever gives them lacks' })

const fields = {
  id: z.uuid(),
  name: z.string(),
  prefix: z.string().openapi({ description: 'how the key begins, to tell keys apart' }),
  scopes: z.array(z.string()),
  created_by: z.uuid().openapi({ description: 'the member whose rights bound those of the key' }),
  created_at: time,
  last_used_at: time.nullable().openapi({ description: 'to the minute' }),
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
}
const example = {
  id: EXAMPLE_ID,
  name: 'Signs at the entrance',
  prefix: 'bw_q7Zr2M',
  scopes: ['places:read'],
  created_by: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c56',
  created_at: '2026-11-20T08:15:04.120Z',
  last_used_at: '2026-11-20T09:00:00.000Z',
  expires_at: null,
  revoked_at: null,
}
const apiKeyBody = z.object(fields).openapi('ApiKey', { example })
const createdBody = z
  .object({ ...fields, key: z.string().openapi({ description: 'the key itself: shown this once' }) })
  .openapi('NewApiKey', { example: { ...example, key: 'bw_q7Zr2M…' } })
const page = z.object({ items: z.array(apiKeyBody), next: z.string().nullable() }).openapi('ApiKeyPage')

const etag = { ETag: { description: 'its revision, for `If-Match`', schema: { type: 'string' } } } as const
const withEtag = <Answer extends { headers: object }>(answer: Answer) => ({
  ...answer,
  headers: { ...answer.headers, ...etag },
})
const params = z.object({
  id: z.uuid().openapi({ param: { name: 'id', in: 'path' }, description: 'of the API key', example: EXAMPLE_ID }),
})
const ifMatch = z.object({
  'if-match': z.string().optional().openapi({ description: 'the ETag of what was read', example: '"1"' }),
})

export const listRoute = createRoute({
  ...reads,
  method: 'get',
  path: PREFIX,
  summary: 'API keys',
  description: 'In the order in which they were made, revoked ones too.',
  request: {
    query: pageQuery(KEYS_PER_PAGE).extend({
      revoked: z
        .enum(['true', 'false'], { error: 'must be true or false' })
        .optional()
        .openapi({ description: 'only revoked keys, or only others', example: 'false' }),
    }),
  },
  responses: { 200: json(page, 'a page of API keys'), ...failures },
})

export const getRoute = createRoute({
  ...reads,
  method: 'get',
  path: `${PREFIX}/{id}`,
  summary: 'One API key',
  request: { params, query: noQuery },
  responses: { 200: withEtag(json(apiKeyBody, 'the API key, without its secret')), ...failures, ...notFound },
})

export const createKeyRoute = createRoute({
  ...writes,
  method: 'post',
  path: PREFIX,
  summary: 'Make an API key',
  description: 'The key is shown in this answer alone. People make keys; keys make none.',
  request: {
    headers: idempotencyHeader,
    query: noQuery,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({
              name,
              scopes,
              expires_at: moment
                .nullable()
                .optional()
                .openapi({ description: 'when it ends by itself; never, if left out' }),
            })
            .openapi('CreateApiKey', {
              example: { name: 'Signs at the entrance', scopes: ['places:read'], expires_at: null },
            }),
        },
      },
    },
  },
  responses: {
    201: withEtag(json(createdBody, 'the API key and its secret')),
    ...failures,
    409: problem('conflict', 'The tenant has as many API keys as it may.'),
  },
})

export const changeRoute = createRoute({
  ...writes,
  method: 'patch',
  path: `${PREFIX}/{id}`,
  summary: 'Change the name or the scopes of an API key',
  request: {
    params,
    query: noQuery,
    headers: ifMatch,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({ name: name.optional(), scopes: scopes.optional() })
            .refine((body) => Object.keys(body).length > 0, 'must change something')
            .openapi('ChangeApiKey', { example: { name: 'Signs at the exit', scopes: ['places:read'] } }),
        },
      },
    },
  },
  responses: {
    200: withEtag(json(apiKeyBody, 'the API key as it is now')),
    ...failures,
    ...notFound,
    409: problem('conflict', 'The API key is revoked.'),
    ...ofRevisions,
  },
})

export const revokeRoute = createRoute({
  ...writes,
  method: 'post',
  path: `${PREFIX}/{id}/revoke`,
  summary: 'Revoke an API key',
  description: 'It opens nothing any more, within 2 s, for good. Revoked twice it is revoked.',
  request: { headers: idempotencyHeader, params, query: noQuery },
  responses: { 200: withEtag(json(apiKeyBody, 'the API key, revoked')), ...failures, ...notFound },
})
