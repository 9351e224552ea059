import { and, eq, gt, inArray, sql } from 'drizzle-orm'
import type { Occupancy, ReservationFact, Status } from '../occupancy/state.ts'
import type { Override } from '../occupancy/input.ts'
import { spaceStates } from './schema/states.ts'
import { tenants } from './schema/tenancy.ts'
import type { AccountTransaction, TenantTransaction } from './transactions.ts'

/**
 * What is kept in memory of a tenant: its places with their visible states, read as of one moment, and what tells that it is old.
 * Times are epoch milliseconds.
 */
export interface LiveState {
  readonly status: Status
  readonly occupancy: Occupancy
  readonly reservation: ReservationFact
  readonly override: Override
  readonly stale: boolean
  readonly since: number | null
  readonly observedAt: number | null
  /** Raised with each event of the space. */
  readonly version: number
}

export interface SiteRow {
  readonly id: string
  readonly code: string
  readonly name: string
  readonly lat: number | null
  readonly lon: number | null
}

export interface ZoneRow {
  readonly id: string
  readonly siteId: string
  readonly code: string
  readonly name: string
}

export interface SpaceRow extends SiteRow {
  readonly siteId: string
  readonly zoneId: string | null
  readonly level: string | null
  readonly features: readonly string[]
  /** Null where it was never heard. */
  readonly state: LiveState | null
}

export interface PlacesSnapshot {
  readonly placesVersion: number
  /** When the last event or evidence of the whole tenant was taken in; null while nothing was ever heard. */
  readonly asOf: number | null
  readonly sites: readonly SiteRow[]
  readonly zones: readonly ZoneRow[]
  readonly spaces: readonly SpaceRow[]
}

interface Read {
  kind: 'tenant' | 'site' | 'zone' | 'space'
  data: string
}

/** Undefined where there is no such tenant. One statement, so that all of it is of one moment, in rows, so that no single value is huge. */
export async function readPlaces(tx: TenantTransaction): Promise<PlacesSnapshot | undefined> {
  const id = tx.tenantId
  const rows = await tx.execute<Read & Record<string, unknown>>(sql`
    SELECT 'tenant' AS kind, json_build_object('placesVersion', places_version, 'asOf', (
        SELECT ${milliseconds(sql`max(updated_at)`)} FROM space_states WHERE tenant_id = ${id} AND input_seq > 0))::text AS data
      FROM tenants WHERE id = ${id}
    UNION ALL
    SELECT 'site', json_build_object('id', id, 'code', code, 'name', name, 'lat', lat, 'lon', lon)::text
      FROM sites WHERE tenant_id = ${id} AND archived_at IS NULL
    UNION ALL
    SELECT 'zone', json_build_object('id', id, 'siteId', site_id, 'code', code, 'name', name)::text
      FROM zones WHERE tenant_id = ${id}
    UNION ALL
    SELECT 'space', json_build_object('id', p.id, 'siteId', p.site_id, 'zoneId', p.zone_id, 'code', p.code, 'name', p.name,
        'level', p.level, 'lat', p.lat, 'lon', p.lon, 'features', p.features, 'state', CASE WHEN s.space_id IS NULL THEN NULL
        ELSE json_build_object('status', s.status, 'occupancy', s.occupancy, 'reservation', s.reservation,
          'override', s.override, 'stale', s.stale, 'since', ${milliseconds(sql`s.since`)},
          'observedAt', ${milliseconds(sql`s.observed_at`)}, 'version', s.version) END)::text
      FROM spaces p LEFT JOIN space_states s ON s.tenant_id = p.tenant_id AND s.space_id = p.id
      WHERE p.tenant_id = ${id} AND p.archived_at IS NULL`)
  const all = <Row>(kind: Read['kind']) =>
    rows.filter((row) => row.kind === kind).map(({ data }) => JSON.parse(data) as Row)
  const [tenant] = all<Pick<PlacesSnapshot, 'placesVersion' | 'asOf'>>('tenant')
  if (tenant === undefined) return undefined
  return { ...tenant, sites: all<SiteRow>('site'), zones: all<ZoneRow>('zone'), spaces: all<SpaceRow>('space') }
}

function milliseconds(time: ReturnType<typeof sql>) {
  return sql`round(extract(epoch FROM ${time}) * 1000)`
}

export interface StateRow extends LiveState {
  readonly spaceId: string
  /** When its last event or evidence was taken in. */
  readonly updatedAt: number
}

/**
 * The states that took something in after `after`; all that ever did where it is null. One that never did is as it was when its
 * space was made, whose place is read with it.
 */
export async function statesAfter(tx: TenantTransaction, after: number | null): Promise<StateRow[]> {
  const newer = after === null ? undefined : gt(spaceStates.updatedAt, new Date(after))
  const rows = await tx
    .select({
      spaceId: spaceStates.spaceId,
      status: spaceStates.status,
      occupancy: spaceStates.occupancy,
      reservation: spaceStates.reservation,
      override: spaceStates.override,
      stale: spaceStates.stale,
      since: spaceStates.since,
      observedAt: spaceStates.observedAt,
      version: spaceStates.version,
      updatedAt: spaceStates.updatedAt,
    })
    .from(spaceStates)
    .where(and(eq(spaceStates.tenantId, tx.tenantId), gt(spaceStates.inputSeq, 0), newer))
  return rows.map(({ since, observedAt, updatedAt, ...facts }) => ({
    ...(facts as Pick<StateRow, 'spaceId' | Exclude<keyof LiveState, 'since' | 'observedAt'>>),
    since: since?.getTime() ?? null,
    observedAt: observedAt?.getTime() ?? null,
    updatedAt: updatedAt.getTime(),
  }))
}

/** What holds of tenants now, in one statement for all that are in memory. Those that are left out are not there any more. */
export interface TenantFacts {
  readonly id: string
  /** Nothing of a suspended tenant is public. */
  readonly public: boolean
  readonly placesVersion: number
}

export async function tenantFacts(tx: AccountTransaction, ids: readonly string[]): Promise<TenantFacts[]> {
  return await tx
    .select({
      id: tenants.id,
      public: sql<boolean>`${tenants.public} and ${tenants.suspendedAt} is null`,
      placesVersion: tenants.placesVersion,
    })
    .from(tenants)
    .where(inArray(tenants.id, [...ids]))
}
