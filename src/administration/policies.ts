import { requirePermission, type Actor } from '../auth/principal.ts'
import type { PolicyFields } from '../occupancy/policy.ts'
import { revisionOutdated } from '../refusal.ts'
import {
  effectiveAt,
  insertPolicy,
  raisePolicyVersion,
  selectPoliciesInForce,
  selectPolicyVersion,
  selectPolicyVersions,
  selectScope,
  type EffectivePolicy,
  type PolicyRow,
  type PolicyScope,
} from '../store/policy-versions.ts'
import { holdSite, selectSite } from '../store/sites.ts'
import { selectSpace } from '../store/spaces.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { notFound, unknownReference } from './place-refusals.ts'

/**
 * Policies are versioned: whatever is changed at whatever scope raises the tenant's one version, and an earlier one stays
 * what it was, for all that was decided by it. A new version holds from the next input of each space; deadlines that
 * lie in a state already keep their time.
 */
export async function listPolicies(
  tx: TenantTransaction,
  actor: Actor,
  page: { after: string | undefined; limit: number },
): Promise<{ version: number; rows: PolicyRow[] }> {
  requirePermission(actor, 'policies:read')
  const version = await selectPolicyVersion(tx)
  return { version, rows: await selectPoliciesInForce(tx, page) }
}

export async function listPolicyVersions(
  tx: TenantTransaction,
  actor: Actor,
  page: { before: number | undefined; limit: number },
): Promise<PolicyRow[]> {
  requirePermission(actor, 'policies:read')
  return await selectPolicyVersions(tx, page)
}

export async function readEffectivePolicy(
  tx: TenantTransaction,
  actor: Actor,
  { siteId, spaceId }: { siteId?: string | undefined; spaceId?: string | undefined },
): Promise<EffectivePolicy & { version: number }> {
  requirePermission(actor, 'policies:read')
  const space = spaceId === undefined ? undefined : await selectSpace(tx, spaceId)
  if (spaceId !== undefined && space === undefined) throw unknownReference('space_id')
  if (siteId !== undefined && (await selectSite(tx, siteId)) === undefined) throw unknownReference('site_id')
  const version = await selectPolicyVersion(tx)
  return { version, ...(await effectiveAt(tx, { version, siteId: space?.siteId ?? siteId, spaceId })) }
}

export interface ScopePolicy {
  /** The tenant's policy version. */
  version: number
  /** Of the row that says so; null where the scope never said anything. */
  since: Date | null
  fields: PolicyFields
}

export async function readPolicy(tx: TenantTransaction, actor: Actor, scope: PolicyScope): Promise<ScopePolicy> {
  requirePermission(actor, 'policies:read')
  await requirePlace(tx, scope)
  const version = await selectPolicyVersion(tx)
  const row = await selectScope(tx, { scope: scope.scope, scopeId: scopeIdOf(scope), version })
  return { version, since: row?.createdAt ?? null, fields: row?.fields ?? {} }
}

/** `fields` are all that the scope says from now on; none of them means that it takes all from the scope above. */
export async function changePolicy(
  tx: TenantTransaction,
  actor: Actor,
  { scope, expected, fields }: { scope: PolicyScope; expected: number; fields: PolicyFields },
): Promise<ScopePolicy> {
  requirePermission(actor, 'policies:write')
  await requirePlace(tx, scope)
  const version = await raisePolicyVersion(tx, expected)
  if (version === undefined) throw revisionOutdated()
  const scopeId = scopeIdOf(scope)
  const row = await insertPolicy(tx, { version, scope: scope.scope, scopeId, fields })
  await audited(tx, actor, {
    action: 'policy.changed',
    target: { kind: scope.scope, id: scopeId ?? tx.tenantId },
    detail: { version, fields },
  })
  return { version, since: row.createdAt, fields: row.fields }
}

async function requirePlace(tx: TenantTransaction, scope: PolicyScope): Promise<void> {
  if (scope.scope === 'tenant') return
  const place = scope.scope === 'site' ? await holdSite(tx, scope.id) : await selectSpace(tx, scope.id)
  if (place === undefined) throw notFound()
}

function scopeIdOf(scope: PolicyScope): string | null {
  return scope.scope === 'tenant' ? null : scope.id
}
