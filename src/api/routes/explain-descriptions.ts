import { createRoute, z } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { moment } from '../schemas.ts'
import { explanation } from './explain-schemas.ts'
import { guardedBy, idParam, readFailures, yesOrNo } from './place-schemas.ts'
import { SPACES } from './spaces-descriptions.ts'

const query = z.strictObject({
  at: moment
    .optional()
    .openapi({ description: 'as it was shown then; without it, now', example: '2026-11-20T14:05:00Z' }),
  as_known_now: yesOrNo.default(false).openapi({
    type: 'string',
    enum: ['true', 'false'],
    description: 'by all that is known since: late readings in their places',
  }),
})

export const explainRoute = createRoute({
  tags: ['spaces'],
  ...guardedBy('readings:read'),
  method: 'get',
  path: `${SPACES}/{id}/explain`,
  summary: 'Why a space shows, or showed, what it does',
  description:
    'The message that decided, those that did not count and why, the override and the reservation in force, the policy and the rule, and the next timer. As shown at `at`: by what was recorded until then.',
  request: { params: idParam("the space's id"), query },
  responses: { 200: json(explanation, 'the explanation'), ...readFailures },
})
