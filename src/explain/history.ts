import { requirePermission, type Actor } from '../auth/principal.ts'
import { Refusal } from '../refusal.ts'
import { selectEventAt, selectEventBefore, selectHistory, type EventOfSpace } from '../store/explain-events.ts'
import { selectSpace } from '../store/spaces.ts'
import type { TenantTransaction } from '../store/transactions.ts'

/** Place of an event in its space's order: of its input, and among that input's events. */
export type HistoryPlace = readonly [number, number]

export interface HistoryQuery {
  readonly spaceId: string
  /** Recorded in [from, to), epoch milliseconds. */
  readonly from: number
  readonly to: number
  readonly after: HistoryPlace | undefined
  readonly limit: number
}

export interface History {
  readonly events: readonly EventOfSpace[]
  readonly more: boolean
  /** What was shown before the first of them. */
  readonly before: EventOfSpace | undefined
}

/** What a space showed, from change to change, the oldest first. */
export async function historyOf(tx: TenantTransaction, actor: Actor, query: HistoryQuery): Promise<History> {
  requirePermission(actor, 'places:read')
  const { spaceId, from, limit } = query
  if ((await selectSpace(tx, spaceId)) === undefined) throw new Refusal('not_found', 'There is nothing at this URL.')
  const rows = await selectHistory(tx, { ...query, limit: limit + 1 })
  const [first] = rows
  const before =
    first === undefined
      ? await selectEventAt(tx, { spaceId, at: from - 1 })
      : await selectEventBefore(tx, { spaceId, before: first.inputSeq, ordinal: first.ordinal })
  return { events: rows.slice(0, limit), more: rows.length > limit, before }
}
