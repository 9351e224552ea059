import { BaywireError } from '../../errors.ts'
import { lockProvisioning } from '../../store/provision-lock.ts'
import {
  readSiteIds,
  readZoneIds,
  writeSites,
  writeSpaces,
  writeZones,
  type Written,
} from '../../store/provision-places.ts'
import { inTenant, zonesOf, type NewTenant } from '../../store/provision.ts'
import type { TenantDatabase, TenantTransaction } from '../../store/transactions.ts'
import type { PlaceFile } from './place-file.ts'

export interface ImportOptions {
  tenant: string
  /** Makes the tenant where it is missing. */
  create?: NewTenant | undefined
  /** Does everything but commit. */
  dryRun: boolean
}

export interface ImportSummary {
  sites: Written
  zones: Written
  spaces: Written
  ignored_columns: readonly string[]
  dry_run: boolean
}

/** All of the file in one transaction, or nothing of it. */
export async function importPlaces(
  database: TenantDatabase,
  places: PlaceFile,
  { tenant, create, dryRun }: ImportOptions,
): Promise<ImportSummary> {
  try {
    return await inTenant(database, { slug: tenant, create }, async (tx) => {
      const summary = { ...(await writePlaces(tx, places)), ignored_columns: places.ignored, dry_run: dryRun }
      if (dryRun) throw new RolledBack(summary)
      return summary
    })
  } catch (error) {
    if (error instanceof RolledBack) return error.summary
    throw error
  }
}

async function writePlaces(tx: TenantTransaction, places: PlaceFile) {
  await lockProvisioning(tx)
  const sites = await writeSites(tx, places.sites, places.siteColumns)
  const siteIds = await readSiteIds(
    tx,
    places.sites.map(({ code }) => code),
  )
  const zones = await writeZones(tx, zonesOf(places.spaces), siteIds)
  const zoneIds = await readZoneIds(tx, siteIds)
  const spaces = await writeSpaces(tx, places.spaces, { siteIds, zoneIds, update: places.spaceColumns })
  return { sites, zones, spaces }
}

/** How a dry run gets out of its transaction with what it found. */
class RolledBack extends BaywireError {
  readonly summary: ImportSummary

  constructor(summary: ImportSummary) {
    super('dry run: rolled back')
    this.summary = summary
  }
}
