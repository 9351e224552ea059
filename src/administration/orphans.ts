import { requirePermission, type Actor } from '../auth/principal.ts'
import { lockOrphan, selectOrphans, setOrphanIgnored, type Orphan } from '../store/orphans.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import { slugOf } from '../store/tenant-slug.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { auditedAsMade, makeDevice, type MadeDevice, type NewDevice } from './devices.ts'
import { notFound } from './place-refusals.ts'

/** The inbox of devices that were heard and that nobody knows. */
export async function listOrphans(
  tx: TenantTransaction,
  actor: Actor,
  page: Parameters<typeof selectOrphans>[1],
): Promise<Orphan[]> {
  requirePermission(actor, 'devices:read')
  return await selectOrphans(tx, page)
}

/** Makes it a device. Of those that claim it at once, one does; to the others it is not there any more. */
export async function claimOrphan(
  tx: TenantTransaction,
  actor: Actor,
  wanted: NewDevice,
): Promise<MadeDevice & { redrive: string }> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  if ((await lockOrphan(tx, wanted.code)) === undefined) throw notFound()
  const made = await makeDevice(tx, wanted)
  const tenant = await slugOf(tx)
  await auditedAsMade(tx, actor, { made, action: 'device.claimed' })
  return { ...made, redrive: redriveCommand({ tenant, device: wanted.code }) }
}

/** What it said before it was known lies in the log without effect. With `=`, because a code may begin with a dash. */
function redriveCommand({ tenant, device }: { tenant: string; device: string }): string {
  return `baywire dlq redrive --tenant=${tenant} --device=${device} --outcome unknown_device --execute`
}

/** One that is ignored stays so when it speaks again. */
export async function ignoreOrphan(
  tx: TenantTransaction,
  actor: Actor,
  { code, ignored }: { code: string; ignored: boolean },
): Promise<void> {
  requirePermission(actor, 'devices:write')
  const orphan = await lockOrphan(tx, code)
  if (orphan === undefined) throw notFound()
  if (orphan.ignored === ignored) return
  await setOrphanIgnored(tx, { code, ignored })
  await audited(tx, actor, {
    action: ignored ? 'orphan.ignored' : 'orphan.unignored',
    target: { kind: 'orphan', id: code },
  })
}
