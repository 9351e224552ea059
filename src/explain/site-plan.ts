import { requirePermission, type Actor } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import { Refusal } from '../refusal.ts'
import { selectSiteHistory, type EventOfSite, type SitePlace } from '../store/site-history.ts'
import { selectKeptFrom, selectPlan, selectStatesOfDropped, type PlannedSpace } from '../store/site-plan.ts'
import { selectSite } from '../store/sites.ts'
import type { TenantTransaction } from '../store/transactions.ts'

export interface SitePlan {
  readonly at: number
  /** From when on it is known; undefined where that is from the beginning. */
  readonly keptFrom: number | undefined
  readonly spaces: readonly PlannedSpace[]
}

/** What every space of a site showed at a moment, by what was recorded up to then. */
export async function planOf(
  tx: TenantTransaction,
  actor: Actor,
  { siteId, at: wanted, clock }: { siteId: string; at: number | undefined; clock: Clock },
): Promise<SitePlan> {
  requirePermission(actor, 'places:read')
  await requireSite(tx, siteId)
  const now = clock.now()
  const at = wanted ?? now
  if (at > now) throw wrongMoment('is in the future')
  const keptFrom = await selectKeptFrom(tx)
  if (keptFrom !== undefined && at < keptFrom) {
    throw wrongMoment(`is before ${new Date(keptFrom).toISOString()}: of earlier times not everything is kept`)
  }
  const spaces = await selectPlan(tx, { siteId, at })
  return { at, keptFrom, spaces: keptFrom === undefined ? spaces : await withDropped(tx, { spaces, at }) }
}

export interface SiteHistoryQuery {
  readonly siteId: string
  /** Recorded after `from`, and up to `to`: of two periods that follow each other nothing is told twice. */
  readonly from: number
  readonly to: number
  readonly after: SitePlace | undefined
  readonly limit: number
}

export interface SiteHistory {
  readonly events: readonly EventOfSite[]
  readonly more: boolean
  readonly keptFrom: number | undefined
}

/** What happened at a site's spaces, in the order in which it was recorded. */
export async function siteHistoryOf(
  tx: TenantTransaction,
  actor: Actor,
  { siteId, from, to, after, limit }: SiteHistoryQuery,
): Promise<SiteHistory> {
  requirePermission(actor, 'places:read')
  await requireSite(tx, siteId)
  const begin = after ?? { recordedAt: from, position: Number.MAX_SAFE_INTEGER }
  const rows = await selectSiteHistory(tx, { siteId, from, to, after: begin, limit: limit + 1 })
  return { events: rows.slice(0, limit), more: rows.length > limit, keptFrom: await selectKeptFrom(tx) }
}

async function withDropped(
  tx: TenantTransaction,
  { spaces, at }: { spaces: readonly PlannedSpace[]; at: number },
): Promise<PlannedSpace[]> {
  const spaceIds = spaces.flatMap(({ id, state }) => (state === null ? [id] : []))
  const states = await selectStatesOfDropped(tx, { spaceIds, at })
  return spaces.map((space) => ({ ...space, state: space.state ?? states.get(space.id) ?? null }))
}

async function requireSite(tx: TenantTransaction, id: string): Promise<void> {
  if ((await selectSite(tx, id)) === undefined) throw new Refusal('not_found', 'There is nothing at this URL.')
}

function wrongMoment(message: string): Refusal {
  return new Refusal('unprocessable', 'The plan of that moment cannot be shown: see errors.', {
    errors: [{ path: 'at', message }],
  })
}
