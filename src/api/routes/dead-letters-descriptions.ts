import { createRoute } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { countQuery, deadLetterCounts, deadLetterPage, deadMessage, listQuery } from './dead-letters-schemas.ts'
import { guardedBy, idParam, readFailures } from './place-schemas.ts'

/** The routes of dead letters as the OpenAPI document has them. */
const DEAD_LETTERS = '/api/v1/dead-letters'
const common = { tags: ['dead letters'], ...guardedBy('readings:read'), method: 'get' as const }

export const listRoute = createRoute({
  ...common,
  path: DEAD_LETTERS,
  summary: 'Readings that had no effect',
  description:
    'And may have one once the cause is mended: the newest first. All filters must hold. A page may have fewer items than `limit`, and none, while `next` goes on from there. A message of several readings has its payload on part 0.',
  request: { query: listQuery },
  responses: { 200: json(deadLetterPage, 'a page of dead letters'), ...readFailures },
})

export const countRoute = createRoute({
  ...common,
  path: `${DEAD_LETTERS}/counts`,
  summary: 'How many dead letters there are',
  description: 'By outcome and reason, the most frequent first, at most 200 of them.',
  request: { query: countQuery },
  responses: { 200: json(deadLetterCounts, 'the counts'), ...readFailures },
})

export const readRoute = createRoute({
  ...common,
  path: `${DEAD_LETTERS}/{id}`,
  summary: 'A message that had no effect, or not with all of its readings',
  description: 'With all attempts to redrive it, also once one had an effect.',
  request: { params: idParam("the message's id") },
  responses: { 200: json(deadMessage, 'the message'), ...readFailures },
})
