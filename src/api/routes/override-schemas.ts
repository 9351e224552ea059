import { z } from '@hono/zod-openapi'
import { moment } from '../schemas.ts'
import { exampleId, id, next, otherExampleId, reason, time } from './place-schemas.ts'

/** The bodies of overrides. */
export const overrideKind = z
  .enum(['blocked', 'out_of_service'])
  .openapi({ description: '`blocked`: nobody is to park there; `out_of_service`: the space is not there at all' })

export const overrideExample = {
  id: exampleId,
  space_id: otherExampleId,
  kind: 'blocked',
  reason: 'Market day',
  starts_at: '2026-11-20T09:00:00.000Z',
  ends_at: '2026-11-20T18:00:00.000Z',
  ended_at: null,
  created_by: 'user:01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55',
} as const

export const overrideBody = z
  .object({
    id,
    space_id: id,
    kind: overrideKind,
    reason: z.string().nullable(),
    starts_at: time,
    ends_at: time.nullable().openapi({ description: 'when it ends by itself; null: never' }),
    ended_at: time.nullable().openapi({ description: 'null while it is in force' }),
    created_by: z.string().openapi({ description: '`user:` or `api_key:` and the id' }),
  })
  .openapi('Override', { example: overrideExample })

const endsAt = moment
  .transform((text) => new Date(text))
  .nullable()
  .optional()
  .openapi({
    type: ['string', 'null'],
    format: 'date-time',
    description: 'when it is to end by itself, later than now; null: never',
  })

const wanted = {
  kind: overrideKind,
  reason: reason.nullable().optional(),
  ends_at: endsAt,
}
const wantedExample = { kind: 'blocked', reason: 'Market day', ends_at: '2099-11-20T18:00:00Z' } as const

export const newOverride = z
  .strictObject({ space_id: id, ...wanted })
  .openapi('NewOverride', { example: { space_id: otherExampleId, ...wantedExample } as never })

const MOST_SPACES = 500

export const newOverrides = z
  .strictObject({
    space_ids: z
      .array(id)
      .min(1)
      .max(MOST_SPACES)
      .refine((ids) => new Set(ids).size === ids.length, 'names one twice'),
    ...wanted,
  })
  .openapi('NewOverrides', { example: { space_ids: [otherExampleId], ...wantedExample } as never })

export const overrideChange = z
  .strictObject({ reason: reason.nullable().optional(), ends_at: endsAt })
  .openapi('OverrideChange', { example: { reason: 'Market day, all week' } })

export const overridePage = z.object({ items: z.array(overrideBody), next }).openapi('OverridePage')
export const overrideList = z.object({ items: z.array(overrideBody) }).openapi('OverrideList')
