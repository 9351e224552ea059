import { z } from '@hono/zod-openapi'
import { pageQuery } from '../schemas.ts'
import { exampleId, id, otherExampleId, status, time } from './place-schemas.ts'

const ITEMS_PER_PAGE = 100
const CURSOR = 'wR0rY0nq3mXo0mO3iVxqv0b8c4Q2dY1l7uZk2nq0T5A'

export const cursor = z.string({ error: 'must be given once' }).openapi({ example: CURSOR })
const room = {
  site_id: id.optional().openapi({ description: 'only of this site' }),
  space_id: id.optional().openapi({ description: 'only of this space' }),
}
const oneRoom = {
  check: ({ site_id: site, space_id: space }: { site_id?: string | undefined; space_id?: string | undefined }) =>
    site === undefined || space === undefined,
  message: { path: ['space_id'], message: 'site_id or space_id, not both' },
}

export const changesQuery = pageQuery(ITEMS_PER_PAGE)
  .omit({ cursor: true })
  .extend({
    since: cursor.optional().openapi({ description: '`next` of the answer before, or the `id` of an event' }),
    ...room,
  })
  .refine(oneRoom.check, oneRoom.message)

export const eventsQuery = z
  .strictObject({
    since: cursor.optional().openapi({ description: 'the same as `Last-Event-ID`, which counts where both are sent' }),
    ...room,
  })
  .refine(oneRoom.check, oneRoom.message)

export const eventsHeaders = z.object({
  'last-event-id': z.string().optional().openapi({ description: 'the `id` that came last', example: CURSOR }),
})

export const socketQuery = z.strictObject({
  ticket: z.string({ error: 'must be given once' }).optional().openapi({
    description: 'of `POST /api/v1/ws/tickets`',
    example: 'q2c9Zk0u',
  }),
})

const event = z
  .object({
    id: cursor.openapi({ description: 'its cursor: the same wherever the event is shown' }),
    kind: z.string().openapi({ description: 'such as `occupied`, `vacated`, `reserved`, `sensor_lost`' }),
    event_time: time.openapi({ description: 'when it happened, by the evidence' }),
    recorded_at: time.openapi({ description: 'when it was recorded' }),
    site_id: z.uuid().nullable().openapi({ description: 'null, as the codes, once the space is deleted' }),
    site: z.string().nullable(),
    space_id: z.uuid(),
    space: z.string().nullable(),
    cause: z
      .object({ type: z.string(), id: z.string().optional() })
      .openapi({ description: '`reading`, `reservation`, `user`, `timer`; ids of people are in the audit log' }),
    rule: z.string(),
    state: z.object({
      status,
      occupancy: z.enum(['unknown', 'vacant', 'occupied']),
      reservation: z.string(),
      override: z.string(),
      stale: z.boolean(),
      since: time.nullable(),
      observed_at: time.nullable(),
      version: z.int().openapi({ description: 'of two states of a space the higher one is the newer one' }),
    }),
  })
  .openapi('SpaceEvent', {
    example: {
      id: CURSOR,
      kind: 'occupied',
      event_time: '2026-11-20T08:15:04.120Z',
      recorded_at: '2026-11-20T08:15:04.310Z',
      site_id: exampleId,
      site: 'harbour',
      space_id: otherExampleId,
      space: 'A-017',
      cause: { type: 'reading', id: '01995b6e-9a10-7c02-8b11-3d5e6f708193' },
      rule: 'reading',
      state: {
        status: 'occupied',
        occupancy: 'occupied',
        reservation: 'none',
        override: 'none',
        stale: false,
        since: '2026-11-20T08:15:04.120Z',
        observed_at: '2026-11-20T08:15:04.120Z',
        version: 17,
      },
    },
  })

export const changesBody = z
  .object({
    items: z.array(event),
    next: cursor.openapi({ description: 'ask for what is behind it; there may be more at once' }),
    reset: z.object({ snapshot_url: z.string() }).optional().openapi({
      description: 'what followed `since` cannot be told any more: read the states anew, then go on with `next`',
    }),
  })
  .openapi('Changes')

export const ticketBody = z
  .object({
    ticket: z.string(),
    url: z.string().openapi({ description: 'what to open, on this server' }),
    expires_at: time,
  })
  .openapi('StreamTicket', {
    example: { ticket: 'q2c9Zk0u', url: '/api/v1/ws?ticket=q2c9Zk0u', expires_at: '2026-11-20T08:15:34.120Z' },
  })
