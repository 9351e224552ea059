import { createRoute, z } from '@hono/zod-openapi'
import { idempotencyHeader } from '../idempotency.ts'
import { json } from '../responses.ts'
import {
  actionFailures,
  body,
  changeFailures,
  code,
  codePrefix,
  conflict,
  created,
  exampleId,
  id,
  idParam,
  ifMatch,
  issued,
  issuedBody,
  listFailures,
  listQuery,
  name,
  next,
  presence,
  presenceFilter,
  readFailures,
  resource,
  signedInWith,
  time,
} from './speaker-schemas.ts'

export const GATEWAYS = '/api/v1/gateways'

/** As the database has them, and `baywire device limit`. */
const messagesPerS = z.int().min(1).max(1_000_000).nullable()
const inFlight = z.int().min(1).max(65_535).nullable()

const gatewayFields = z.object({
  id,
  code,
  name,
  messages_per_s: messagesPerS.openapi({ description: 'what it may send, on average; null for the setting' }),
  in_flight: inFlight.openapi({ description: 'messages that may be unacknowledged; null for the setting' }),
  presence: presence.nullable().openapi({ description: 'what its status topic last said; null where it never spoke' }),
  last_seen_at: time.nullable().openapi({ description: 'when its status topic said so' }),
  credential_since: time.nullable().openapi({ description: 'of the credential in force; null where it has none' }),
  created_at: time,
})
const gateway = gatewayFields.openapi('Gateway', {
  example: {
    id: exampleId,
    code: 'roof',
    name: 'On the roof',
    messages_per_s: 500,
    in_flight: null,
    presence: 'online',
    last_seen_at: '2026-11-20T08:15:04.120Z',
    credential_since: '2026-11-19T10:00:00.000Z',
    created_at: '2026-11-19T10:00:00.000Z',
  },
})
const gatewayPage = z.object({ items: z.array(gateway), next }).openapi('GatewayPage')
const madeGateway = gatewayFields.extend({ credentials: issued }).openapi('MadeGateway')

const fields = {
  name: name.optional(),
  messages_per_s: messagesPerS.optional().openapi({ example: 500 }),
  in_flight: inFlight.optional().openapi({ example: 100 }),
}
const newGateway = z.strictObject({ code, ...fields }).openapi('NewGateway', { example: { code: 'roof' } })
const gatewayChange = z.strictObject(fields).openapi('GatewayChange', { example: { messages_per_s: 500 } })

const common = { tags: ['gateways'] }
const read = { ...common, ...signedInWith('devices:read') }
const write = { ...common, ...signedInWith('devices:write') }
const params = idParam('gateway')

export const listGatewaysRoute = createRoute({
  ...read,
  method: 'get',
  path: GATEWAYS,
  summary: 'Gateways of the tenant',
  description: 'Ordered by code.',
  request: { query: listQuery.extend({ code_prefix: codePrefix, presence: presenceFilter }) },
  responses: { 200: json(gatewayPage, 'a page of gateways'), ...listFailures },
})

export const createGatewayRoute = createRoute({
  ...write,
  method: 'post',
  path: GATEWAYS,
  summary: 'Make a gateway',
  description: 'With the credential that it connects with; the secret is in this answer alone.',
  request: { headers: idempotencyHeader, body: body(newGateway) },
  responses: {
    201: created(madeGateway, 'the gateway'),
    ...actionFailures,
    ...conflict('There is another gateway with this code.'),
  },
})

export const getGatewayRoute = createRoute({
  ...read,
  method: 'get',
  path: `${GATEWAYS}/{id}`,
  summary: 'A gateway',
  request: { params },
  responses: { 200: resource(gateway, 'the gateway'), ...readFailures },
})

export const changeGatewayRoute = createRoute({
  ...write,
  method: 'patch',
  path: `${GATEWAYS}/{id}`,
  summary: 'Change fields of a gateway',
  description: 'The broker takes on other limits within seconds, also of a gateway that is connected.',
  request: { params, headers: ifMatch, body: body(gatewayChange) },
  responses: { 200: resource(gateway, 'the gateway as it is now'), ...changeFailures },
})

export const deleteGatewayRoute = createRoute({
  ...write,
  method: 'delete',
  path: `${GATEWAYS}/{id}`,
  summary: 'Delete a gateway',
  description: 'Its credential ends, and the session with it.',
  request: { params, headers: ifMatch },
  responses: { 204: { description: 'it is gone' }, ...changeFailures },
})

export const provisionGatewayRoute = createRoute({
  ...write,
  method: 'post',
  path: `${GATEWAYS}/{id}/provision`,
  summary: 'Give a gateway a credential',
  description: 'For one that has none, since it was revoked.',
  request: { headers: idempotencyHeader, params },
  responses: {
    201: json(issuedBody, 'what it connects with; the secret is in this answer alone'),
    ...actionFailures,
    ...conflict('It has a credential in force.'),
  },
})

export const rotateGatewayRoute = createRoute({
  ...write,
  method: 'post',
  path: `${GATEWAYS}/{id}/rotate`,
  summary: 'Give a gateway another secret',
  description: 'The one before opens nothing any more, and the session that was opened with it ends.',
  request: { headers: idempotencyHeader, params },
  responses: {
    200: json(issuedBody, 'what it connects with; the secret is in this answer alone'),
    ...actionFailures,
    ...conflict('It has no credential in force.'),
  },
})

export const revokeGatewayRoute = createRoute({
  ...write,
  method: 'post',
  path: `${GATEWAYS}/{id}/revoke`,
  summary: "End a gateway's credential",
  description: 'The session that was opened with it ends. Where it has none nothing changes.',
  request: { headers: idempotencyHeader, params },
  responses: { 200: resource(gateway, 'the gateway'), ...actionFailures },
})
