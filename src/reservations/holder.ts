import { hasPermission, type Actor } from '../auth/principal.ts'
import type { Holder, Reservation } from '../store/reservations.ts'

/** Whose reservations an actor makes: a person's own, or those of an API key. */
export function holderOf({ principal }: Pick<Actor, 'principal'>): Holder {
  return principal.kind === 'user'
    ? { kind: 'user', id: principal.userId }
    : { kind: 'api_key', id: principal.apiKeyId }
}

/** Whether everybody's reservations are theirs to see and to change. */
export function manages(actor: Pick<Actor, 'principal'>): boolean {
  return hasPermission(actor, 'reservations:manage')
}

export function isOwn(actor: Pick<Actor, 'principal'>, { holderKind, holderId }: Reservation): boolean {
  const { kind, id } = holderOf(actor)
  return holderKind === kind && holderId === id
}

/** To all others it is as if it did not exist. */
export function maySee(actor: Pick<Actor, 'principal'>, reservation: Reservation): boolean {
  return isOwn(actor, reservation) || manages(actor)
}
