import { createRoute, z } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { moment, pageQuery } from '../schemas.ts'
import { loggedReading, readingOutcome } from './explain-schemas.ts'
import { code, guardedBy, id, next, readFailures } from './place-schemas.ts'

const READINGS_PER_PAGE = 100
const TOPIC_CHARACTERS = 300

const page = z.object({ items: z.array(loggedReading), next }).openapi('ReadingPage')

const outcomes = z
  .string()
  .max(200)
  .transform((text) => text.split(','))
  .pipe(z.array(readingOutcome))

/** All that are given must hold. */
export const readingFilters = {
  topic: z
    .string()
    .min(1)
    .max(TOPIC_CHARACTERS)
    .regex(/^[^\p{Cc}\p{Surrogate}]*$/u, 'has control characters, or is not Unicode')
    .optional()
    .openapi({ description: 'an MQTT topic filter', example: 'parking/v1/+/devices/+/reading' }),
  device: code.optional().openapi({ description: 'of the device with this code', example: 'A-17' }),
  space_id: id.optional().openapi({ description: 'that belong to this space' }),
  outcome: outcomes.optional().openapi({
    type: 'string',
    description: 'what became of it: one or several, with commas between',
    example: 'late,duplicate',
  }),
}

export const listReadingsRoute = createRoute({
  tags: ['readings'],
  ...guardedBy('readings:read'),
  method: 'get',
  path: '/api/v1/readings',
  summary: 'Search the log of readings',
  description:
    'All that arrived, the newest first, with what became of it. All filters must hold; without `from`, of the 24 hours before `to`. A long log is searched for some seconds at a time: a page may have fewer items than `limit`, and none, while `next` goes on from there. A message of several readings has its payload on part 0.',
  request: {
    query: pageQuery(READINGS_PER_PAGE).extend({
      ...readingFilters,
      from: moment.optional().openapi({ description: 'arrived from this time on', example: '2026-11-20T00:00:00Z' }),
      to: moment
        .optional()
        .openapi({ description: 'and before this; without it, now', example: '2026-11-21T00:00:00Z' }),
    }),
  },
  responses: { 200: json(page, 'a page of readings'), ...readFailures },
})
