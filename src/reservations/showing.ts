import type { Policy } from '../occupancy/policy.ts'
import { nextConfirmed, type Reservation } from '../store/reservations.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import type { SpaceWriter, SteppedSpace } from '../store/writer.ts'
import { release } from './locked-spaces.ts'

/** What a space shows of a reservation that was made, confirmed or moved when its time had come already. */
type Shown = Pick<Reservation, 'id' | 'state' | 'startsAt' | 'endsAt' | 'holdExpiresAt' | 'contestedAt'>

interface Scene {
  writer: SpaceWriter
  space: SteppedSpace
  at: number
}

/** From when on the space shows that somebody comes. */
export function soonAt({ startsAt }: Pick<Reservation, 'startsAt'>, policy: Policy): number {
  return startsAt.getTime() - policy.reserved_soon_s * 1000
}

/**
 * Steps the space by what is due of the reservation, and returns the fields that follow from that. A hold is not shown: it
 * is nobody's booking yet.
 */
export function show(
  reservation: Shown,
  { writer, space, at }: Scene,
): Pick<Reservation, 'contestedAt'> & { state: 'pending' | 'confirmed' | 'active' } {
  const { id, state, contestedAt } = reservation
  if (state === 'pending') return { state, contestedAt }
  if (reservation.startsAt.getTime() <= at) {
    const { events } = writer.step(space, { kind: 'reservation', phase: 'started', reservation: id, at })
    const contested = events.some(({ kind }) => kind === 'contested')
    return { state: 'active', contestedAt: contested ? new Date(at) : contestedAt }
  }
  if (soonAt(reservation, space.policy) <= at) {
    writer.step(space, { kind: 'reservation', phase: 'soon', reservation: id, at })
  }
  return { state: 'confirmed', contestedAt }
}

/** When the calendar has to look at it next. */
export function nextDueOf(reservation: Shown, { space, at }: Pick<Scene, 'space' | 'at'>): Date | null {
  const { state, holdExpiresAt } = reservation
  if (state === 'pending') return holdExpiresAt
  if (state !== 'confirmed' && state !== 'active') return null
  return new Date(Math.max(at, soonAt(reservation, space.policy)))
}

/** The reservation leaves the space, which shows at once who comes next (rule C2 of the state machine). */
export async function leave({
  tx,
  found: { id },
  writer,
  space,
  at,
}: Scene & { tx: TenantWriterTransaction; found: Reservation }): Promise<void> {
  if (space.state.reservation.id !== id) return
  release({ writer, space, id, at })
  const until = new Date(at + space.policy.reserved_soon_s * 1000)
  const next = await nextConfirmed(tx, { spaceId: space.spaceId, until, except: id })
  if (next !== undefined) writer.step(space, { kind: 'reservation', phase: 'soon', reservation: next, at })
}
