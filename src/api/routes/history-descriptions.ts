import { createRoute, z } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { moment, pageQuery } from '../schemas.ts'
import { historyEntry } from './explain-schemas.ts'
import { guardedBy, idParam, next, readFailures } from './place-schemas.ts'
import { SPACES } from './spaces-descriptions.ts'

const ENTRIES_PER_PAGE = 100

const page = z
  .object({
    items: z.array(historyEntry),
    next,
    before: historyEntry
      .nullable()
      .openapi({ description: 'what was shown when the page begins: the last change before its first' }),
  })
  .openapi('HistoryPage')

export const historyRoute = createRoute({
  tags: ['spaces'],
  ...guardedBy('places:read'),
  method: 'get',
  path: `${SPACES}/{id}/history`,
  summary: 'What a space showed, from change to change',
  description:
    'The oldest first, by when it was recorded: from one entry to the next, `state` is what people saw. Without `from`, of the last 24 hours before `to`.',
  request: {
    params: idParam("the space's id"),
    query: pageQuery(ENTRIES_PER_PAGE).extend({
      from: moment.optional().openapi({ description: 'recorded from this time on', example: '2026-11-20T00:00:00Z' }),
      to: moment
        .optional()
        .openapi({ description: 'and before this; without it, now', example: '2026-11-21T00:00:00Z' }),
    }),
  },
  responses: { 200: json(page, 'a page of changes'), ...readFailures },
})
