import { createRoute, z } from '@hono/zod-openapi'
import { json, problem } from '../responses.ts'
import { moment, pageQuery } from '../schemas.ts'
import { historyEntry, visible } from './explain-schemas.ts'
import { code, exampleId, guardedBy, id, idParam, level, next, readFailures, time } from './place-schemas.ts'
import { SITES } from './sites-descriptions.ts'

/** What the spaces of a site showed, at a moment and from one to another, as the OpenAPI document has it. */
const ENTRIES_PER_PAGE = 100
const common = { tags: ['sites'], ...guardedBy('places:read') }
const params = idParam("the site's id")

const keptFrom = time
  .nullable()
  .openapi({ description: 'from when on everything is kept; null where that is from the beginning' })

const plan = z
  .object({
    at: time,
    kept_from: keptFrom,
    items: z.array(
      z.object({
        space_id: id,
        code,
        name: z.string(),
        level: level.nullable(),
        ...visible.shape,
      }),
    ),
  })
  .openapi('SitePlan', {
    example: {
      at: '2026-11-20T14:05:00.000Z',
      kept_from: null,
      items: [
        {
          space_id: exampleId,
          code: 'A-17',
          name: 'A 17',
          level: '0',
          status: 'occupied',
          occupancy: 'occupied',
          reservation: 'none',
          override: 'none',
          stale: false,
          since: '2026-11-20T14:03:58.120Z',
          observed_at: '2026-11-20T14:03:58.120Z',
          version: 12,
        },
      ],
    },
  })

const history = z
  .object({
    items: z.array(historyEntry.extend({ space_id: id, space: code })),
    next,
    kept_from: keptFrom,
  })
  .openapi('SiteHistoryPage')

export const planRoute = createRoute({
  ...common,
  method: 'get',
  path: `${SITES}/{id}/plan`,
  summary: 'What a site showed at a moment',
  description:
    'Every space of the site as it was shown at `at`: by what was recorded up to then. One that nothing was recorded of was `unknown`. Spaces deleted since are there too. `observed_at` is of the last change.',
  request: {
    params,
    query: z.strictObject({
      at: moment.optional().openapi({ description: 'without it, now', example: '2026-11-20T14:05:00Z' }),
    }),
  },
  responses: {
    200: json(plan, 'the plan, by code'),
    ...readFailures,
    422: problem('unprocessable', 'A moment that is in the future, or of which not everything is kept any more.'),
  },
})

export const siteHistoryRoute = createRoute({
  ...common,
  method: 'get',
  path: `${SITES}/{id}/history`,
  summary: 'What a site showed, from change to change',
  description:
    'The changes of all its spaces as they were recorded, the oldest first: after `from` and up to `to`, so that the plan at `from` and these give the plan at `to`. Without `from`, of the last 24 hours before `to`.',
  request: {
    params,
    query: pageQuery(ENTRIES_PER_PAGE).extend({
      from: moment.optional().openapi({ description: 'recorded after this', example: '2026-11-20T00:00:00Z' }),
      to: moment
        .optional()
        .openapi({ description: 'and not after this; without it, now', example: '2026-11-21T00:00:00Z' }),
    }),
  },
  responses: { 200: json(history, 'a page of changes'), ...readFailures },
})
