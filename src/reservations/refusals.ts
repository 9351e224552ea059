import type { ReservationState } from '../occupancy/reservation-calendar.ts'
import { Refusal } from '../refusal.ts'

/** The same for what another tenant or another driver has and for what does not exist. */
export function notFound(): Refusal {
  return new Refusal('not_found', 'There is nothing at this URL.')
}

/** Of an id in a body that names nothing of the tenant's. */
export function unknownReference(field: string): Refusal {
  return new Refusal('not_found', `There is nothing with the id in ${field}.`, {
    errors: [{ path: field, message: 'is the id of nothing that there is' }],
  })
}

/** Well formed, but nothing that may be asked for. */
export function unprocessable(path: string, message: string): Refusal {
  return new Refusal('unprocessable', `${path} ${message}.`, { errors: [{ path, message }] })
}

/** This space cannot be had for the time; another one perhaps can. */
export class SpaceTakenRefusal extends Refusal {
  constructor(why: string) {
    super('conflict', `The space is ${why}: its availability says when it is free.`)
  }
}

export function taken({ startsAt, endsAt }: { startsAt: Date; endsAt: Date }): Refusal {
  return new SpaceTakenRefusal(`taken from ${startsAt.toISOString()} to ${endsAt.toISOString()}`)
}

const words: Record<ReservationState, string> = {
  pending: 'is a hold that was not confirmed',
  confirmed: 'has not begun',
  active: 'is active',
  completed: 'is completed',
  cancelled: 'was cancelled',
  expired: 'was a hold that expired',
  no_show: 'ended because nobody came',
}

/** Of an action that needs another state than the one that the reservation is in. */
export function notInThisState({ state }: { state: ReservationState }): Refusal {
  return new Refusal('conflict', `The reservation ${words[state]} (${state}).`)
}
