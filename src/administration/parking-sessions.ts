import { requirePermission, type Actor } from '../auth/principal.ts'
import { dayIn } from '../days.ts'
import {
  selectParkingSessions,
  selectTimezones,
  type ListedSession,
  type SessionFilter,
  type SessionPage,
} from '../store/parking-sessions.ts'
import { selectSpace } from '../store/spaces.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { notFound } from './place-refusals.ts'

/** Which parking sessions are asked for: those of a day as the clocks of each site have it, or of a span of time. */
export interface WantedSessions extends Pick<SessionPage, 'after' | 'limit'>, Omit<SessionFilter, 'windows'> {
  day?: string | undefined
  from?: number | undefined
  to?: number | undefined
}

export async function listParkingSessions(
  tx: TenantTransaction,
  actor: Actor,
  { after, limit, day, from = -Infinity, to = Infinity, ...filter }: WantedSessions,
): Promise<ListedSession[]> {
  requirePermission(actor, 'parking-sessions:read')
  const timezones = await selectTimezones(tx, filter)
  const windows = timezones.map((timezone) => ({
    timezone,
    ...(day === undefined ? { from, to } : dayIn(timezone, day)),
  }))
  return await selectParkingSessions(tx, { filter: { ...filter, windows }, after, limit })
}

/** Of one space, which must be there. */
export async function listSessionsOfSpace(
  tx: TenantTransaction,
  actor: Actor,
  wanted: WantedSessions & { spaceId: string },
): Promise<ListedSession[]> {
  requirePermission(actor, 'parking-sessions:read')
  if ((await selectSpace(tx, wanted.spaceId)) === undefined) throw notFound()
  return await listParkingSessions(tx, actor, wanted)
}
