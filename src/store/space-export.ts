import { and, eq, isNull } from 'drizzle-orm'
import { spaces, zones } from './schema/places.ts'
import type { TenantTransaction } from './transactions.ts'

export interface ExportedSpace {
  code: string
  name: string
  level: string | null
  zone: string | null
  lat: number | null
  lon: number | null
  planX: number | null
  planY: number | null
  features: string[]
}

/** All of a site, by code. */
export async function selectExportedSpaces(tx: TenantTransaction, siteId: string): Promise<ExportedSpace[]> {
  const { code, name, level, lat, lon, planX, planY, features } = spaces
  return await tx
    .select({ code, name, level, zone: zones.code, lat, lon, planX, planY, features })
    .from(spaces)
    .leftJoin(
      zones,
      and(eq(zones.tenantId, spaces.tenantId), eq(zones.siteId, spaces.siteId), eq(zones.id, spaces.zoneId)),
    )
    .where(and(eq(spaces.tenantId, tx.tenantId), eq(spaces.siteId, siteId), isNull(spaces.archivedAt)))
    .orderBy(spaces.code)
}
