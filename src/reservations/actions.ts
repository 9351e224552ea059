import type { Actor } from '../auth/principal.ts'
import { Refusal } from '../refusal.ts'
import type { Reservation } from '../store/reservations.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import { act, type Act, type Held } from './act.ts'
import { notInThisState, unprocessable } from './refusals.ts'
import { requireFree, requireUsable } from './room.ts'
import { instantOf, requireAllowed } from './rules.ts'
import { leave, show, soonAt } from './showing.ts'

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

function confirmed({ found, ...scene }: Held): Reservation {
  if (found.state === 'confirmed' || found.state === 'active') return found
  if (found.state !== 'pending') throw notInThisState(found)
  if (found.endsAt.getTime() <= scene.at) throw new Refusal('conflict', 'The time that was held is over.')
  const wanted = { ...found, state: 'confirmed' as const, holdExpiresAt: null }
  return { ...wanted, ...show(wanted, scene) }
}

export async function cancel(tx: TenantWriterTransaction, actor: Actor, which: Act): Promise<Reservation> {
  return await act(tx, actor, { ...which, action: 'cancelled', change: cancelled })
}

async function cancelled(held: Held): Promise<Reservation> {
  const { found, at } = held
  if (found.state === 'cancelled') return found
  if (!isLive(found)) throw notInThisState(found)
  if (found.checkedInAt !== null) throw new Refusal('conflict', 'Somebody has checked in: check out instead.')
  await leave(held)
  return { ...found, state: 'cancelled', holdExpiresAt: null, endedAt: new Date(at) }
}

export async function checkIn(tx: TenantWriterTransaction, actor: Actor, which: Act): Promise<Reservation> {
  return await act(tx, actor, { ...which, action: 'checked_in', change: checkedIn })
}

function checkedIn({ found, ...scene }: Held): Reservation {
  const { writer, space, at } = scene
  if (found.state !== 'confirmed' && found.state !== 'active') throw notInThisState(found)
  if (found.checkedInAt !== null) return found
  const from = soonAt(found, space.policy)
  if (from > at) throw new Refusal('conflict', `It is too early to check in: from ${new Date(from).toISOString()} on.`)
  if (found.endsAt.getTime() <= at) throw new Refusal('conflict', 'Its time is over.')
  // The calendar may not have come by: what the holder does is then about what the space does not show yet.
  const current = { ...found, ...show(found, scene) }
  writer.step(space, { kind: 'reservation', phase: 'checked_in', reservation: found.id, at })
  return { ...current, checkedInAt: new Date(at) }
}

export async function checkOut(tx: TenantWriterTransaction, actor: Actor, which: Act): Promise<Reservation> {
  return await act(tx, actor, { ...which, action: 'checked_out', change: checkedOut })
}

async function checkedOut(held: Held): Promise<Reservation> {
  const { found, at } = held
  if (found.state === 'completed') return found
  const early = found.state === 'confirmed' && found.checkedInAt !== null
  if (found.state !== 'active' && !early) throw notInThisState(found)
  await leave(held)
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
  if (found.endsAt.getTime() <= at) throw new Refusal('conflict', 'Its time is over.')
  const { id, spaceId, startsAt, endsAt } = found
  requireAllowed({ from: startsAt, to }, { policy: space.policy, now: Math.max(at, startsAt.getTime()) })
  await requireUsable(tx, { spaceId, from: endsAt })
  await requireFree(tx, { spaceId, window: { from: endsAt, to }, now: at, except: id })
  return { ...found, endsAt: to }
}

function isLive({ state }: Reservation): boolean {
  return state === 'pending' || state === 'confirmed' || state === 'active'
}
