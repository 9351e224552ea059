import { requirePermission, type Actor } from '../auth/principal.ts'
import { newId } from '../ids.ts'
import { Refusal } from '../refusal.ts'
import {
  countOpen,
  featuresOf,
  insertReservation,
  lockHolder,
  readReservation,
  type Holder,
  type NewReservation,
  type Reservation,
} from '../store/reservations.ts'
import { inAttempt } from '../store/statement.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import type { SteppedSpace } from '../store/writer.ts'
import { chooseBay } from './choose.ts'
import { holderOf, manages } from './holder.ts'
import { nextDueAt } from './due.ts'
import { finish, lockSpaces, type LockedSpaces, type Stepping } from './locked-spaces.ts'
import { unknownReference } from './refusals.ts'
import { orTaken, refuseSureLoser, requireFree, requireUsable } from './room.ts'
import { requireAllowed, requireNotPast, windowOf, type Window } from './rules.ts'

export interface WantedReservation {
  /** This space, or one of the site that has all the features. */
  where: { spaceId: string } | { siteId: string; features: readonly string[] }
  start: string
  end: string
  vehicle: string | null
  /** Only held until it is confirmed. */
  hold: boolean
}

/** A booking on its way, with all that no lock is needed to know. */
interface Booking extends Pick<WantedReservation, 'vehicle' | 'hold'> {
  holder: Holder
  window: Window
  /** Of those whose number is not limited. */
  unlimited: boolean
  stepping: Stepping
}

/**
 * Reserves a space: the row, what the space shows of it, and, in the caller's transaction, the answer to the request are
 * one. Overlaps are excluded by the database; that the space is looked at under its lock only makes the refusal a good one.
 * Where it is refused nothing is left of it, and the transaction goes on.
 */
export async function reserve(
  tx: TenantWriterTransaction,
  actor: Actor,
  { wanted, stepping }: { wanted: WantedReservation; stepping: Stepping },
): Promise<Reservation> {
  requirePermission(actor, 'reservations:write')
  const { where, vehicle, hold } = wanted
  const window = windowOf(['start', wanted.start], ['end', wanted.end])
  requireNotPast(window, stepping.clock.now())
  const unlimited = manages(actor)
  const holder = holderOf(actor)
  // Of many who want the same, most need no locks to be told that they have lost.
  if ('spaceId' in where) await refuseSureLoser(tx, { spaceId: where.spaceId, window, now: stepping.clock.now() })
  if (!unlimited) await lockHolder(tx, holder)
  const booking = { holder, window, vehicle, hold, unlimited, stepping }
  if ('spaceId' in where) return await inAttempt(tx, (inner) => bookAt(inner, { booking, spaceId: where.spaceId }))
  const { siteId, features } = where
  return await chooseBay(tx, { siteId, features, window, clock: stepping.clock }, (inner, spaceId) =>
    bookAt(inner, { booking, spaceId, features }),
  )
}

async function bookAt(
  tx: TenantWriterTransaction,
  { booking, spaceId, features }: { booking: Booking; spaceId: string; features?: readonly string[] },
): Promise<Reservation> {
  const { holder, window, vehicle, hold, stepping } = booking
  const locked = await lockSpaces(tx, stepping, [spaceId])
  const { writer, at } = locked
  const space = writer.space(spaceId)
  const present = await featuresOf(tx, spaceId)
  if (space === undefined || present === undefined) throw unknownReference('space_id')
  await requireRoom(tx, { booking, space, locked })
  const wanted = {
    id: newId(),
    state: hold ? ('pending' as const) : ('confirmed' as const),
    startsAt: window.from,
    endsAt: window.to,
    holdExpiresAt: hold ? new Date(at + space.policy.hold_s * 1000) : null,
    checkedInAt: null,
  }
  const { id, state, holdExpiresAt } = wanted
  const made = await insert(tx, {
    id,
    spaceId,
    holder,
    vehicle,
    state,
    holdExpiresAt,
    at,
    ...window,
    // Where the space itself was asked for, another one is as good only if it has all that it has.
    features: features ?? present,
    nextDueAt: nextDueAt(wanted, space.policy),
  })
  await finish(tx, locked)
  return (await readReservation(tx, id)) ?? made
}

async function requireRoom(
  tx: TenantWriterTransaction,
  { booking, space, locked: { at } }: { booking: Booking; space: SteppedSpace; locked: LockedSpaces },
): Promise<void> {
  const { holder, window, unlimited } = booking
  const { spaceId, policy } = space
  requireAllowed(window, { policy, now: at })
  const most = policy.max_open_per_holder
  if (!unlimited && (await countOpen(tx, { holder, now: at })) >= most) {
    throw new Refusal('conflict', `You have ${most} open reservations: no more are allowed.`)
  }
  await requireUsable(tx, { spaceId, from: window.from })
  await requireFree(tx, { spaceId, window, now: at })
}

async function insert(tx: TenantWriterTransaction, made: NewReservation): Promise<Reservation> {
  return await orTaken(made, insertReservation(tx, made))
}
