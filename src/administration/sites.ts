import { requirePermission, type Actor } from '../auth/principal.ts'
import { Refusal, revisionOutdated } from '../refusal.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import {
  archiveSite,
  contentsOfSite,
  deleteSiteRow,
  insertSite,
  lockSite,
  selectSite,
  selectSites,
  updateSite,
  type Site,
  type SiteFields,
} from '../store/sites.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { countsInWords, notFound, orTaken } from './place-refusals.ts'

export async function listSites(
  tx: TenantTransaction,
  actor: Actor,
  page: Parameters<typeof selectSites>[1],
): Promise<Site[]> {
  requirePermission(actor, 'places:read')
  return await selectSites(tx, page)
}

export async function readSite(tx: TenantTransaction, actor: Actor, id: string): Promise<Site> {
  requirePermission(actor, 'places:read')
  const site = await selectSite(tx, id)
  if (site === undefined) throw notFound()
  return site
}

export async function createSite(tx: TenantTransaction, actor: Actor, fields: SiteFields): Promise<Site> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  const site = await orTaken('code', insertSite(tx, fields))
  await audited(tx, actor, {
    action: 'site.created',
    target: { kind: 'site', id: site.id },
    detail: { code: site.code },
  })
  return site
}

export async function changeSite(
  tx: TenantTransaction,
  actor: Actor,
  change: { id: string; revision: number; fields: Partial<SiteFields> },
): Promise<Site> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  if ((await selectSite(tx, change.id)) === undefined) throw notFound()
  const site = await orTaken('code', updateSite(tx, change))
  if (site === undefined) throw revisionOutdated()
  await audited(tx, actor, {
    action: 'site.changed',
    target: { kind: 'site', id: site.id },
    detail: { fields: Object.keys(change.fields) },
  })
  return site
}

/** Of a site whose deleted spaces have a history the row is kept, out of sight: their log refers to it. */
export async function deleteSite(
  tx: TenantTransaction,
  actor: Actor,
  { id, revision }: { id: string; revision: number },
): Promise<void> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  const site = await lockSite(tx, id)
  if (site === undefined) throw notFound()
  if (site.revision !== revision) throw revisionOutdated()
  const { zones, spaces, archived } = await contentsOfSite(tx, id)
  if (zones + spaces > 0) {
    throw new Refusal('in_use', `The site has ${countsInWords({ zone: zones, space: spaces })}: delete them first.`)
  }
  await (archived > 0 ? archiveSite(tx, id) : deleteSiteRow(tx, id))
  await audited(tx, actor, {
    action: 'site.deleted',
    target: { kind: 'site', id },
    detail: { code: site.code, archived: archived > 0 },
  })
}
