import { and, count, eq, gt, isNull, sql } from 'drizzle-orm'
import { newId } from '../ids.ts'
import { startsWith } from './prefixes.ts'
import type { PageOfCodes } from './public.ts'
import { sites, spaces, zones } from './schema/places.ts'
import type { TenantTransaction } from './transactions.ts'

export interface SiteFields {
  code: string
  name: string
  lat: number | null
  lon: number | null
  timezone: string
}

export interface Site extends SiteFields {
  id: string
  revision: number
  createdAt: Date
}

const columns = {
  id: sites.id,
  code: sites.code,
  name: sites.name,
  lat: sites.lat,
  lon: sites.lon,
  timezone: sites.timezone,
  revision: sites.revision,
  createdAt: sites.createdAt,
}

const present = (tx: TenantTransaction, id: string) =>
  and(eq(sites.tenantId, tx.tenantId), eq(sites.id, id), isNull(sites.archivedAt))

/** By code. */
export async function selectSites(
  tx: TenantTransaction,
  { after, limit, codePrefix }: PageOfCodes & { codePrefix?: string | undefined },
): Promise<Site[]> {
  return await tx
    .select(columns)
    .from(sites)
    .where(
      and(
        eq(sites.tenantId, tx.tenantId),
        isNull(sites.archivedAt),
        after === undefined ? undefined : gt(sites.code, after),
        startsWith(sites.code, codePrefix),
      ),
    )
    .orderBy(sites.code)
    .limit(limit)
}

export async function selectSite(tx: TenantTransaction, id: string): Promise<Site | undefined> {
  const [site] = await tx.select(columns).from(sites).where(present(tx, id))
  return site
}

/** It stays until COMMIT: for whoever puts something there. */
export async function holdSite(tx: TenantTransaction, id: string): Promise<Site | undefined> {
  const [site] = await tx.select(columns).from(sites).where(present(tx, id)).for('key share')
  return site
}

/** Nobody else changes it or puts something there until COMMIT. */
export async function lockSite(tx: TenantTransaction, id: string): Promise<Site | undefined> {
  const [site] = await tx.select(columns).from(sites).where(present(tx, id)).for('update')
  return site
}

export async function insertSite(tx: TenantTransaction, fields: SiteFields): Promise<Site> {
  const [site] = await tx
    .insert(sites)
    .values({ tenantId: tx.tenantId, id: newId(), ...fields })
    .returning(columns)
  return site as Site
}

/** Undefined where it has another revision. */
export async function updateSite(
  tx: TenantTransaction,
  { id, revision, fields }: { id: string; revision: number; fields: Partial<SiteFields> },
): Promise<Site | undefined> {
  const [site] = await tx
    .update(sites)
    .set({ ...fields, revision: sql`${sites.revision} + 1` })
    .where(and(present(tx, id), eq(sites.revision, revision)))
    .returning(columns)
  return site
}

/** What stands there: zones, spaces, and spaces that were deleted and have a history. */
export async function contentsOfSite(
  tx: TenantTransaction,
  id: string,
): Promise<{ zones: number; spaces: number; archived: number }> {
  const [zonesThere] = await tx
    .select({ count: count() })
    .from(zones)
    .where(and(eq(zones.tenantId, tx.tenantId), eq(zones.siteId, id)))
  const [spacesThere] = await tx
    .select({ count: count(), archived: count(spaces.archivedAt) })
    .from(spaces)
    .where(and(eq(spaces.tenantId, tx.tenantId), eq(spaces.siteId, id)))
  const { count: all = 0, archived = 0 } = spacesThere ?? {}
  return { zones: zonesThere?.count ?? 0, spaces: all - archived, archived }
}

export async function deleteSiteRow(tx: TenantTransaction, id: string): Promise<void> {
  await tx.delete(sites).where(present(tx, id))
}

export async function archiveSite(tx: TenantTransaction, id: string): Promise<void> {
  await tx
    .update(sites)
    .set({ archivedAt: sql`now()`, revision: sql`${sites.revision} + 1` })
    .where(present(tx, id))
}
