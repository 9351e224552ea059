import { and, count, eq, gt, isNull, sql } from 'drizzle-orm'
import { newId } from '../ids.ts'
import { startsWith } from './prefixes.ts'
import { spaces, zones } from './schema/places.ts'
import type { TenantTransaction } from './transactions.ts'

export interface ZoneFields {
  code: string
  name: string
}

export interface Zone extends ZoneFields {
  id: string
  siteId: string
  revision: number
  createdAt: Date
}

/** A page of places: by code within one site, else by id, which is the order in which they were made. */
export interface PageOfPlaces {
  sort: 'code' | 'id'
  after: string | undefined
  limit: number
  siteId?: string | undefined
  codePrefix?: string | undefined
}

const columns = {
  id: zones.id,
  siteId: zones.siteId,
  code: zones.code,
  name: zones.name,
  revision: zones.revision,
  createdAt: zones.createdAt,
}

const one = (tx: TenantTransaction, id: string) => and(eq(zones.tenantId, tx.tenantId), eq(zones.id, id))

export async function selectZones(tx: TenantTransaction, page: PageOfPlaces): Promise<Zone[]> {
  const { sort, after, limit, siteId, codePrefix } = page
  return await tx
    .select(columns)
    .from(zones)
    .where(
      and(
        eq(zones.tenantId, tx.tenantId),
        siteId === undefined ? undefined : eq(zones.siteId, siteId),
        after === undefined ? undefined : gt(zones[sort], after),
        startsWith(zones.code, codePrefix),
      ),
    )
    .orderBy(zones[sort])
    .limit(limit)
}

export async function selectZone(tx: TenantTransaction, id: string): Promise<Zone | undefined> {
  const [zone] = await tx.select(columns).from(zones).where(one(tx, id))
  return zone
}

/** It stays until COMMIT: for whoever puts a space into it. */
export async function holdZone(tx: TenantTransaction, id: string): Promise<Zone | undefined> {
  const [zone] = await tx.select(columns).from(zones).where(one(tx, id)).for('key share')
  return zone
}

export async function lockZone(tx: TenantTransaction, id: string): Promise<Zone | undefined> {
  const [zone] = await tx.select(columns).from(zones).where(one(tx, id)).for('update')
  return zone
}

export async function insertZone(tx: TenantTransaction, fields: ZoneFields & { siteId: string }): Promise<Zone> {
  const [zone] = await tx
    .insert(zones)
    .values({ tenantId: tx.tenantId, id: newId(), ...fields })
    .returning(columns)
  return zone as Zone
}

/** Undefined where it has another revision. */
export async function updateZone(
  tx: TenantTransaction,
  { id, revision, fields }: { id: string; revision: number; fields: Partial<ZoneFields> },
): Promise<Zone | undefined> {
  const [zone] = await tx
    .update(zones)
    .set({ ...fields, revision: sql`${zones.revision} + 1` })
    .where(and(one(tx, id), eq(zones.revision, revision)))
    .returning(columns)
  return zone
}

export async function spacesInZone(tx: TenantTransaction, id: string): Promise<number> {
  const [row] = await tx
    .select({ count: count() })
    .from(spaces)
    .where(and(eq(spaces.tenantId, tx.tenantId), eq(spaces.zoneId, id), isNull(spaces.archivedAt)))
  return row?.count ?? 0
}

export async function deleteZoneRow(tx: TenantTransaction, id: string): Promise<void> {
  await tx.delete(zones).where(one(tx, id))
}
