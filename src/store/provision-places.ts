import { sql } from 'drizzle-orm'
import { newId } from '../ids.ts'
import { initialState, visibleState } from '../occupancy/state.ts'
import { plain, texts } from './arrays.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * Sites, zones and spaces in bulk, by their codes. Without `update` a place that exists is left as it is; with it,
 * the named columns of an existing place become those of the plan.
 */
export interface PlannedSite {
  code: string
  name?: string | undefined
  lat?: number | null | undefined
  lon?: number | null | undefined
  timezone?: string | undefined
}

export interface PlannedZone {
  site: string
  code: string
}

export interface PlannedSpace {
  site: string
  code: string
  zone?: string | null | undefined
  name?: string | undefined
  level?: string | null | undefined
  lat?: number | null | undefined
  lon?: number | null | undefined
  planX?: number | null | undefined
  planY?: number | null | undefined
  features?: readonly string[] | undefined
}

export type SiteColumn = 'name' | 'lat' | 'lon' | 'timezone'
export type SpaceColumn = 'zone_id' | 'name' | 'level' | 'lat' | 'lon' | 'plan_x' | 'plan_y' | 'features'

export interface Written {
  created: number
  updated: number
  unchanged: number
}

/** Ids by key: a site's is its code, that of a zone or space `site code` + `/` + its own. */
export type Ids = ReadonlyMap<string, string>

/** Rows in one statement, well below what a statement may take in time and memory. */
const rowsPerStatement = 5000

export async function writeSites(
  tx: TenantTransaction,
  sites: readonly PlannedSite[],
  update: readonly SiteColumn[] = [],
): Promise<Written> {
  return await inChunks(sites, async (chunk) => {
    const rows = await tx.execute<{ created: boolean }>(sql`
      insert into sites as kept (tenant_id, id, code, name, lat, lon, timezone)
      select ${tx.tenantId}::uuid, id, code, name, lat, lon, timezone from unnest(
        ${plain(chunk.map(newId))}::uuid[], ${texts(chunk.map(({ code }) => code))}::text[],
        ${texts(chunk.map(({ code, name }) => name ?? code))}::text[],
        ${plain(chunk.map(({ lat }) => lat ?? null))}::text::float8[],
        ${plain(chunk.map(({ lon }) => lon ?? null))}::text::float8[],
        ${texts(chunk.map(({ timezone }) => timezone ?? 'UTC'))}::text[]
      ) as planned (id, code, name, lat, lon, timezone)
      on conflict (tenant_id, code) where archived_at is null ${change(update)}
      returning xmax = 0 as created`)
    return rows.map(({ created }) => ({ created }))
  })
}

export async function writeZones(tx: TenantTransaction, zones: readonly PlannedZone[], siteIds: Ids): Promise<Written> {
  return await inChunks(zones, async (chunk) => {
    const rows = await tx.execute(sql`
      insert into zones (tenant_id, id, site_id, code, name)
      select ${tx.tenantId}::uuid, id, site_id, code, code from unnest(
        ${plain(chunk.map(newId))}::uuid[],
        ${plain(chunk.map(({ site }) => idOf(siteIds, site)))}::uuid[],
        ${texts(chunk.map(({ code }) => code))}::text[]
      ) as planned (id, site_id, code)
      on conflict (tenant_id, site_id, code) do nothing returning id`)
    return rows.map(() => ({ created: true }))
  })
}

export async function writeSpaces(
  tx: TenantTransaction,
  spaces: readonly PlannedSpace[],
  { siteIds, zoneIds, update = [] }: { siteIds: Ids; zoneIds: Ids; update?: readonly SpaceColumn[] },
): Promise<Written> {
  const zoneOf = ({ site, zone }: PlannedSpace) => (zone ? idOf(zoneIds, `${site}/${zone}`) : null)
  return await inChunks(spaces, async (chunk) => {
    const rows = await tx.execute<{ id: string; created: boolean }>(sql`
      insert into spaces as kept (tenant_id, id, site_id, zone_id, code, name, level, lat, lon, plan_x, plan_y, features)
      select ${tx.tenantId}::uuid, id, site_id, zone_id, code, name, level, lat, lon, plan_x, plan_y,
        string_to_array(features, ',')
      from unnest(
        ${plain(chunk.map(newId))}::uuid[],
        ${plain(chunk.map(({ site }) => idOf(siteIds, site)))}::uuid[],
        ${plain(chunk.map(zoneOf))}::uuid[], ${texts(chunk.map(({ code }) => code))}::text[],
        ${texts(chunk.map(({ code, name }) => name ?? code))}::text[],
        ${texts(chunk.map(({ level }) => level ?? null))}::text[],
        ${plain(chunk.map(({ lat }) => lat ?? null))}::text::float8[],
        ${plain(chunk.map(({ lon }) => lon ?? null))}::text::float8[],
        ${plain(chunk.map(({ planX }) => planX ?? null))}::text::float8[],
        ${plain(chunk.map(({ planY }) => planY ?? null))}::text::float8[],
        ${texts(chunk.map(({ features }) => (features ?? []).join(',')))}::text[]
      ) as planned (id, site_id, zone_id, code, name, level, lat, lon, plan_x, plan_y, features)
      on conflict (tenant_id, site_id, code) where archived_at is null ${change(update)}
      returning id, xmax = 0 as created`)
    await writeFirstStates(
      tx,
      rows.filter(({ created }) => created).map(({ id }) => id),
    )
    return rows.map(({ created }) => ({ created }))
  })
}

