import { requirePermission, type Actor } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import {
  selectReservation,
  selectReservations,
  type PageOfReservations,
  type Reservation,
} from '../store/reservations.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { holderOf, manages, maySee } from './holder.ts'
import { notFound } from './refusals.ts'
import { instantOf } from './rules.ts'

export interface ListedReservations extends Omit<PageOfReservations, 'holder' | 'now' | 'from' | 'to'> {
  /** Own ones, or everybody's; without it, all that the actor may see. */
  whose?: 'me' | 'all' | undefined
  from?: string | undefined
  to?: string | undefined
  clock: Clock
}

export async function listReservations(
  tx: TenantTransaction,
  actor: Actor,
  { whose = manages(actor) ? 'all' : 'me', from, to, clock, ...page }: ListedReservations,
): Promise<Reservation[]> {
  requirePermission(actor, whose === 'all' ? 'reservations:manage' : 'reservations:read')
  requirePermission(actor, 'reservations:read')
  const rows = await selectReservations(tx, {
    ...page,
    now: clock.now(),
    holder: whose === 'all' ? undefined : holderOf(actor),
    from: from === undefined ? undefined : instantOf(from, 'from'),
    to: to === undefined ? undefined : instantOf(to, 'to'),
  })
  return rows.map((row) => asOf(row, clock.now()))
}

export async function readReservation(
  tx: TenantTransaction,
  actor: Actor,
  { id, clock }: { id: string; clock: Clock },
): Promise<Reservation> {
  requirePermission(actor, 'reservations:read')
  const found = await selectReservation(tx, id)
  if (found === undefined || !maySee(actor, found)) throw notFound()
  return asOf(found, clock.now())
}

/** A hold that is over is expired, whether or not somebody has written so yet. */
function asOf(reservation: Reservation, now: number): Reservation {
  const { state, holdExpiresAt } = reservation
  if (state !== 'pending' || holdExpiresAt === null || holdExpiresAt.getTime() > now) return reservation
  return { ...reservation, state: 'expired', endedAt: holdExpiresAt }
}
