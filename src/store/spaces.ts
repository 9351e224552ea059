import { and, desc, eq, gt, isNull, sql } from 'drizzle-orm'
import { newId } from '../ids.ts'
import type { Override } from '../occupancy/input.ts'
import { restored, type Occupancy, type ReservationFact, type SpaceState, type Status } from '../occupancy/state.ts'
import { startsWith } from './prefixes.ts'
import { writeFirstStates } from './provision-places.ts'
import { spaces } from './schema/places.ts'
import { spaceEvents, spaceStates } from './schema/states.ts'
import { tenants } from './schema/tenancy.ts'
import type { TenantTransaction } from './transactions.ts'
import type { PageOfPlaces } from './zones.ts'

export interface SpaceFields {
  zoneId: string | null
  code: string
  name: string
  level: string | null
  lat: number | null
  lon: number | null
  planX: number | null
  planY: number | null
  features: string[]
}

/** What people see of it now. */
export interface ShownState {
  status: Status
  occupancy: Occupancy
  reservation: ReservationFact
  override: Override
  stale: boolean
  since: Date | null
  observedAt: Date | null
  version: number
}

export interface Space extends SpaceFields {
  id: string
  siteId: string
  revision: number
  createdAt: Date
  state: ShownState
}

export interface PageOfSpaces extends PageOfPlaces {
  zoneId?: string | undefined
  status?: Status | undefined
  level?: string | undefined
  stale?: boolean | undefined
}

const own = {
  id: spaces.id,
  siteId: spaces.siteId,
  zoneId: spaces.zoneId,
  code: spaces.code,
  name: spaces.name,
  level: spaces.level,
  lat: spaces.lat,
  lon: spaces.lon,
  planX: spaces.planX,
  planY: spaces.planY,
  features: spaces.features,
  revision: spaces.revision,
  createdAt: spaces.createdAt,
}

/** A space that was never heard may have no row of its state: it is unknown. */
const withState = {
  ...own,
  state: {
    status: sql<Status>`coalesce(${spaceStates.status}, 'unknown')`,
    occupancy: sql<Occupancy>`coalesce(${spaceStates.occupancy}, 'unknown')`,
    reservation: sql<ReservationFact>`coalesce(${spaceStates.reservation}, 'none')`,
    override: sql<Override>`coalesce(${spaceStates.override}, 'none')`,
    stale: sql<boolean>`coalesce(${spaceStates.stale}, false)`,
    since: sql<Date | null>`${spaceStates.since}`.mapWith(spaceStates.since),
    observedAt: sql<Date | null>`${spaceStates.observedAt}`.mapWith(spaceStates.observedAt),
    version: sql<number>`coalesce(${spaceStates.version}, 0)`.mapWith(Number),
  },
}

const stateOfSpace = and(eq(spaceStates.tenantId, spaces.tenantId), eq(spaceStates.spaceId, spaces.id))
const present = (tx: TenantTransaction, id: string) =>
  and(eq(spaces.tenantId, tx.tenantId), eq(spaces.id, id), isNull(spaces.archivedAt))

export async function selectSpaces(tx: TenantTransaction, page: PageOfSpaces): Promise<Space[]> {
  const { sort, after, limit, siteId, zoneId, codePrefix, status, level, stale } = page
  return await tx
    .select(withState)
    .from(spaces)
    .leftJoin(spaceStates, stateOfSpace)
    .where(
      and(
        eq(spaces.tenantId, tx.tenantId),
        isNull(spaces.archivedAt),
        siteId === undefined ? undefined : eq(spaces.siteId, siteId),
        zoneId === undefined ? undefined : eq(spaces.zoneId, zoneId),
        level === undefined ? undefined : eq(spaces.level, level),
        status === undefined ? undefined : eq(withState.state.status, status),
        stale === undefined ? undefined : eq(withState.state.stale, stale),
        startsWith(spaces.code, codePrefix),
        after === undefined ? undefined : gt(spaces[sort], after),
      ),
    )
    .orderBy(spaces[sort])
    .limit(limit)
}

export async function selectSpace(tx: TenantTransaction, id: string): Promise<Space | undefined> {
  const [space] = await tx.select(withState).from(spaces).leftJoin(spaceStates, stateOfSpace).where(present(tx, id))
  return space
}

/** What the machine steps from, and the version of the tenant's policy that it will step by. */
export async function selectMachine(
  tx: TenantTransaction,
  id: string,
): Promise<{ state: SpaceState; policyVersion: number } | undefined> {
  const [row] = await tx
    .select({ state: spaceStates.state, policyVersion: tenants.policyVersion })
    .from(spaceStates)
    .innerJoin(tenants, eq(tenants.id, spaceStates.tenantId))
    .where(and(eq(spaceStates.tenantId, tx.tenantId), eq(spaceStates.spaceId, id)))
  return row && { state: restored(row.state as Partial<SpaceState>), policyVersion: row.policyVersion }
}

export interface LastEvent {
  kind: string
  eventTime: Date
  recordedAt: Date
  cause: Record<string, unknown>
  rule: string
}

export async function selectLastEvent(tx: TenantTransaction, id: string): Promise<LastEvent | undefined> {
  const { kind, eventTime, recordedAt, cause, rule } = spaceEvents
  const [event] = await tx
    .select({ kind, eventTime, recordedAt, cause, rule })
    .from(spaceEvents)
    .where(and(eq(spaceEvents.tenantId, tx.tenantId), eq(spaceEvents.spaceId, id)))
    .orderBy(desc(spaceEvents.inputSeq), desc(spaceEvents.ordinal))
    .limit(1)
  return event && { ...event, cause: event.cause as LastEvent['cause'] }
}

export async function insertSpace(tx: TenantTransaction, fields: SpaceFields & { siteId: string }): Promise<string> {
  const id = newId()
  await tx.insert(spaces).values({ tenantId: tx.tenantId, id, ...fields })
  await writeFirstStates(tx, [id])
  return id
}

/** False where it has another revision. */
export async function updateSpace(
  tx: TenantTransaction,
  { id, revision, fields }: { id: string; revision: number; fields: Partial<SpaceFields> },
): Promise<boolean> {
  const changed = await tx
    .update(spaces)
    .set({ ...fields, revision: sql`${spaces.revision} + 1` })
    .where(and(present(tx, id), eq(spaces.revision, revision)))
    .returning({ id: spaces.id })
  return changed.length > 0
}
