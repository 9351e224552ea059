import { requirePermission, type Actor } from '../auth/principal.ts'
import { Refusal, revisionOutdated } from '../refusal.ts'
import { lockMembers } from '../store/members.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import {
  eraseTenantRows,
  selectTenant,
  sizeOfLog,
  updateTenant,
  type Tenant,
  type TenantFields,
} from '../store/tenants.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { ownRole } from './own-role.ts'
import { notFound } from './place-refusals.ts'

/** The tenant itself, as its own people see and change it. Suspending it is the operator's (platform.ts). */
export async function readTenant(tx: TenantTransaction, actor: Actor): Promise<Tenant> {
  requirePermission(actor, 'tenant:read')
  return await found(tx)
}

export async function changeTenant(
  tx: TenantTransaction,
  actor: Actor,
  change: { revision: number; fields: Partial<TenantFields> },
): Promise<Tenant> {
  requirePermission(actor, 'tenant:write')
  await takeProvisioning(tx)
  await found(tx)
  const tenant = await updateTenant(tx, change)
  if (tenant === undefined) throw revisionOutdated()
  const { public: opened } = change.fields
  await audited(tx, actor, {
    action: 'tenant.changed',
    target: { kind: 'tenant', id: tenant.id },
    detail: { fields: Object.keys(change.fields), ...(opened === undefined ? {} : { public: opened }) },
  })
  return tenant
}

/** Readings and events that a request takes away: about a second for which those of others wait. */
const mostErasedByRequest = 50_000

/** For good. Its audit log stays, and so do the accounts of its people. A large log is erased by the operator (platform.ts). */
export async function eraseTenant(
  tx: TenantTransaction,
  actor: Actor,
  { slug, revision }: { slug: string; revision: number },
): Promise<void> {
  requirePermission(actor, 'tenant:erase')
  await takeProvisioning(tx)
  const own = await ownRole(tx, actor, await lockMembers(tx))
  if (own !== 'owner') throw new Refusal('forbidden', 'Only an owner erases a tenant.')
  const tenant = await found(tx)
  if (tenant.revision !== revision) throw revisionOutdated()
  if (tenant.slug !== slug) {
    throw new Refusal('invalid_input', 'Wrong input: see errors.', {
      errors: [{ path: 'slug', message: 'is not the slug of this tenant' }],
    })
  }
  if ((await sizeOfLog(tx)) > mostErasedByRequest) {
    throw new Refusal(
      'conflict',
      'The log is too large for a request: the operator erases it, by `baywire tenant erase`.',
    )
  }
  const rows = await eraseTenantRows(tx)
  await audited(tx, actor, {
    action: 'tenant.erased',
    target: { kind: 'tenant', id: tenant.id },
    detail: { slug, rows },
  })
}

async function found(tx: TenantTransaction): Promise<Tenant> {
  const tenant = await selectTenant(tx)
  if (tenant === undefined) throw notFound()
  return tenant
}
