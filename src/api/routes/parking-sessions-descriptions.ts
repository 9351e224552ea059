import { createRoute, z } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { pageQuery } from '../schemas.ts'
import {
  code,
  exampleId,
  guardedBy,
  id,
  idParam,
  next,
  otherExampleId,
  readFailures,
  time,
  yesOrNo,
} from './place-schemas.ts'

/** The routes of parking sessions as the OpenAPI document has them. */
const ITEMS_PER_PAGE = 100
const common = { tags: ['parking sessions'], ...guardedBy('parking-sessions:read'), method: 'get' as const }

const moment = z.iso
  .datetime({ offset: true, error: 'must be a time, as 2026-11-20T08:15:04Z' })
  .transform((text) => Date.parse(text))
  .refine((at) => !Number.isNaN(at), 'is no time')
  .optional()
const day = z.iso.date({ error: 'must be a day, as 2026-11-20' }).optional()

const ofSpace = pageQuery(ITEMS_PER_PAGE).extend({
  day: day.openapi({
    description: 'which have a part in this day, by the clocks of their site (23 or 25 hours where those are moved)',
    example: '2026-11-20',
  }),
  from: moment.openapi({
    type: 'string',
    format: 'date-time',
    description: 'which had not ended by then',
    example: '2026-11-20T08:00:00Z',
  }),
  to: moment.openapi({
    type: 'string',
    format: 'date-time',
    description: 'which had begun before',
    example: '2026-11-20T20:00:00Z',
  }),
  open: yesOrNo.optional().openapi({
    type: 'string',
    enum: ['true', 'false'],
    description: 'which have not ended yet, or have',
  }),
})
const inTenant = ofSpace.extend({
  space_id: id.optional().openapi({ description: 'of this space alone' }),
  site_id: id.optional().openapi({ description: 'of the spaces of this site' }),
})

interface Span {
  day?: string | undefined
  from?: number | undefined
  to?: number | undefined
}
const oneOfBoth = ({ day: given, from, to }: Span) => given === undefined || (from === undefined && to === undefined)
const oneOfBothMessage = { path: ['day'], message: 'does not go with from or to' }
const inOrder = ({ from = -Infinity, to = Infinity }: Span) => from < to
const inOrderMessage = { path: ['to'], message: 'must be later than from' }

const parkingSession = z
  .object({
    space_id: id,
    space: code,
    site_id: id,
    site: code,
    started_at: time,
    ended_at: time.nullable().openapi({ description: 'null while the space is occupied' }),
    uncertain: z.boolean().openapi({
      description: 'its evidence has a gap longer than `unknown_after`: it may have been more than one car',
    }),
    duration_s: z.number().min(0).nullable().openapi({ description: 'null while it is open' }),
  })
  .openapi('ParkingSession', {
    example: {
      space_id: otherExampleId,
      space: 'A-017',
      site_id: exampleId,
      site: 'harbour',
      started_at: '2026-11-20T08:15:04.120Z',
      ended_at: '2026-11-20T09:00:04.120Z',
      uncertain: false,
      duration_s: 2700,
    },
  })
const page = z.object({ items: z.array(parkingSession), next }).openapi('ParkingSessionPage')
const description =
  'In the order in which they began. They follow from the readings: one that arrives late may split, join, move or take away sessions.'

export const listRoute = createRoute({
  ...common,
  path: '/api/v1/parking-sessions',
  summary: 'Parking sessions: from the arrival of a car to its departure',
  description,
  request: { query: inTenant.refine(oneOfBoth, oneOfBothMessage).refine(inOrder, inOrderMessage) },
  responses: { 200: json(page, 'a page of parking sessions'), ...readFailures },
})

export const ofSpaceRoute = createRoute({
  ...common,
  path: '/api/v1/spaces/{id}/parking-sessions',
  summary: 'Parking sessions of a space',
  description,
  request: {
    params: idParam("the space's id"),
    query: ofSpace.refine(oneOfBoth, oneOfBothMessage).refine(inOrder, inOrderMessage),
  },
  responses: { 200: json(page, 'a page of parking sessions'), ...readFailures },
})
