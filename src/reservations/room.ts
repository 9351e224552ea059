import { errorCodeOf } from '../store/connection-error.ts'
import { findOverlap, findSettledOverlap, isOverridden } from '../store/reservations.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import { SpaceTakenRefusal, taken } from './refusals.ts'
import type { Window } from './rules.ts'

/** Whether there is room at a space. Under its lock the answers stay true. */

/** No override that is in force reaches into the time. */
export async function requireUsable(
  tx: TenantWriterTransaction,
  { spaceId, from }: { spaceId: string; from: Date },
): Promise<void> {
  if (await isOverridden(tx, { spaceId, from })) throw new SpaceTakenRefusal('blocked or out of service then')
}

export async function requireFree(
  tx: TenantWriterTransaction,
  { spaceId, window, now, except }: { spaceId: string; window: Window; now: number; except?: string },
): Promise<void> {
  const overlap = await findOverlap(tx, { spaceId, ...window, now, ...(except === undefined ? {} : { except }) })
  if (overlap !== undefined) throw taken(overlap)
}

/** Without a lock: whoever is refused here would be under it as well, and whoever is not has still to look there. */
export async function refuseSureLoser(
  tx: TenantWriterTransaction,
  { spaceId, window, now }: { spaceId: string; window: Window; now: number },
): Promise<void> {
  const overlap = await findSettledOverlap(tx, { spaceId, ...window, now })
  if (overlap !== undefined) throw taken(overlap)
}

const exclusionViolation = '23P01'

/** The database has the last word on overlaps, also on those that nobody looked for. */
export async function orTaken<T>(window: Window, statement: Promise<T>): Promise<T> {
  try {
    return await statement
  } catch (error) {
    throw errorCodeOf(error) === exclusionViolation ? taken({ startsAt: window.from, endsAt: window.to }) : error
  }
}
