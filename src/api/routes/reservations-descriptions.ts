import { createRoute, z } from '@hono/zod-openapi'
import { requiredIdempotencyHeader } from '../idempotency.ts'
import { json, problem } from '../responses.ts'
import { pageQuery } from '../schemas.ts'
import {
  body,
  created,
  createFailures,
  guardedBy,
  id,
  idParam,
  readFailures,
  resource,
  yesOrNo,
} from './place-schemas.ts'
import {
  extension,
  instant,
  newReservation,
  reservationBody,
  reservationPage,
  reservationState,
  spaceAvailability,
} from './reservation-schemas.ts'

/** The routes of reservations as the OpenAPI document has them. */
export const RESERVATIONS = '/api/v1/reservations'
const ITEMS_PER_PAGE = 100

const query = pageQuery(ITEMS_PER_PAGE).extend({
  space_id: id.optional().openapi({ description: 'of this space alone' }),
  site_id: id.optional().openapi({ description: 'of the spaces of this site' }),
  state: reservationState.optional(),
  contested: yesOrNo.optional().openapi({
    type: 'string',
    enum: ['true', 'false'],
    description: 'somebody else was found in the space, or nobody was',
  }),
  holder: z
    .enum(['me', 'all'])
    .optional()
    .openapi({ description: '`all` needs `reservations:manage`, and is what those with it get without this' }),
  from: instant.optional().openapi({ description: 'that end later than this' }),
  to: instant.optional().openapi({ description: 'that begin before this' }),
})
const params = idParam("the reservation's id")
const common = { tags: ['reservations'] }
const unprocessable = { 422: problem('unprocessable', 'Not what may be asked for: `errors` names the field.') }
const outOfTurn = { 409: problem('conflict', 'It is in another state than this needs: `detail` says in which.') }

export const listRoute = createRoute({
  ...common,
  ...guardedBy('reservations:read'),
  method: 'get',
  path: RESERVATIONS,
  summary: 'Reservations',
  description: 'In the order in which they were made, those that have ended too. Drivers see their own.',
  request: { query },
  responses: { 200: json(reservationPage, 'a page of reservations'), ...readFailures, ...unprocessable },
})

export const readRoute = createRoute({
  ...common,
  ...guardedBy('reservations:read'),
  method: 'get',
  path: `${RESERVATIONS}/{id}`,
  summary: 'A reservation',
  request: { params },
  responses: { 200: resource(reservationBody, 'the reservation'), ...readFailures },
})

export const createReservationRoute = createRoute({
  ...common,
  ...guardedBy('reservations:write'),
  method: 'post',
  path: RESERVATIONS,
  summary: 'Reserve a space',
  description:
    'A given one, or one of a site that has all the features. Two that overlap by a millisecond are impossible; touching ones are not. With `hold` it is only held, for `hold_s` of the policy, until it is confirmed. `Idempotency-Key` is required.',
  request: { headers: requiredIdempotencyHeader, body: body(newReservation) },
  responses: {
    201: created(reservationBody),
    ...createFailures,
    ...unprocessable,
    409: problem('conflict', 'The space is not free for all of that time: `detail` says why not.'),
  },
})

const action = <Name extends string>(name: Name, { summary, description }: { summary: string; description: string }) =>
  createRoute({
    ...common,
    ...guardedBy('reservations:write'),
    method: 'put',
    path: `${RESERVATIONS}/{id}/${name}` as const,
    summary,
    description,
    request: { params },
    responses: { 200: resource(reservationBody, 'the reservation as it is now'), ...readFailures, ...outOfTurn },
  })

export const confirmRoute = action('confirm', {
  summary: 'Confirm a hold',
  description: 'One that is confirmed already stays as it is; one that has expired is refused.',
})
export const cancelRoute = action('cancel', {
  summary: 'Cancel a reservation',
  description: 'Its time is free from now on. One that is cancelled already stays as it is.',
})
export const checkInRoute = action('check-in', {
  summary: 'Check in',
  description: 'From `reserved_soon_s` of the policy before it begins. Who has checked in already stays so.',
})
export const checkOutRoute = action('check-out', {
  summary: 'Check out',
  description: 'The rest of its time is free from now on. One that is completed already stays as it is.',
})
export const moveRoute = action('move', {
  summary: 'Move to an equivalent space',
  description:
    'Of the same site, with all that was asked for: before it begins, or when somebody else was found in its space.',
})

export const extendRoute = createRoute({
  ...common,
  ...guardedBy('reservations:write'),
  method: 'put',
  path: `${RESERVATIONS}/{id}/extend`,
  summary: 'Extend a reservation',
  description: 'To a later end, where nobody comes in between.',
  request: { params, body: body(extension) },
  responses: {
    200: resource(reservationBody, 'the reservation as it is now'),
    ...createFailures,
    ...outOfTurn,
    ...unprocessable,
  },
})

export const availabilityRoute = createRoute({
  ...common,
  ...guardedBy('reservations:read'),
  method: 'get',
  path: '/api/v1/spaces/{id}/availability',
  summary: 'When a space is free',
  description:
    'Intervals that touch, from `from` to `to` (at most 400 days): `taken` by a booking, `held` until somebody confirms or does not, `blocked` by an override, `free` otherwise. Bookings that have ended take nothing.',
  request: { params: idParam("the space's id"), query: z.strictObject({ from: instant, to: instant }) },
  responses: { 200: json(spaceAvailability, 'the intervals'), ...readFailures, ...unprocessable },
})
