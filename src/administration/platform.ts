import { recordAudit } from '../store/audit.ts'
import { lockMembers } from '../store/members.ts'
import { lockProvisioning } from '../store/provision-lock.ts'
import { eraseTenantRows, selectTenant, setSuspended } from '../store/tenants.ts'
import type { TenantTransaction } from '../store/transactions.ts'

/** What the operator of the installation does to a tenant, by command. */
const actor = { kind: 'command', id: 'baywire tenant' } as const

/** Neither its people nor its devices get in, and nothing of it is public; what is stored stays. False where it was so. */
export async function suspendTenant(tx: TenantTransaction): Promise<boolean> {
  return await setSuspension(tx, true)
}

export async function resumeTenant(tx: TenantTransaction): Promise<boolean> {
  return await setSuspension(tx, false)
}

async function setSuspension(tx: TenantTransaction, suspended: boolean): Promise<boolean> {
  const changed = await setSuspended(tx, suspended)
  if (changed) {
    const action = suspended ? 'tenant.suspended' : 'tenant.resumed'
    await recordAudit(tx, { actor, action, target: { kind: 'tenant', id: tx.tenantId } })
  }
  return changed
}

/** @returns how many rows of which table are gone */
export async function eraseTenantByCommand(tx: TenantTransaction): Promise<Record<string, number>> {
  await lockProvisioning(tx)
  await lockMembers(tx)
  const tenant = await selectTenant(tx)
  const rows = await eraseTenantRows(tx)
  const target = { kind: 'tenant', id: tx.tenantId }
  await recordAudit(tx, { actor, action: 'tenant.erased', target, detail: { slug: tenant?.slug, rows } })
  return rows
}
