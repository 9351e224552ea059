import { requirePermission, type Actor } from '../auth/principal.ts'
import { Refusal, revisionOutdated } from '../refusal.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import { holdSite } from '../store/sites.ts'
import { archiveSpace, deleteSpaceRows, lockLeavingSpace } from '../store/space-removal.ts'
import {
  insertSpace,
  selectSpace,
  selectSpaces,
  updateSpace,
  type PageOfSpaces,
  type Space,
  type SpaceFields,
} from '../store/spaces.ts'
import type { TenantTransaction, TenantWriterTransaction } from '../store/transactions.ts'
import { holdZone } from '../store/zones.ts'
import { audited } from './audited.ts'
import { countsInWords, notFound, orTaken, unknownReference } from './place-refusals.ts'
import { explainSpace, type ExplainedSpace } from './space-detail.ts'
import { endInForce, lockSpaces, type Stepping } from './stepped-spaces.ts'

/** A space's site never changes: policies of a site hold for it, and ingest remembers where it is. */
export async function listSpaces(tx: TenantTransaction, actor: Actor, page: PageOfSpaces): Promise<Space[]> {
  requirePermission(actor, 'places:read')
  return await selectSpaces(tx, page)
}

export async function createSpace(
  tx: TenantTransaction,
  actor: Actor,
  fields: SpaceFields & { siteId: string },
): Promise<ExplainedSpace> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  if ((await holdSite(tx, fields.siteId)) === undefined) throw unknownReference('site_id')
  await requireZone(tx, fields)
  const id = await orTaken('code', insertSpace(tx, fields))
  await audited(tx, actor, { action: 'space.created', target: { kind: 'space', id }, detail: { code: fields.code } })
  return await explainSpace(tx, id)
}

export async function changeSpace(
  tx: TenantTransaction,
  actor: Actor,
  change: { id: string; revision: number; fields: Partial<SpaceFields> },
): Promise<ExplainedSpace> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  const { id, fields } = change
  const before = await selectSpace(tx, id)
  if (before === undefined) throw notFound()
  await requireZone(tx, { siteId: before.siteId, zoneId: fields.zoneId ?? null })
  if (!(await orTaken('code', updateSpace(tx, change)))) throw revisionOutdated()
  await audited(tx, actor, {
    action: 'space.changed',
    target: { kind: 'space', id },
    detail: { fields: Object.keys(fields) },
  })
  return await explainSpace(tx, id)
}

/**
 * A space that was never heard of goes without a trace. One with a history is archived: out of everybody's sight, its
 * code free, its log still folded, so that retention and `replay --verify` find all that they need. Whatever was in force
 * there ends. Refused while a device stands there, and while it is booked.
 */
export async function deleteSpace(
  tx: TenantWriterTransaction,
  actor: Actor,
  { id, revision, stepping }: { id: string; revision: number; stepping: Stepping },
): Promise<void> {
  requirePermission(actor, 'places:write')
  await takeProvisioning(tx)
  const { writer, at } = await lockSpaces(tx, stepping, [id])
  const space = await lockLeavingSpace(tx, id)
  if (space === undefined) throw notFound()
  if (space.revision !== revision) throw revisionOutdated()
  if (space.device !== null) {
    throw new Refusal('in_use', `The device ${space.device} stands there: unassign it first.`)
  }
  if (space.reservations > 0) {
    throw new Refusal('in_use', `It has ${countsInWords({ reservation: space.reservations })}: move or cancel first.`)
  }
  await endInForce(tx, actor, { writer, at, spaceId: id })
  await writer.writeStates(at)
  await writer.writeEvents(at)
  await (space.hasHistory ? archiveSpace(tx, id) : deleteSpaceRows(tx, id))
  await audited(tx, actor, {
    action: 'space.deleted',
    target: { kind: 'space', id },
    detail: { code: space.code, archived: space.hasHistory },
  })
}

/** The zone must be one of the space's own site. */
async function requireZone(
  tx: TenantTransaction,
  { siteId, zoneId }: { siteId: string; zoneId: string | null },
): Promise<void> {
  if (zoneId === null) return
  const zone = await holdZone(tx, zoneId)
  if (zone?.siteId !== siteId) throw unknownReference('zone_id')
}
