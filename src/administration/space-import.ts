import { requirePermission, type Actor } from '../auth/principal.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import { readZoneIds, writeSpaces, writeZones, type Written } from '../store/provision-places.ts'
import { zonesOf } from '../store/provision.ts'
import { holdSite } from '../store/sites.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { unknownReference } from './place-refusals.ts'
import { readSpaceFile, type SpaceFormat } from './space-file.ts'
import { TenantTurns } from './tenant-turns.ts'

export interface SpaceImport {
  siteId: string
  format: SpaceFormat
  content: Buffer
}

export interface ImportedSpaces {
  zones: Written
  spaces: Written
  ignoredColumns: readonly string[]
}

const turns = {
  atOnce: 2,
  refusals: {
    own: 'Another import of your tenant is running: one at a time.',
    others: 'Others import at the moment: try again.',
  },
}

/**
 * Imports asked for over HTTP. Each has a connection for long, and a file in memory: whoever has no turn is refused before
 * a connection is asked for.
 */
export class SpaceImports {
  readonly #turns = new TenantTurns(turns)

  async inTurn<T>(actor: Actor, work: () => Promise<T>): Promise<T> {
    requirePermission(actor, 'places:write')
    return await this.#turns.take(actor.tenantId, work)
  }
}

/**
 * Makes and changes spaces of a site, by their codes, as a file says; zones that it names are made too. All of it or
 * nothing. Spaces that it does not name stay as they are.
 */
export async function importSpaces(
  tx: TenantTransaction,
  actor: Actor,
  { siteId, format, content }: SpaceImport,
): Promise<ImportedSpaces> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  const site = await holdSite(tx, siteId)
  if (site === undefined) throw unknownReference('site_id')
  const file = readSpaceFile(content, { format, site: site.code })
  const siteIds = new Map([[site.code, site.id]])
  const zones = await writeZones(tx, zonesOf(file.spaces), siteIds)
  const zoneIds = await readZoneIds(tx, siteIds)
  const spaces = await writeSpaces(tx, file.spaces, { siteIds, zoneIds, update: file.columns })
  await audited(tx, actor, {
    action: 'spaces.imported',
    target: { kind: 'site', id: site.id },
    detail: { format, zones_created: zones.created, created: spaces.created, changed: spaces.updated },
  })
  return { zones, spaces, ignoredColumns: file.ignored }
}

/** How a dry run gets out of its transaction with what it found. */
export class DryRun extends Error {
  readonly found: ImportedSpaces

  constructor(found: ImportedSpaces) {
    super('dry run: rolled back')
    this.found = found
  }
}
