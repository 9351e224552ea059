import { createRoute, z } from '@hono/zod-openapi'
import { json, problem } from '../responses.ts'
import { noQuery, pageQuery } from '../schemas.ts'

/** Tokens and sessions as the OpenAPI document has them. */
const PREFIX = '/api/v1/auth'
const SESSIONS_PER_PAGE = 100
const common = { tags: ['auth'] }
const signedIn = { security: [{ bearer: [] }] }

const atWork = {
  500: problem('internal', 'Something went wrong. The request id finds it in the log.'),
  503: problem('unavailable', 'The database does not answer; try again after `Retry-After` seconds.'),
}
const ofInput = { 400: problem('invalid_input', 'A field or parameter is wrong or unknown; `errors` names it.') }
const ofPeople = {
  401: problem('unauthenticated', 'The access token is missing, wrong, expired, or of a session that has ended.'),
  403: problem('forbidden', 'This is for people: an API key has no sessions.'),
}

const time = z.iso.datetime({ precision: 3 })
const refreshToken = z.string().min(1).max(200).openapi({ description: 'the newest one of the session' })
const refreshBody = z
  .strictObject({ refresh_token: refreshToken })
  .openapi('RefreshToken', { example: { refresh_token: 'bwr_6Yk0mJtqk2uGxwW6kV3mB8mY1m0dZ3vQ7cN4sE5rT2A' } })

export const tokensBody = z
  .object({
    access_token: z.string().openapi({ description: 'to be sent as `Authorization: Bearer …`' }),
    refresh_token: z.string().openapi({ description: 'good once, for the next tokens' }),
    token_type: z.literal('Bearer'),
    expires_in: z.int().min(1).openapi({ description: 'life of the access token, in seconds' }),
  })
  .openapi('Tokens', {
    example: {
      access_token: 'eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IjAxOTk1YjZlIn0.eyJzdWIiOiI…',
      refresh_token: 'bwr_6Yk0mJtqk2uGxwW6kV3mB8mY1m0dZ3vQ7cN4sE5rT2A',
      token_type: 'Bearer',
      expires_in: 900,
    },
  })

export const accessBody = tokensBody.omit({ refresh_token: true }).openapi('AccessToken', {
  example: {
    access_token: 'eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IjAxOTk1YjZlIn0.eyJzdWIiOiI…',
    token_type: 'Bearer',
    expires_in: 900,
  },
})

const sessionBody = z
  .object({
    id: z.uuid(),
    current: z.boolean().openapi({ description: 'the one that asks' }),
    device: z.string(),
    address_area: z.string().openapi({ description: 'the network that it was begun from' }),
    remember: z.boolean(),
    created_at: time,
    last_used_at: time.openapi({ description: 'to the minute' }),
    expires_at: time.openapi({ description: 'when it ends, unless it idles for too long before' }),
  })
  .openapi('Session', {
    example: {
      id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55',
      current: true,
      device: 'Firefox on Linux',
      address_area: '192.0.2.0/24',
      remember: true,
      created_at: '2026-11-20T08:15:04.120Z',
      last_used_at: '2026-11-20T09:00:00.000Z',
      expires_at: '2026-12-20T08:15:04.120Z',
    },
  })

const sessionPage = z.object({ items: z.array(sessionBody), next: z.string().nullable() }).openapi('SessionPage')

export const refreshRoute = createRoute({
  ...common,
  method: 'post',
  path: `${PREFIX}/refresh`,
  summary: 'New tokens for a refresh token',
  description:
    'Each refresh token is good once. For a few seconds it gives the same successor again, for an answer that was lost; afterwards using it again ends the session.',
  request: { query: noQuery, body: { required: true, content: { 'application/json': { schema: refreshBody } } } },
  responses: {
    200: json(tokensBody, 'the next tokens of the session'),
    ...ofInput,
    401: problem('unauthenticated', 'The refresh token is wrong, used, expired, or of a session that has ended.'),
    ...atWork,
  },
})

export const logoutRoute = createRoute({
  ...common,
  method: 'post',
  path: `${PREFIX}/logout`,
  summary: 'End the session of a refresh token',
  description: 'Whatever the token is, the answer is the same.',
  request: { query: noQuery, body: { required: true, content: { 'application/json': { schema: refreshBody } } } },
  responses: { 204: { description: 'it is ended, if it was one' }, ...ofInput, ...atWork },
})

export const listSessionsRoute = createRoute({
  ...common,
  ...signedIn,
  method: 'get',
  path: `${PREFIX}/sessions`,
  summary: 'Own sessions',
  description: 'Those that have not ended, the oldest first.',
  request: { query: pageQuery(SESSIONS_PER_PAGE) },
  responses: { 200: json(sessionPage, 'a page of sessions'), ...ofInput, ...ofPeople, ...atWork },
})

export const endSessionRoute = createRoute({
  ...common,
  ...signedIn,
  method: 'delete',
  path: `${PREFIX}/sessions/{id}`,
  summary: 'End one of the own sessions',
  description: 'Its tokens are not taken any more. A session has no revision, so this takes no `If-Match`.',
  request: {
    query: noQuery,
    params: z.object({ id: z.uuid().openapi({ param: { name: 'id', in: 'path' }, description: 'of the session' }) }),
  },
  responses: {
    204: { description: 'it is ended' },
    ...ofInput,
    ...ofPeople,
    404: problem('not_found', 'None of the own sessions that have not ended.'),
    ...atWork,
  },
})

export const endSessionsRoute = createRoute({
  ...common,
  ...signedIn,
  method: 'delete',
  path: `${PREFIX}/sessions`,
  summary: 'End all own sessions, or all others',
  request: {
    query: z.strictObject({
      keep: z
        .literal('current', { error: 'must be current, or left out' })
        .optional()
        .openapi({ description: '`current` keeps the session that asks', example: 'current' }),
    }),
  },
  responses: {
    200: json(
      z.object({ ended: z.int().min(0) }).openapi('EndedSessions', { example: { ended: 3 } }),
      'how many there were',
    ),
    ...ofInput,
    ...ofPeople,
    ...atWork,
  },
})

export const switchTenantRoute = createRoute({
  ...common,
  ...signedIn,
  method: 'put',
  path: `${PREFIX}/tenant`,
  summary: 'Go on in another tenant',
  description:
    'The session works in it from now on. Access tokens of before are not taken any more; the refresh token stays as it is.',
  request: {
    query: noQuery,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({ tenant_id: z.uuid() })
            .openapi('SwitchTenant', { example: { tenant_id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55' } }),
        },
      },
    },
  },
  responses: {
    200: json(accessBody, 'an access token of the new tenant'),
    ...ofInput,
    ...ofPeople,
    404: problem('not_found', 'No such tenant, not a member of it, or it is suspended.'),
    ...atWork,
  },
})
