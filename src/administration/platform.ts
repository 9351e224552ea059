import { BaywireError } from '../errors.ts'
import { auditEntries, recordAudit } from '../store/audit.ts'
import { lockMembers } from '../store/members.ts'
import { lockProvisioning } from '../store/provision-lock.ts'
import { eraseLogPart, eraseTenantRows, selectTenant, setSuspended } from '../store/tenants.ts'
import type { TenantTransaction } from '../store/transactions.ts'

/** What the operator of the installation does to a tenant, by command. */
const actor = { kind: 'command', id: 'baywire tenant' } as const

/** Neither its people nor its devices get in, and nothing of it is public; what is stored stays. False where it was so. */
export async function suspendTenant(tx: TenantTransaction): Promise<boolean> {
  return await setSuspension(tx, true)
}

export async function resumeTenant(tx: TenantTransaction): Promise<boolean> {
  await lockProvisioning(tx)
  if (await isBeingErased(tx)) {
    throw new BaywireError('a part of its log is erased already: it cannot be resumed', {
      advice: 'finish with `baywire tenant erase`',
    })
  }
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

type InTenant = <T>(work: (tx: TenantTransaction) => Promise<T>) => Promise<T>

/**
 * Shuts the tenant off, erases its log in parts, each in a transaction of its own that nobody's readings wait for, and then what
 * is left. May be ended anywhere and begun again; what is half erased stays suspended.
 *
 * @param inTenant runs each of the transactions
 * @returns how many rows of which table are gone
 */
export async function eraseTenantInParts(inTenant: InTenant): Promise<Record<string, number>> {
  await inTenant(beginErasure)
  let gone: Record<string, number> = {}
  for (let more = true; more;) {
    // oxlint-disable-next-line no-await-in-loop -- the oldest first
    const part = await inTenant(eraseLogPart)
    gone = sum(gone, part)
    more = Object.values(part).some((rows) => rows > 0)
  }
  return await inTenant((tx) => eraseTenantByCommand(tx, gone))
}

const begun = 'tenant.erasure_begun'

async function beginErasure(tx: TenantTransaction): Promise<void> {
  await lockProvisioning(tx)
  if ((await selectTenant(tx)) === undefined) throw new BaywireError('somebody else has erased the tenant')
  await setSuspended(tx, true)
  if (await isBeingErased(tx)) return
  await recordAudit(tx, { actor, action: begun, target: { kind: 'tenant', id: tx.tenantId } })
}

async function isBeingErased(tx: TenantTransaction): Promise<boolean> {
  const filter = { targetKind: 'tenant', targetId: tx.tenantId, action: begun }
  return (await auditEntries(tx, { filter, before: undefined, limit: 1 })).length > 0
}

function sum(one: Record<string, number>, other: Record<string, number>): Record<string, number> {
  const added = Object.entries(other).map(([table, rows]) => [table, (one[table] ?? 0) + rows])
  return { ...one, ...Object.fromEntries(added) }
}

/** @returns how many rows of which table are gone, with those that went before */
export async function eraseTenantByCommand(
  tx: TenantTransaction,
  before: Record<string, number> = {},
): Promise<Record<string, number>> {
  await lockProvisioning(tx)
  await lockMembers(tx)
  const tenant = await selectTenant(tx)
  const rows = sum(before, await eraseTenantRows(tx))
  const target = { kind: 'tenant', id: tx.tenantId }
  await recordAudit(tx, { actor, action: 'tenant.erased', target, detail: { slug: tenant?.slug, rows } })
  return rows
}
