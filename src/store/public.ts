import { and, count, eq, gt, isNull, max, min, sql, type SQL } from 'drizzle-orm'
import type { Occupancy, Status } from '../occupancy/state.ts'
import { sites, spaces } from './schema/places.ts'
import { spaceStates } from './schema/states.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * What anybody may read of a tenant that opted in. A space that was never heard counts, and it is unknown,
 * whether or not it has a row in `space_states` yet.
 */
export interface PublicSite {
  code: string
  name: string
  lat: number | null
  lon: number | null
  total: number
}

export interface PublicSpace {
  code: string
  name: string
  level: string | null
  status: Status
  occupancy: Occupancy
  stale: boolean
  since: Date | null
  observedAt: Date | null
  lat: number | null
  lon: number | null
  features: string[]
}

/** Counts of one site; `oldestEvidenceAt` is that of the space which was heard least recently. */
export interface SiteAvailability {
  site: string
  total: number
  status: Record<Status, number>
  stale: number
  oldestEvidenceAt: Date | null
}

export interface Availability {
  /** When the last event or evidence of the whole tenant was taken in; null while nothing was ever heard. */
  asOf: Date | null
  sites: SiteAvailability[]
}

/** A page of a list that is ordered by code: what comes behind `after`. */
export interface PageOfCodes {
  after: string | undefined
  limit: number
}

export async function publicSites(tx: TenantTransaction, page: PageOfCodes): Promise<PublicSite[]> {
  const total = tx
    .select({ total: count() })
    .from(spaces)
    .where(and(eq(spaces.tenantId, sites.tenantId), eq(spaces.siteId, sites.id), isNull(spaces.archivedAt)))
  return await tx
    .select({
      code: sites.code,
      name: sites.name,
      lat: sites.lat,
      lon: sites.lon,
      total: sql`${total}`.mapWith(Number),
    })
    .from(sites)
    .where(and(eq(sites.tenantId, tx.tenantId), isNull(sites.archivedAt), behind(sites.code, page)))
    .orderBy(sites.code)
    .limit(page.limit)
}

export async function siteIdByCode(tx: TenantTransaction, code: string): Promise<string | undefined> {
  const [site] = await tx
    .select({ id: sites.id })
    .from(sites)
    .where(and(eq(sites.tenantId, tx.tenantId), eq(sites.code, code), isNull(sites.archivedAt)))
  return site?.id
}

export async function publicSpaces(
  tx: TenantTransaction,
  { siteId, ...page }: PageOfCodes & { siteId: string },
): Promise<PublicSpace[]> {
  return await tx
    .select({
      code: spaces.code,
      name: spaces.name,
      level: spaces.level,
      status: sql<Status>`coalesce(${spaceStates.status}, 'unknown')`,
      occupancy: sql<Occupancy>`coalesce(${spaceStates.occupancy}, 'unknown')`,
      stale: sql<boolean>`coalesce(${spaceStates.stale}, false)`,
      since: spaceStates.since,
      observedAt: spaceStates.observedAt,
      lat: spaces.lat,
      lon: spaces.lon,
      features: spaces.features,
    })
    .from(spaces)
    .leftJoin(spaceStates, stateOfSpace)
    .where(
      and(
        eq(spaces.tenantId, tx.tenantId),
        eq(spaces.siteId, siteId),
        isNull(spaces.archivedAt),
        behind(spaces.code, page),
      ),
    )
    .orderBy(spaces.code)
    .limit(page.limit)
}

/** One statement, so that all counts and `asOf` are of the same moment. */
export async function availability(tx: TenantTransaction, { siteId }: { siteId?: string } = {}): Promise<Availability> {
  const asOf = tx
    .select({ at: max(spaceStates.updatedAt) })
    .from(spaceStates)
    .where(and(eq(spaceStates.tenantId, tx.tenantId), gt(spaceStates.inputSeq, 0)))
  const rows = await tx
    .select({
      asOf: sql<Date | null>`${asOf}`.mapWith(spaceStates.updatedAt),
      site: sites.code,
      total: count(spaces.id),
      free: spacesWith('free'),
      occupied: spacesWith('occupied'),
      reserved: spacesWith('reserved'),
      blocked: spacesWith('blocked'),
      outOfService: spacesWith('out_of_service'),
      unknown: spacesWith('unknown'),
      stale: countWhere(sql`${spaceStates.stale}`),
      oldestEvidenceAt: min(spaceStates.observedAt),
    })
    .from(sites)
    .leftJoin(spaces, and(eq(spaces.tenantId, sites.tenantId), eq(spaces.siteId, sites.id), isNull(spaces.archivedAt)))
    .leftJoin(spaceStates, stateOfSpace)
    .where(
      and(
        eq(sites.tenantId, tx.tenantId),
        isNull(sites.archivedAt),
        siteId === undefined ? undefined : eq(sites.id, siteId),
      ),
    )
    .groupBy(sites.tenantId, sites.id)
    .orderBy(sites.code)
  return {
    asOf: rows[0]?.asOf ?? null,
    sites: rows.map(({ site, total, stale, oldestEvidenceAt, ...counts }) => {
      const { free, occupied, reserved, blocked, outOfService, unknown } = counts
      const status = { free, occupied, reserved, blocked, out_of_service: outOfService, unknown }
      return { site, total, status, stale, oldestEvidenceAt }
    }),
  }
}

const stateOfSpace = and(eq(spaceStates.tenantId, spaces.tenantId), eq(spaceStates.spaceId, spaces.id))

function behind(code: typeof sites.code | typeof spaces.code, { after }: PageOfCodes): SQL | undefined {
  return after === undefined ? undefined : gt(code, after)
}

/** A site without spaces has one row of nulls in the join: it is no unknown space. */
function spacesWith(status: Status): SQL<number> {
  return countWhere(sql`${spaces.id} is not null and coalesce(${spaceStates.status}, 'unknown') = ${status}`)
}

function countWhere(condition: SQL): SQL<number> {
  return sql<number>`count(*) filter (where ${condition})`.mapWith(Number)
}
