import type { Actor } from '../auth/principal.ts'
import { isLive } from '../occupancy/reservation-calendar.ts'
import { Refusal } from '../refusal.ts'
import type { Reservation } from '../store/reservations.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import { hold, readOwn, release, write, type Act, type Held } from './act.ts'
import { chooseBay } from './choose.ts'
import { notInThisState } from './refusals.ts'
import { requireFree, requireUsable } from './room.ts'

/**
 * To an equivalent space, in one call: of the same site, with all that was asked for. Before it begins, or when somebody else
 * stands in the space. The time stays as it was; the old space is free from this moment on.
 */
export async function move(tx: TenantWriterTransaction, actor: Actor, { id, stepping }: Act): Promise<Reservation> {
  const seen = await readOwn(tx, actor, id)
  requireMovable(seen, stepping.clock.now())
  const { siteId, features, spaceId, startsAt, endsAt } = seen
  const window = { from: startsAt, to: endsAt }
  const choice = { siteId, features, window, instead: spaceId, clock: stepping.clock }
  return await chooseBay(tx, choice, async (inner, targetId) => {
    const held = await hold(inner, { seen, stepping, spaceIds: [spaceId, targetId] })
    const wanted = await moved(inner, held, targetId)
    return await write(inner, actor, { held, wanted, action: 'moved' })
  })
}

async function moved(tx: TenantWriterTransaction, held: Held, targetId: string): Promise<Reservation> {
  const { found, writer, at } = held
  requireMovable(found, at)
  const window = { from: found.startsAt, to: found.endsAt }
  await requireUsable(tx, { spaceId: targetId, from: window.from })
  await requireFree(tx, { spaceId: targetId, window, now: at })
  release(held)
  return { ...found, spaceId: targetId, contestedAt: startedThere({ found, writer, at, targetId }) }
}

/**
 * One that has begun begins at the other space now; one that has not is shown there by the calendar.
 *
 * @returns since when it is contested there
 */
function startedThere({
  found,
  writer,
  at,
  targetId,
}: Pick<Held, 'found' | 'writer' | 'at'> & { targetId: string }): Date | null {
  const space = writer.space(targetId)
  if (found.state !== 'active' || space === undefined) return null
  const { events } = writer.step(space, { kind: 'reservation', phase: 'started', reservation: found.id, at })
  return events.some(({ kind }) => kind === 'contested') ? new Date(at) : null
}

function requireMovable(reservation: Reservation, now: number): void {
  const { startsAt, contestedAt, checkedInAt } = reservation
  if (!isLive(reservation)) throw notInThisState(reservation)
  if (checkedInAt !== null) throw new Refusal('conflict', 'Somebody has checked in: it stays where it is.')
  if (startsAt.getTime() <= now && contestedAt === null) {
    throw new Refusal('conflict', 'It has begun, and nobody else was seen in its space: it stays where it is.')
  }
}
