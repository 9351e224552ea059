import { z } from '@hono/zod-openapi'
import { reservationStates } from '../../store/reservations.ts'
import { exampleId, features, id, next, otherExampleId, time } from './place-schemas.ts'

/** The bodies of reservations. */
const VEHICLE_CHARACTERS = 32

export const reservationState = z.enum(reservationStates).openapi({
  description:
    '`pending` (held until `hold_expires_at`), `confirmed`, `active` (its time has come), then `completed`, or `cancelled`, `expired` (a hold that nobody confirmed), `no_show`',
})

/** As text: what is between milliseconds is refused by a problem of its own. */
export const instant = z.iso.datetime({ offset: true }).openapi({
  format: 'date-time',
  description: 'RFC 3339 with an offset, in whole milliseconds',
})

const example = {
  id: exampleId,
  space_id: otherExampleId,
  space: 'A-017',
  site_id: exampleId,
  state: 'confirmed',
  start: '2026-11-20T09:00:00.000Z',
  end: '2026-11-20T11:00:00.000Z',
  holder: `user:${otherExampleId}`,
  vehicle: 'HH-AB 123',
  features: ['ev'],
  hold_expires_at: null,
  checked_in_at: null,
  checked_out_at: null,
  contested_at: null,
  overstayed_at: null,
  ended_at: null,
  created_at: '2026-11-20T08:00:00.000Z',
} as const

export const reservationBody = z
  .object({
    id,
    space_id: id,
    space: z.string().openapi({ description: 'the code of the space' }),
    site_id: id,
    state: reservationState,
    start: time,
    end: time,
    holder: z.string().openapi({ description: '`user:` or `api_key:` and the id' }),
    vehicle: z.string().nullable(),
    features: z.array(z.string()).openapi({ description: 'what another space must have to be as good' }),
    hold_expires_at: time.nullable().openapi({ description: 'of a hold: until when it can be confirmed' }),
    checked_in_at: time.nullable(),
    checked_out_at: time.nullable(),
    contested_at: time
      .nullable()
      .openapi({ description: 'when somebody else was found in the space: it can be moved to another one' }),
    overstayed_at: time.nullable().openapi({ description: 'when its holder stood there still after its end' }),
    ended_at: time.nullable().openapi({ description: 'null while it holds the space' }),
    created_at: time,
  })
  .openapi('Reservation', { example: { ...example, features: [...example.features] } })

const newExample = {
  site_id: exampleId,
  features: ['ev'],
  start: '2099-11-20T09:00:00+01:00',
  end: '2099-11-20T11:00:00+01:00',
  vehicle: 'HH-AB 123',
}

export const newReservation = z
  .strictObject({
    space_id: id.optional().openapi({ description: 'this space; without it, `site_id`' }),
    site_id: id.optional().openapi({ description: 'any space of this site that has all `features`: chosen by us' }),
    features: features.optional(),
    start: instant,
    end: instant,
    vehicle: z
      .string()
      .trim()
      .min(1)
      .max(VEHICLE_CHARACTERS)
      .regex(/^[\p{L}\p{N} .:-]+$/u, 'has other characters than letters, digits, spaces, dots, colons and hyphens')
      .nullable()
      .optional()
      .openapi({ type: ['string', 'null'], description: 'its number plate' }),
    hold: z
      .boolean()
      .optional()
      .openapi({ description: 'only held for `hold_s` of the policy, until it is confirmed' }),
  })
  .refine(({ space_id: space, site_id: site }) => (space === undefined) !== (site === undefined), {
    path: ['space_id'],
    message: 'is given, or site_id, and not both',
  })
  .refine(({ space_id: space, features: wanted }) => space === undefined || wanted === undefined, {
    path: ['features'],
    message: 'go with site_id alone',
  })
  .openapi('NewReservation', { example: newExample })

export const extension = z
  .strictObject({ end: instant })
  .openapi('ReservationExtension', { example: { end: '2099-11-20T12:00:00+01:00' } })

export const reservationPage = z.object({ items: z.array(reservationBody), next }).openapi('ReservationPage')

export const spaceAvailability = z
  .object({
    space_id: id,
    from: time,
    to: time,
    intervals: z.array(
      z.object({
        from: time,
        to: time,
        state: z.enum(['free', 'taken', 'held', 'blocked']),
        reservation_id: id.optional().openapi({ description: 'told to those who manage reservations alone' }),
      }),
    ),
  })
  .openapi('SpaceAvailability', {
    example: {
      space_id: otherExampleId,
      from: '2026-11-20T08:00:00.000Z',
      to: '2026-11-20T12:00:00.000Z',
      intervals: [
        { from: '2026-11-20T08:00:00.000Z', to: '2026-11-20T09:00:00.000Z', state: 'free' },
        { from: '2026-11-20T09:00:00.000Z', to: '2026-11-20T11:00:00.000Z', state: 'taken' },
        { from: '2026-11-20T11:00:00.000Z', to: '2026-11-20T12:00:00.000Z', state: 'free' },
      ],
    },
  })
