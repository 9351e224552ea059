import { requirePermission, type Actor } from '../auth/principal.ts'
import { guarded } from '../csv.ts'
import { selectExportedSpaces, type ExportedSpace } from '../store/space-export.ts'
import { selectSite } from '../store/sites.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { unknownReference } from './place-refusals.ts'
import type { SpaceFormat } from './space-file.ts'

/** All spaces of a site, as a file that can be imported again: that changes nothing. */
export async function exportSpaces(
  tx: TenantTransaction,
  actor: Actor,
  { siteId, format }: { siteId: string; format: SpaceFormat },
): Promise<{ site: string; content: string }> {
  requirePermission(actor, 'places:read')
  const site = await selectSite(tx, siteId)
  if (site === undefined) throw unknownReference('site_id')
  const spaces = await selectExportedSpaces(tx, siteId)
  return { site: site.code, content: format === 'csv' ? csvOf(site.code, spaces) : geoJsonOf(spaces) }
}

const header = 'site,space,name,level,zone,lat,lon,plan_x,plan_y,features'

function csvOf(site: string, spaces: readonly ExportedSpace[]): string {
  const lines = spaces.map((space) =>
    [
      text(site),
      text(space.code),
      text(space.name),
      text(space.level),
      text(space.zone),
      space.lat,
      space.lon,
      space.planX,
      space.planY,
      text(space.features.join(';')),
    ].join(','),
  )
  return `${[header, ...lines].join('\r\n')}\r\n`
}

/** RFC 4180, and nothing that a spreadsheet would take for a formula. */
function text(value: string | null): string {
  const cell = guarded(value ?? '')
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

function geoJsonOf(spaces: readonly ExportedSpace[]): string {
  const features = spaces.map(({ code, name, level, zone, lat, lon, planX, planY, features: kinds }) => ({
    type: 'Feature',
    geometry: lat === null || lon === null ? null : { type: 'Point', coordinates: [lon, lat] },
    properties: { space: code, name, level, zone, plan_x: planX, plan_y: planY, features: kinds },
  }))
  return JSON.stringify({ type: 'FeatureCollection', features })
}