/** A space without a row of its state would be invisible and could not be locked. */
export async function writeFirstStates(tx: TenantTransaction, spaceIds: readonly string[]): Promise<void> {
  const { status, occupancy, reservation, override, stale } = visibleState(initialState)
  await tx.execute(sql`
    insert into space_states
      (tenant_id, space_id, status, occupancy, reservation, override, stale, input_seq, version, state, updated_at)
    select ${tx.tenantId}::uuid, space_id, ${status}, ${occupancy}, ${reservation}, ${override}, ${stale}, 0,
      ${initialState.version}, ${JSON.stringify(initialState)}::text::json, now()
    from unnest(${plain(spaceIds)}::uuid[]) as made (space_id)
    on conflict (tenant_id, space_id) do nothing`)
}

export async function readSiteIds(tx: TenantTransaction, codes: readonly string[]): Promise<Ids> {
  return idsByKey(
    await tx.execute<KeyedId>(sql`
      select code as key, id from unnest(${texts(codes)}::text[]) as wanted (code) join sites using (code)
      where tenant_id = ${tx.tenantId} and archived_at is null`),
  )
}

/** Of all zones of the sites. */
export async function readZoneIds(tx: TenantTransaction, siteIds: Ids): Promise<Ids> {
  return idsByKey(
    await tx.execute<KeyedId>(sql`
      select sites.code || '/' || zones.code as key, zones.id
      from zones join sites on sites.tenant_id = zones.tenant_id and sites.id = zones.site_id
      where zones.tenant_id = ${tx.tenantId} and zones.site_id = any(${plain([...siteIds.values()])}::uuid[])`),
  )
}

/** Of all spaces of the sites. */
export async function readSpaceIds(tx: TenantTransaction, siteIds: Ids): Promise<Ids> {
  return idsByKey(
    await tx.execute<KeyedId>(sql`
      select sites.code || '/' || spaces.code as key, spaces.id
      from spaces join sites on sites.tenant_id = spaces.tenant_id and sites.id = spaces.site_id
      where spaces.tenant_id = ${tx.tenantId} and spaces.archived_at is null and spaces.site_id = any(${plain([...siteIds.values()])}::uuid[])`),
  )
}

type KeyedId = { key: string; id: string }

function idsByKey(rows: readonly KeyedId[]): Ids {
  return new Map(rows.map(({ key, id }) => [key, id]))
}

/** Of something that the same transaction made sure of. */
export function idOf(ids: Ids, key: string): string {
  const id = ids.get(key)
  if (id === undefined) throw new Error(`${key} was not written`)
  return id
}

/** Only rows that differ are written, so that what comes back is what was created or changed. */
function change(columns: readonly (SiteColumn | SpaceColumn)[]) {
  if (columns.length === 0) return sql`do nothing`
  const list = (prefix: string) => sql.raw(columns.map((column) => `${prefix}${column}`).join(', '))
  const assignments = sql.raw(columns.map((column) => `${column} = excluded.${column}`).join(', '))
  return sql`do update set ${assignments}, revision = kept.revision + 1 where (${list('kept.')}) is distinct from (${list('excluded.')})`
}

async function inChunks<T>(
  planned: readonly T[],
  write: (chunk: readonly T[]) => Promise<{ created: boolean }[]>,
): Promise<Written> {
  const written = { created: 0, updated: 0, unchanged: planned.length }
  await eachChunk(planned, async (chunk) => {
    for (const { created } of await write(chunk)) {
      written[created ? 'created' : 'updated'] += 1
      written.unchanged -= 1
    }
  })
  return written
}

/** One statement after the other, each with as many rows as one should have. */
export async function eachChunk<T>(items: readonly T[], work: (chunk: readonly T[]) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += rowsPerStatement) {
    // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
    await work(items.slice(from, from + rowsPerStatement))
  }
}
