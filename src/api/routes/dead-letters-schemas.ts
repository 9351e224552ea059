import { z } from '@hono/zod-openapi'
import { deadOutcomes, listedOutcomes } from '../../store/dead-letters.ts'
import { GIVEN_ONCE, moment, pageQuery } from '../schemas.ts'
import { payload, readingOutcome } from './explain-schemas.ts'
import { code, exampleId, id, next, time } from './place-schemas.ts'

/** What dead letters and redrives take and answer. */
const ITEMS_PER_PAGE = 100
const TOPIC_CHARACTERS = 300

export const topicFilter = z
  .string({ error: GIVEN_ONCE })
  .min(1)
  .max(TOPIC_CHARACTERS)
  .regex(/^[^\p{Cc}\p{Surrogate}]*$/u, 'has control characters, or is not Unicode')
  .openapi({ description: 'an MQTT topic filter that takes their topic', example: 'parking/v1/+/gateways/#' })

const outcomesOf = <Name extends string>(names: readonly [Name, ...Name[]], about: string) =>
  z
    .string({ error: GIVEN_ONCE })
    .max(200)
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(names)))
    .optional()
    .openapi({ type: 'string', description: about, example: 'unknown_device,unassigned' })

const narrowing = {
  device: code.optional().openapi({ description: 'that name the device with this code', example: 'A-17' }),
  topic: topicFilter.optional(),
  from: moment.optional().openapi({ description: 'arrived from this time on', example: '2026-11-20T00:00:00Z' }),
  to: moment.optional().openapi({ description: 'and before this', example: '2026-11-21T00:00:00Z' }),
}

export const listQuery = pageQuery(ITEMS_PER_PAGE).extend({
  outcome: outcomesOf(
    listedOutcomes,
    'one or several, with commas between; without it the first four: `late` and `duplicate` lack nothing',
  ),
  ...narrowing,
})
export const countQuery = z.strictObject({
  outcome: outcomesOf(deadOutcomes, 'one or several, with commas between; without it all four'),
  ...narrowing,
})

const outcome = z.enum(listedOutcomes)

export const deadLetter = z
  .object({
    id: id.openapi({ description: 'of the message' }),
    part: z.int().openapi({ description: 'which reading of the message' }),
    received_at: time,
    observed_at: time.nullable(),
    topic: z.string(),
    device: z.string().nullable(),
    delivery: z.string().nullable().openapi({ description: '`dup`, `retained`, `retain-stripped`' }),
    outcome,
    reason: z.string().nullable(),
    attempts: z.int().openapi({ description: 'how often it was redriven without an effect' }),
    last_outcome: readingOutcome.nullable().openapi({ description: 'of the last attempt; null where it was cut off' }),
    last_reason: z.string().nullable(),
    payload,
  })
  .openapi('DeadLetter', {
    example: {
      id: exampleId,
      part: 0,
      received_at: '2026-11-20T14:03:58.310Z',
      observed_at: '2026-11-20T14:03:58.120Z',
      topic: 'parking/v1/city/devices/A-17/reading',
      device: 'A-17',
      delivery: null,
      outcome: 'unknown_device',
      reason: 'no device A-17',
      attempts: 0,
      last_outcome: null,
      last_reason: null,
      payload: { bytes: 18, text: '{"occupied": true}', hex: '7b226f63637570696564223a20747275657d' },
    },
  })
export const deadLetterPage = z.object({ items: z.array(deadLetter), next }).openapi('DeadLetterPage')

export const deadLetterCounts = z
  .object({
    items: z.array(z.object({ outcome, reason: z.string().nullable(), count: z.int() })),
    total: z.int().openapi({ description: 'of all of them, also of those that are not among `items`' }),
  })
  .openapi('DeadLetterCounts', {
    example: { items: [{ outcome: 'unknown_device', reason: 'no device A-17', count: 96 }], total: 96 },
  })

const attempt = z.object({
  attempt: z.int(),
  by: z.string(),
  started_at: time,
  ended_at: time.nullable().openapi({ description: 'null while it is being made, and for good where it was cut off' }),
  outcome: readingOutcome.nullable(),
  reason: z.string().nullable(),
})

export const deadMessage = z
  .object({
    id,
    received_at: time,
    topic: z.string(),
    delivery: z.string().nullable(),
    payload,
    parts: z
      .array(
        z.object({
          part: z.int(),
          device: z.string().nullable(),
          observed_at: time.nullable(),
          outcome,
          reason: z.string().nullable(),
          dead: z
            .boolean()
            .openapi({ description: 'false once an attempt had an effect, and where nothing is missing' }),
          attempts: z.array(attempt),
        }),
      )
      .openapi({ description: 'its readings that had no effect when they arrived' }),
  })
  .openapi('DeadMessage')
