import { createRoute, z } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { moment } from '../schemas.ts'
import { listFailures, signedInWith, time } from './speaker-schemas.ts'

const count = z.int().min(0)
const counts = z.object({
  received: count,
  applied: count,
  unchanged: count,
  debouncing: count,
  duplicate: count,
  late: count,
  retained: count,
  unassigned: count,
  unknown_device: count,
  malformed: count,
})
const none = {
  received: 0,
  applied: 0,
  unchanged: 0,
  debouncing: 0,
  duplicate: 0,
  late: 0,
  retained: 0,
  unassigned: 0,
  unknown_device: 0,
  malformed: 0,
}
const some = { ...none, received: 21, applied: 4, unchanged: 17 }

const ledger = z
  .object({
    from: time,
    to: time,
    ...counts.shape,
    balanced: z
      .boolean()
      .nullable()
      .openapi({ description: 'whether the log has as many; null where they are too many to be counted at once' }),
    imbalance: count.nullable().openapi({ description: 'by how many readings they differ' }),
    dropped: counts.openapi({ description: 'of these, on days whose readings are not kept any more' }),
    step_s: z.int().openapi({ description: 'length of each step of `series`: a minute, an hour or a day' }),
    series: z.array(counts.extend({ at: time.openapi({ description: 'where the step begins' }) })),
  })
  .openapi('Ledger', {
    example: {
      from: '2026-11-20T14:00:00.000Z',
      to: '2026-11-20T14:01:00.000Z',
      ...some,
      balanced: true,
      imbalance: 0,
      dropped: none,
      step_s: 60,
      series: [{ at: '2026-11-20T14:00:00.000Z', ...some }],
    },
  })

export const ledgerRoute = createRoute({
  ...signedInWith('dashboard:read'),
  method: 'get',
  path: '/api/v1/ledger',
  tags: ['dashboard'],
  summary: 'What became of what was delivered',
  description:
    'Deliveries by minute of arrival and outcome, as `baywire ledger` has them: the outcomes add up to `received`. Without `from`, of the last 24 hours before `to`; whole minutes, or whole steps, both ends included; at most 400 days.',
  request: {
    query: z.strictObject({
      from: moment.optional().openapi({ description: 'from this time on', example: '2026-11-20T00:00:00Z' }),
      to: moment.optional().openapi({ description: 'up to this; without it, now', example: '2026-11-21T00:00:00Z' }),
    }),
  },
  responses: { 200: json(ledger, 'the books'), ...listFailures },
})
