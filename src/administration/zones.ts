import { requirePermission, type Actor } from '../auth/principal.ts'
import { Refusal, revisionOutdated } from '../refusal.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import { holdSite } from '../store/sites.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import {
  deleteZoneRow,
  insertZone,
  lockZone,
  selectZone,
  selectZones,
  spacesInZone,
  updateZone,
  type PageOfPlaces,
  type Zone,
  type ZoneFields,
} from '../store/zones.ts'
import { audited } from './audited.ts'
import { countsInWords, notFound, orTaken, unknownReference } from './place-refusals.ts'

export async function listZones(tx: TenantTransaction, actor: Actor, page: PageOfPlaces): Promise<Zone[]> {
  requirePermission(actor, 'places:read')
  return await selectZones(tx, page)
}

export async function readZone(tx: TenantTransaction, actor: Actor, id: string): Promise<Zone> {
  requirePermission(actor, 'places:read')
  const zone = await selectZone(tx, id)
  if (zone === undefined) throw notFound()
  return zone
}

export async function createZone(
  tx: TenantTransaction,
  actor: Actor,
  fields: ZoneFields & { siteId: string },
): Promise<Zone> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  if ((await holdSite(tx, fields.siteId)) === undefined) throw unknownReference('site_id')
  const zone = await orTaken('code', insertZone(tx, fields))
  await audited(tx, actor, {
    action: 'zone.created',
    target: { kind: 'zone', id: zone.id },
    detail: { code: zone.code },
  })
  return zone
}

export async function changeZone(
  tx: TenantTransaction,
  actor: Actor,
  change: { id: string; revision: number; fields: Partial<ZoneFields> },
): Promise<Zone> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  if ((await selectZone(tx, change.id)) === undefined) throw notFound()
  const zone = await orTaken('code', updateZone(tx, change))
  if (zone === undefined) throw revisionOutdated()
  await audited(tx, actor, {
    action: 'zone.changed',
    target: { kind: 'zone', id: zone.id },
    detail: { fields: Object.keys(change.fields) },
  })
  return zone
}

export async function deleteZone(
  tx: TenantTransaction,
  actor: Actor,
  { id, revision }: { id: string; revision: number },
): Promise<void> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  const zone = await lockZone(tx, id)
  if (zone === undefined) throw notFound()
  if (zone.revision !== revision) throw revisionOutdated()
  const spaces = await spacesInZone(tx, id)
  if (spaces > 0) {
    throw new Refusal('in_use', `The zone has ${countsInWords({ space: spaces })}: move or delete them first.`)
  }
  await deleteZoneRow(tx, id)
  await audited(tx, actor, { action: 'zone.deleted', target: { kind: 'zone', id }, detail: { code: zone.code } })
}
