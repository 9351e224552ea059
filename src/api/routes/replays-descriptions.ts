import { createRoute, z } from '@hono/zod-openapi'
import { json, problem } from '../responses.ts'
import { moment } from '../schemas.ts'
import { readingOutcome } from './explain-schemas.ts'
import { body, code, exampleId, guardedBy, id, readFailures } from './place-schemas.ts'
import { policyFields } from './policy-schemas.ts'
import { dryRunReport } from './replay-schemas.ts'

/** The routes of replays as the OpenAPI document has them. */
export const REPLAYS = '/api/v1/replays'
const TOPIC_CHARACTERS = 300

const filter = z
  .strictObject({
    topic: z
      .string()
      .min(1)
      .max(TOPIC_CHARACTERS)
      .regex(/^[^\p{Cc}\p{Surrogate}]*$/u, 'has control characters, or is not Unicode')
      .optional()
      .openapi({ description: 'an MQTT topic filter' }),
    device: code.optional().openapi({ description: 'of the device with this code' }),
    space_id: id.optional().openapi({ description: 'that reached this space' }),
    site_id: id.optional().openapi({ description: 'that reached a space of this site' }),
    outcome: z
      .array(readingOutcome)
      .min(1)
      .max(9)
      .optional()
      .openapi({ description: 'what became of them: one of these' }),
    from: moment.optional().openapi({ description: 'arrived from this time on' }),
    to: moment.optional().openapi({ description: 'and before this' }),
  })
  .openapi('ReplayFilter', { example: { space_id: exampleId } })
export type FilterBody = z.infer<typeof filter>

const asked = z.strictObject({ filter }).openapi('ReplaySelection', { example: { filter: { space_id: exampleId } } })
const wanted = z
  .strictObject({
    filter,
    policy: policyFields
      .nullable()
      .optional()
      .openapi({ description: 'a backtest: these fields hold instead of what did, from `from` on' }),
  })
  .openapi('DryRunRequest', {
    example: { filter: { space_id: exampleId }, policy: { debounce: { readings: 2, hold_s: 10 } } },
  })
const counted = z
  .object({
    readings: z.int(),
    spaces: z.int().openapi({ description: 'that they reached' }),
    most: z.int().openapi({ description: 'readings that a dry run takes' }),
  })
  .openapi('ReplayCount', { example: { readings: 1204, spaces: 1, most: 200_000 } })

const common = { tags: ['readings'], ...guardedBy('readings:read'), method: 'post' as const }
const failures = {
  ...readFailures,
  413: problem('content_too_large', 'The body is larger than 1 MiB.'),
  429: problem('too_many_requests', 'Another replay of your tenant is running; see `Retry-After`.'),
  503: problem('busy', 'Others replay at the moment, or the database does not answer; see `Retry-After`.'),
}
const cannot = problem('unprocessable', 'No reading is chosen, or too many are: `errors` says how many.')

export const countRoute = createRoute({
  ...common,
  path: `${REPLAYS}/count`,
  summary: 'How many readings a replay would take',
  description: 'Nothing is changed. All filters must hold; without any it is the whole log of the tenant.',
  request: { body: body(asked) },
  responses: {
    200: json(counted, 'how many'),
    ...failures,
    422: problem('unprocessable', 'They could not be counted in time: choose fewer.'),
  },
})

export const dryRunRoute = createRoute({
  ...common,
  path: `${REPLAYS}/dry-run`,
  summary: 'Logged readings once more through the state machine, into memory',
  description:
    'Compared with what was recorded, as it is or under another policy. Nothing is changed. It takes at most `BAYWIRE_REPLAY_READINGS` readings and less than a minute, one at a time of each tenant; `baywire replay` has no limits.',
  request: { body: body(wanted) },
  responses: { 200: json(dryRunReport, 'what it came to'), ...failures, 422: cannot },
})
