import { createRoute, z } from '@hono/zod-openapi'
import { WEB_SOCKET } from '../private-part.ts'
import { json, problem, requestIdHeader } from '../responses.ts'
import { noQuery } from '../schemas.ts'
import { changesBody, changesQuery, eventsHeaders, eventsQuery, socketQuery, ticketBody } from './live-schemas.ts'
import { guardedBy, readFailures } from './place-schemas.ts'

/** The routes of what happens as the OpenAPI document has them; docs/live.md tells how they are used. */
const common = { tags: ['live'] }
const { 404: _none, ...failures } = readFailures
export const noRoom = {
  429: problem('too_many_requests', 'You, or your tenant, have too many streams open.'),
  503: problem('busy', 'No room for one more stream, or no database; try again after `Retry-After` seconds.'),
}

export const changesRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: '/api/v1/changes',
  summary: 'What happened since',
  description:
    'In the order in which it was recorded, each event once. Without `since`: where things stand, and no events.',
  request: { query: changesQuery },
  responses: { 200: json(changesBody, 'the events, and where to go on'), ...failures },
})

export const eventsRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: '/api/v1/events',
  summary: 'What happens, as server-sent events',
  description:
    'Behind `Last-Event-ID` or `since`, then as it happens: `id` is the cursor, `event` the kind, `data` as in `/changes`. `reset` with `{"snapshot_url"}` where the gap cannot be told.',
  request: { query: eventsQuery, headers: eventsHeaders },
  responses: {
    200: {
      description: 'events, until either side ends it',
      headers: { 'X-Request-Id': requestIdHeader },
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...failures,
    ...noRoom,
  },
})

export const ticketRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'post',
  path: '/api/v1/ws/tickets',
  summary: 'A ticket for a WebSocket',
  description: 'Good once, for 30 seconds: in place of a token, which has no place in a URL.',
  request: { query: noQuery },
  responses: { 201: json(ticketBody, 'the ticket'), ...failures },
})

export const socketRoute = createRoute({
  ...common,
  method: 'get',
  path: WEB_SOCKET,
  summary: 'What happens, over a WebSocket',
  description: 'With a ticket. Pages of other origins than those that the operator lists are refused.',
  request: { query: socketQuery },
  responses: {
    101: { description: 'the connection is a WebSocket from here on' },
    400: problem('malformed_request', 'The request does not ask for a WebSocket.'),
    401: problem('unauthenticated', 'The ticket is none, was used, or is too old.'),
    403: problem('forbidden', 'The origin of the page is not allowed, or the permission places:read is gone.'),
    500: failures[500],
    ...noRoom,
  },
})
