import { requirePermission, type Actor } from '../auth/principal.ts'
import { auditActor } from '../auth/audit-actor.ts'
import { recordAudit } from '../store/audit.ts'
import { LostRaceError } from '../store/lost-races.ts'
import { lockReservation, readReservation, updateReservation, type Reservation } from '../store/reservations.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import type { SpaceWriter, SteppedSpace } from '../store/writer.ts'
import { nextDueAt } from './due.ts'
import { isOwn, maySee } from './holder.ts'
import { finish, lockSpaces, type Stepping } from './locked-spaces.ts'
import { notFound } from './refusals.ts'
import { orTaken } from './room.ts'

/** A reservation that nobody else can change meanwhile, at its space. */
export interface Held {
  tx: TenantWriterTransaction
  found: Reservation
  writer: SpaceWriter
  space: SteppedSpace
  at: number
}

export interface Act {
  id: string
  stepping: Stepping
}

/** @throws Refusal `not_found` where there is none, and where it is somebody else's */
export async function readOwn(tx: TenantWriterTransaction, actor: Actor, id: string): Promise<Reservation> {
  requirePermission(actor, 'reservations:write')
  const found = await readReservation(tx, id)
  if (found === undefined || !maySee(actor, found)) throw notFound()
  return found
}

/** Locks the spaces, then the row, and looks again: it may have been moved while the lock was waited for. */
export async function hold(
  tx: TenantWriterTransaction,
  { seen, stepping, spaceIds }: { seen: Reservation; stepping: Stepping; spaceIds: readonly string[] },
): Promise<Held> {
  const { writer, at } = await lockSpaces(tx, stepping, spaceIds)
  const found = await lockReservation(tx, seen.id)
  const space = writer.space(seen.spaceId)
  if (found === undefined || space === undefined || found.spaceId !== seen.spaceId) throw new LostRaceError()
  return { tx, found, writer, space, at }
}

/**
 * Something that is done with a reservation: `change` says what becomes of it, stepping the space, or returns the same
 * object where it is so already. Row, space and audit entry commit together.
 */
export async function act(
  tx: TenantWriterTransaction,
  actor: Actor,
  {
    id,
    stepping,
    action,
    change,
  }: Act & { action: string; change: (held: Held) => Promise<Reservation> | Reservation },
): Promise<Reservation> {
  const seen = await readOwn(tx, actor, id)
  const held = await hold(tx, { seen, stepping, spaceIds: [seen.spaceId] })
  const wanted = await change(held)
  return await write(tx, actor, { held, wanted, action })
}

export async function write(
  tx: TenantWriterTransaction,
  actor: Actor,
  { held, wanted, action }: { held: Held; wanted: Reservation; action: string },
): Promise<Reservation> {
  const { found, writer } = held
  if (wanted === found) {
    await finish(tx, held)
    return found
  }
  const { policy } = writer.space(wanted.spaceId) ?? held.space
  const window = { from: wanted.startsAt, to: wanted.endsAt }
  await orTaken(window, updateReservation(tx, { reservation: wanted, nextDueAt: nextDueAt(wanted, policy) }))
  await finish(tx, held)
  const written = (await readReservation(tx, found.id)) ?? wanted
  if (!isOwn(actor, found)) await audit(tx, actor, { found, written, action })
  return written
}

/** What people do with their own is in the rows; what others do with it is in the audit log. */
async function audit(
  tx: TenantWriterTransaction,
  actor: Actor,
  { found, written, action }: { found: Reservation; written: Reservation; action: string },
): Promise<void> {
  const moved = written.spaceId === found.spaceId ? {} : { from_space: found.spaceId }
  await recordAudit(tx, {
    actor: auditActor(actor),
    action: `reservation.${action}`,
    target: { kind: 'reservation', id: found.id },
    detail: { space: written.spaceId, ...moved, state: written.state, end: written.endsAt.toISOString() },
    requestId: actor.requestId,
  })
}

/** Where the space shows this reservation, it does so no longer. */
export function release({ found: { id }, writer, space, at }: Held): void {
  if (space.state.reservation.id === id) {
    writer.step(space, { kind: 'reservation', phase: 'released', reservation: id, at })
  }
}
