import { createRoute, z } from '@hono/zod-openapi'
import { idempotencyHeader } from '../idempotency.ts'
import { json } from '../responses.ts'
import { noQuery, pageQuery } from '../schemas.ts'
import {
  body,
  changeFailures,
  createFailures,
  created,
  deleted,
  described,
  email,
  exampleId,
  exampleTime,
  guardedBy,
  id,
  idParam,
  ifMatch,
  name,
  next,
  openFailures,
  password,
  readFailures,
  resource,
  role,
  time,
} from './tenancy-schemas.ts'

/** The routes of invites as the OpenAPI document has them. */
export const INVITES = '/api/v1/invites'
const INVITES_PER_PAGE = 100
const common = { tags: ['invites'] }
const params = idParam("the invite's id")
const state = z.enum(['open', 'accepted', 'revoked', 'expired'])

const invite = z
  .object({
    id,
    email: z.string(),
    role,
    state,
    invited_by: id,
    created_at: time,
    expires_at: time,
    accepted_at: time.nullable(),
    revoked_at: time.nullable(),
  })
  .openapi('Invite', {
    example: {
      id: exampleId,
      email: 'ada@example.org',
      role: 'viewer',
      state: 'open',
      invited_by: '01995b6e-9a10-7c02-8b11-3d5e6f708192',
      created_at: exampleTime,
      expires_at: '2026-11-22T08:15:04.120Z',
      accepted_at: null,
      revoked_at: null,
    },
  })

export const listRoute = createRoute({
  ...common,
  ...guardedBy('members:read'),
  method: 'get',
  path: INVITES,
  summary: 'Invites',
  description: 'In the order in which they were made, those that ended too.',
  request: { query: pageQuery(INVITES_PER_PAGE).extend({ state: state.optional() }) },
  responses: {
    200: json(z.object({ items: z.array(invite), next }).openapi('InvitePage'), 'a page of invites'),
    ...readFailures,
  },
})

export const readRoute = createRoute({
  ...common,
  ...guardedBy('members:read'),
  method: 'get',
  path: `${INVITES}/{id}`,
  summary: 'An invite',
  request: { params, query: noQuery },
  responses: { 200: resource(invite, 'the invite; never its token'), ...readFailures },
})

export const createInviteRoute = createRoute({
  ...common,
  ...guardedBy('members:write'),
  method: 'post',
  path: INVITES,
  summary: 'Invite somebody',
  description:
    'To a role not above your own. What opens it is sent to the address and shown nowhere; it is good once, for 48 hours unless the operator says otherwise, and only as long as you may still invite to that role.',
  request: {
    headers: idempotencyHeader,
    query: noQuery,
    body: body(
      z.strictObject({ email, role }).openapi('NewInvite', { example: { email: 'ada@example.org', role: 'viewer' } }),
    ),
  },
  responses: {
    201: created(invite, 'the invite, which is being sent'),
    ...createFailures,
    429: described('too_many_requests', 'The address was sent enough for now.'),
  },
})

export const revokeInviteRoute = createRoute({
  ...common,
  ...guardedBy('members:write'),
  method: 'delete',
  path: `${INVITES}/{id}`,
  summary: 'Revoke an invite',
  description: 'It is still listed, and opens nothing any more.',
  request: { params, query: noQuery, headers: ifMatch },
  responses: { 204: deleted, ...changeFailures, 409: described('conflict', 'It was accepted or revoked before.') },
})

const token = z.string().max(128).openapi({ description: 'what was sent to the address' })
const exampleToken = 'pZ1cJ5Qd0mHkq3m7yQf2bq0sW7aQ8rNfK9t1uV3xY5o'
const notGood = described(
  'not_found',
  'Unknown, expired, used, revoked, or its inviter may not invite to this role any more.',
)

export const lookUpRoute = createRoute({
  ...common,
  method: 'post',
  path: '/api/v1/auth/invites/lookup',
  summary: 'What an invite is to',
  request: {
    query: noQuery,
    body: body(z.strictObject({ token }).openapi('InviteToken', { example: { token: exampleToken } })),
  },
  responses: {
    200: json(
      z.object({ tenant_name: z.string(), email: z.string(), role, expires_at: time }).openapi('ShownInvite', {
        example: { tenant_name: 'City', email: 'ada@example.org', role: 'viewer', expires_at: exampleTime },
      }),
      'the invite',
    ),
    ...openFailures,
    404: notGood,
  },
})

export const acceptRoute = createRoute({
  ...common,
  method: 'post',
  path: '/api/v1/auth/invites/accept',
  summary: 'Accept an invite',
  description:
    'Whoever has no account sends `name` and `password`, and gets one with this address, verified. Whoever has one must be signed in to it.',
  // Nobody, or the owner of the invited address.
  security: [{}, { bearer: [] }],
  request: {
    query: noQuery,
    body: body(
      z.strictObject({ token, name: name.optional(), password: password.optional() }).openapi('InviteAcceptance', {
        example: { token: exampleToken, name: 'Ada Berg', password: 'a long and quiet sentence' },
      }),
    ),
  },
  responses: {
    200: json(
      z.object({ tenant: z.object({ id, slug: z.string(), name: z.string() }), role }).openapi('AcceptedInvite', {
        example: { tenant: { id: exampleId, slug: 'city', name: 'City' }, role: 'viewer' },
      }),
      'they are a member now',
    ),
    ...openFailures,
    401: described('unauthenticated', 'The address has an account: sign in to it first.'),
    403: described('forbidden', 'You are signed in as somebody else, or with an API key.'),
    404: notGood,
    409: described('conflict', 'They are a member already.'),
  },
})
