import { createRoute, z } from '@hono/zod-openapi'
import { deadOutcomes } from '../../store/dead-letters.ts'
import { redriveFailures, redriveStatuses } from '../../store/redrive-requests.ts'
import { idempotencyHeader } from '../idempotency.ts'
import { json, problem, requestIdHeader } from '../responses.ts'
import { moment, pageQuery } from '../schemas.ts'
import { topicFilter } from './dead-letters-schemas.ts'
import { readingOutcome } from './explain-schemas.ts'
import {
  body,
  code,
  createFailures,
  exampleId,
  guardedBy,
  id,
  idParam,
  next,
  readFailures,
  time,
} from './place-schemas.ts'

/** The routes of redrives as the OpenAPI document has them. */
export const REDRIVES = '/api/v1/redrives'
const ITEMS_PER_PAGE = 100
const common = { tags: ['dead letters'] }
const params = idParam("the redrive's id")

const deadOutcome = z.enum(deadOutcomes, {
  error: `must be one of ${deadOutcomes.join(', ')}: of others nothing is missing`,
})

const filter = z
  .strictObject({
    outcome: z.array(deadOutcome).min(1).max(deadOutcomes.length).optional(),
    device: code.optional(),
    topic: topicFilter.optional(),
    from: moment.optional(),
    to: moment.optional(),
  })
  .openapi({ description: 'which letters: all of it must hold, and without any all that there are' })

const count = z.int().min(0)
const report = z
  .object({
    settled: count.openapi({ description: 'dead no more; of a dry run: would be' }),
    failed: count.openapi({ description: 'attempted, and dead still' }),
    waiting: count.openapi({ description: 'not attempted, because it would have no effect' }),
    exhausted: count.openapi({ description: 'not attempted, because it was attempted as often as it may be' }),
    taken: count.openapi({ description: 'somebody else took it in the meantime' }),
    readings: z
      .partialRecord(readingOutcome, count)
      .openapi({ description: 'what became of their readings, by outcome' }),
  })
  .nullable()
  .openapi({
    description: 'null before it has ended, and where nothing was done; every letter is in one of five counts',
  })

const redrive = z
  .object({
    id,
    status: z
      .enum(redriveStatuses)
      .openapi({ description: '`waiting` until a process with the ingest role begins it' }),
    filter,
    execute: z.boolean(),
    force: z.boolean(),
    expected_letters: count.nullable(),
    letters_total: count.nullable().openapi({ description: 'how many there were when it began' }),
    letters_done: count,
    report,
    reason: z.enum(redriveFailures).nullable().openapi({
      description:
        'why it failed: `cancelled`; `more_letters` than expected, and nothing was done; `given_up`, since process after process was gone over it; `internal`: the log says more',
    }),
    requested_by: z.string(),
    requested_at: time,
    cancel_requested_at: time.nullable(),
    started_at: time.nullable(),
    ended_at: time.nullable(),
  })
  .openapi('Redrive', {
    example: {
      id: exampleId,
      status: 'done',
      filter: { outcome: ['unknown_device'], device: 'A-17' },
      execute: true,
      force: false,
      expected_letters: 96,
      letters_total: 96,
      letters_done: 96,
      report: {
        settled: 96,
        failed: 0,
        waiting: 0,
        exhausted: 0,
        taken: 0,
        readings: { applied: 40, unchanged: 54, late: 2 },
      },
      reason: null,
      requested_by: `user:${exampleId}`,
      requested_at: '2026-11-20T14:10:00.000Z',
      cancel_requested_at: null,
      started_at: '2026-11-20T14:10:00.120Z',
      ended_at: '2026-11-20T14:10:01.450Z',
    },
  })
const page = z.object({ items: z.array(redrive), next }).openapi('RedrivePage')

const wanted = z
  .strictObject({
    filter: filter.default({}),
    execute: z
      .boolean()
      .default(false)
      .openapi({ description: 'do it; otherwise only count what would become of each' }),
    force: z.boolean().default(false).openapi({ description: 'also attempt what would have no effect' }),
    expected_letters: count.max(2_147_483_647).optional().openapi({
      description: 'what a dry run counted: where there are more when it begins, it fails and nothing is done',
    }),
  })
  .openapi('WantedRedrive', { example: { filter: { outcome: ['unknown_device'] }, execute: false, force: false } })

const location = { description: 'where it shows how it goes on', schema: { type: 'string' as const } }
const { 409: _taken, ...askFailures } = createFailures

export const requestRoute = createRoute({
  ...common,
  ...guardedBy('readings:redrive'),
  method: 'post',
  path: REDRIVES,
  summary: 'Have dead letters redriven',
  description:
    'As if they arrived when they did, in the order of arrival, by a process with the ingest role: within seconds, unless another one of the tenant is under way. Without `execute` nothing changes.',
  request: { headers: idempotencyHeader, body: body(wanted) },
  responses: {
    202: {
      ...json(redrive, 'it waits to be begun'),
      headers: { 'X-Request-Id': requestIdHeader, Location: location },
    },
    ...askFailures,
    429: problem('too_many_requests', 'Ten of them are under way or wait already.'),
  },
})

export const listRoute = createRoute({
  ...common,
  ...guardedBy('readings:read'),
  method: 'get',
  path: REDRIVES,
  summary: 'Redrives',
  description: 'The newest first; kept for 90 days after their end.',
  request: {
    query: pageQuery(ITEMS_PER_PAGE).extend({
      status: z.enum(redriveStatuses).optional().openapi({ description: 'those that stand so' }),
    }),
  },
  responses: { 200: json(page, 'a page of redrives'), ...readFailures },
})

export const readRoute = createRoute({
  ...common,
  ...guardedBy('readings:read'),
  method: 'get',
  path: `${REDRIVES}/{id}`,
  summary: 'A redrive, and how it goes on',
  request: { params },
  responses: { 200: json(redrive, 'the redrive'), ...readFailures },
})

export const cancelRoute = createRoute({
  ...common,
  ...guardedBy('readings:redrive'),
  method: 'put',
  path: `${REDRIVES}/{id}/cancel`,
  summary: 'End a redrive',
  description:
    'At once where it waits, otherwise behind the readings that it has in hand: what was done stays. It ends as `failed`, with `cancelled` as its reason. One that has ended stays as it is.',
  request: { params },
  responses: { 200: json(redrive, 'the redrive, which is to end'), ...readFailures },
})
