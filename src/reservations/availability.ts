import { requirePermission, type Actor } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import { hasSpace, selectOccupied } from '../store/reservations.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { manages } from './holder.ts'
import { intervalsOf, type Interval } from './intervals.ts'
import { notFound, unprocessable } from './refusals.ts'
import { windowOf, type Window } from './rules.ts'

const longestDays = 400
const dayMs = 86_400_000
const mostOccupied = 10_000

/** When a space is free. Whose booking is in the way is told to nobody but those who manage them. */
export async function readAvailability(
  tx: TenantTransaction,
  actor: Actor,
  { spaceId, from, to, clock }: { spaceId: string; from: string; to: string; clock: Clock },
): Promise<Window & { intervals: Interval[] }> {
  requirePermission(actor, 'reservations:read')
  const window = windowOf(['from', from], ['to', to])
  if (window.to.getTime() - window.from.getTime() > longestDays * dayMs) {
    throw unprocessable('to', `may be at most ${longestDays} days after from`)
  }
  if (!(await hasSpace(tx, spaceId))) throw notFound()
  const occupied = await selectOccupied(tx, { spaceId, ...window, now: clock.now(), limit: mostOccupied })
  if (occupied.length === mostOccupied) throw unprocessable('to', 'is too far from from: there are too many bookings')
  const known = manages(actor) ? occupied : occupied.map((one) => ({ ...one, reservationId: null }))
  return { ...window, intervals: intervalsOf(window, known) }
}
