import { createRoute, z } from '@hono/zod-openapi'
import { requestIdHeader } from '../responses.ts'
import { noRoom } from './live-descriptions.ts'
import { cursor, eventsHeaders } from './live-schemas.ts'
import { guardedBy, readFailures } from './place-schemas.ts'
import { readingFilters } from './readings-descriptions.ts'

const { 404: _none, ...failures } = readFailures

export const readingEventsRoute = createRoute({
  tags: ['readings'],
  ...guardedBy('readings:read'),
  method: 'get',
  path: '/api/v1/readings/events',
  summary: 'Readings as they are logged, as server-sent events',
  description:
    'Behind `Last-Event-ID` or `since`, then as they are committed, each once: `id` is the cursor, `event` is `reading`, `data` an item of `/readings`. `skipped` with `{"count"}` stands for those before the next one that were too many to send.',
  request: {
    query: z.strictObject({
      since: cursor
        .optional()
        .openapi({ description: 'the same as `Last-Event-ID`, which counts where both are sent' }),
      ...readingFilters,
    }),
    headers: eventsHeaders,
  },
  responses: {
    200: {
      description: 'readings, until either side ends it',
      headers: { 'X-Request-Id': requestIdHeader },
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...failures,
    ...noRoom,
  },
})
