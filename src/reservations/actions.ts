import type { Actor } from '../auth/principal.ts'
import { Refusal } from '../refusal.ts'
import { isLive, soonAt } from '../occupancy/reservation-calendar.ts'
import type { Reservation } from '../store/reservations.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import { act, release, type Act, type Held } from './act.ts'
import { notInThisState, unprocessable } from './refusals.ts'
import { requireFree, requireUsable } from './room.ts'
import { instantOf, requireAllowed } from './rules.ts'

/**
 * What a holder does with a reservation. Each says which states it starts from; where it was done already the answer is the
 * same again, and from all other states it is refused.
 *
 *   confirm    pending                            → confirmed, or active where its time has come
 *   cancel     pending, confirmed, active         → cancelled, unless somebody has checked in
 *   extend     pending, confirmed, active         → the same, with a later end
 *   check-in   confirmed once it is soon, active  → the same, checked in
 *   check-out  active, or checked in early        → completed, and the rest of the time is free
 */
export async function confirm(tx: TenantWriterTransaction, actor: Actor, which: Act): Promise<Reservation> {
  return await act(tx, actor, { ...which, action: 'confirmed', change: confirmed })
}

function confirmed({ found }: Held): Reservation {
  if (found.state === 'confirmed' || found.state === 'active') return found
  if (found.state !== 'pending') throw notInThisState(found)
  return { ...found, state: 'confirmed', holdExpiresAt: null }
}

export async function cancel(tx: TenantWriterTransaction, actor: Actor, which: Act): Promise<Reservation> {
  return await act(tx, actor, { ...which, action: 'cancelled', change: cancelled })
}

function cancelled(held: Held): Reservation {
  const { found, at } = held
  if (found.state === 'cancelled') return found
  if (!isLive(found)) throw notInThisState(found)
  if (found.checkedInAt !== null) throw new Refusal('conflict', 'Somebody has checked in: check out instead.')
  release(held)
  return { ...found, state: 'cancelled', holdExpiresAt: null, endedAt: new Date(at) }
}

export async function checkIn(tx: TenantWriterTransaction, actor: Actor, which: Act): Promise<Reservation> {
  return await act(tx, actor, { ...which, action: 'checked_in', change: checkedIn })
}

function checkedIn({ found, writer, space, at }: Held): Reservation {
  if (found.state !== 'confirmed' && found.state !== 'active') throw notInThisState(found)
  if (found.checkedInAt !== null) return found
  if (found.state === 'confirmed' && space.state.reservation.id !== found.id) {
    const from = new Date(soonAt({ startsAt: found.startsAt.getTime() }, space.policy)).toISOString()
    throw new Refusal(
      'conflict',
      `It is too early to check in: from ${from} on, and when nobody else is on time there.`,
    )
  }
  writer.step(space, { kind: 'reservation', phase: 'checked_in', reservation: found.id, at })
  // Whose car it is that stands there, its holder knows best.
  const arrivedAt = space.state.facts.occupancy === 'occupied' ? new Date(at) : null
  return { ...found, checkedInAt: new Date(at), arrivedAt: found.arrivedAt ?? arrivedAt, contestedAt: null }
}

export async function checkOut(tx: TenantWriterTransaction, actor: Actor, which: Act): Promise<Reservation> {
  return await act(tx, actor, { ...which, action: 'checked_out', change: checkedOut })
}

function checkedOut(held: Held): Reservation {
  const { found, at } = held
  if (found.state === 'completed') return found
  const early = found.state === 'confirmed' && found.checkedInAt !== null
  if (found.state !== 'active' && !early) throw notInThisState(found)
  release(held)
  return { ...found, state: 'completed', checkedOutAt: new Date(at), endedAt: new Date(at) }
}

/** The first of those that come after it is in its way, and no other. */
export async function extend(
  tx: TenantWriterTransaction,
  actor: Actor,
  { end, ...which }: Act & { end: string },
): Promise<Reservation> {
  return await act(tx, actor, { ...which, action: 'extended', change: (held) => extended(held, end) })
}

async function extended({ tx, found, space, at }: Held, end: string): Promise<Reservation> {
  if (!isLive(found)) throw notInThisState(found)
  const to = instantOf(end, 'end')
  if (to.getTime() === found.endsAt.getTime()) return found
  if (to < found.endsAt) throw unprocessable('end', 'must be later than it is now')
  const { id, spaceId, startsAt, endsAt } = found
  requireAllowed({ from: startsAt, to }, { policy: space.policy, now: Math.max(at, startsAt.getTime()) })
  await requireUsable(tx, { spaceId, from: endsAt })
  await requireFree(tx, { spaceId, window: { from: endsAt, to }, now: at, except: id })
  return { ...found, endsAt: to }
}
