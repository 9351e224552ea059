import { createRoute, z } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { noQuery, pageQuery } from '../schemas.ts'
import {
  body,
  changeFailures,
  deleted,
  exampleId,
  exampleTime,
  guardedBy,
  id,
  idParam,
  ifMatch,
  next,
  readFailures,
  resource,
  role,
  time,
} from './tenancy-schemas.ts'

/** The routes of members as the OpenAPI document has them. */
const MEMBERS = '/api/v1/members'
const MEMBERS_PER_PAGE = 100
const common = { tags: ['members'] }
const params = idParam("the member's id, which is that of their account")

const member = z
  .object({
    id,
    name: z.string(),
    email: z.string(),
    role,
    disabled: z.boolean().openapi({ description: 'the operator has shut the account' }),
    joined_at: time,
  })
  .openapi('Member', {
    example: {
      id: exampleId,
      name: 'Ada Berg',
      email: 'ada@example.org',
      role: 'operator',
      disabled: false,
      joined_at: exampleTime,
    },
  })

export const listRoute = createRoute({
  ...common,
  ...guardedBy('members:read'),
  method: 'get',
  path: MEMBERS,
  summary: 'Members',
  description: 'Ordered by id.',
  request: { query: pageQuery(MEMBERS_PER_PAGE).extend({ role: role.optional() }) },
  responses: {
    200: json(z.object({ items: z.array(member), next }).openapi('MemberPage'), 'a page of members'),
    ...readFailures,
  },
})

export const readRoute = createRoute({
  ...common,
  ...guardedBy('members:read'),
  method: 'get',
  path: `${MEMBERS}/{id}`,
  summary: 'A member',
  request: { params, query: noQuery },
  responses: { 200: resource(member, 'the member'), ...readFailures },
})

export const changeRoute = createRoute({
  ...common,
  ...guardedBy('members:write'),
  method: 'patch',
  path: `${MEMBERS}/{id}`,
  summary: 'Give a member another role',
  description: 'Nobody gives or takes a role above their own. The last owner stays one.',
  request: {
    params,
    query: noQuery,
    headers: ifMatch,
    body: body(z.strictObject({ role }).openapi('MemberChange', { example: { role: 'viewer' } })),
  },
  responses: { 200: resource(member, 'the member as they are now'), ...changeFailures },
})

export const deleteRoute = createRoute({
  ...common,
  ...guardedBy('members:write'),
  method: 'delete',
  path: `${MEMBERS}/{id}`,
  summary: 'Remove a member',
  description:
    'With the membership end the API keys that they made and the invites that they sent. Their account stays. The last owner stays.',
  request: { params, query: noQuery, headers: ifMatch },
  responses: { 204: deleted, ...changeFailures },
})
