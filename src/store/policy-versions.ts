import { and, desc, eq, gt, isNull, lt, lte, sql } from 'drizzle-orm'
import { effectivePolicy, storedPolicyFieldsSchema, type Policy, type PolicyFields } from '../occupancy/policy.ts'
import { sites, spaces } from './schema/places.ts'
import { policies, tenants } from './schema/tenancy.ts'
import type { TenantTransaction } from './transactions.ts'

/** What a policy is said for: the tenant, or one of its sites or spaces. */
export type PolicyScope = { readonly scope: 'tenant' } | { readonly scope: 'site' | 'space'; readonly id: string }

export interface PolicyRow {
  version: number
  scope: PolicyScope['scope']
  scopeId: string | null
  fields: PolicyFields
  createdAt: Date
}

const columns = {
  version: policies.version,
  scope: policies.scope,
  scopeId: policies.scopeId,
  fields: policies.fields,
  createdAt: policies.createdAt,
}

type Row = Omit<PolicyRow, 'scope' | 'fields'> & { scope: string; fields: unknown }

const parsed = (row: Row): PolicyRow => ({
  ...row,
  scope: row.scope as PolicyRow['scope'],
  fields: storedPolicyFieldsSchema.parse(row.fields),
})

export async function selectPolicyVersion(tx: TenantTransaction): Promise<number> {
  const [tenant] = await tx.select({ version: tenants.policyVersion }).from(tenants).where(eq(tenants.id, tx.tenantId))
  return tenant?.version ?? 0
}

/** How the list of what is in force is ordered, and what its cursor holds. */
export const scopeKey = ({ scope, scopeId }: Pick<PolicyRow, 'scope' | 'scopeId'>) =>
  scopeId === null ? scope : `${scope}.${scopeId}`

/** The newest row of each scope that says anything, of places that are there. */
export async function selectPoliciesInForce(
  tx: TenantTransaction,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<PolicyRow[]> {
  const newest = tx
    .selectDistinctOn([policies.scope, policies.scopeId], columns)
    .from(policies)
    .where(eq(policies.tenantId, tx.tenantId))
    .orderBy(policies.scope, policies.scopeId, desc(policies.version))
    .as('newest')
  const key = sql<string>`(newest.scope || coalesce('.' || newest.scope_id, '')) collate "C"`
  const rows = await tx
    .select({
      version: newest.version,
      scope: newest.scope,
      scopeId: newest.scopeId,
      fields: newest.fields,
      createdAt: newest.createdAt,
    })
    .from(newest)
    .leftJoin(sites, and(eq(sites.tenantId, tx.tenantId), eq(sites.id, newest.scopeId), isNull(sites.archivedAt)))
    .leftJoin(spaces, and(eq(spaces.tenantId, tx.tenantId), eq(spaces.id, newest.scopeId), isNull(spaces.archivedAt)))
    .where(
      and(
        sql`newest.fields <> '{}'::jsonb`,
        sql`(newest.scope_id is null or ${sites.id} is not null or ${spaces.id} is not null)`,
        after === undefined ? undefined : gt(key, after),
      ),
    )
    .orderBy(key)
    .limit(limit)
  return rows.map(parsed)
}

/** All that was ever said, the newest first. */
export async function selectPolicyVersions(
  tx: TenantTransaction,
  { before, limit }: { before: number | undefined; limit: number },
): Promise<PolicyRow[]> {
  const rows = await tx
    .select(columns)
    .from(policies)
    .where(and(eq(policies.tenantId, tx.tenantId), before === undefined ? undefined : lt(policies.version, before)))
    .orderBy(desc(policies.version))
    .limit(limit)
  return rows.map(parsed)
}

/** What the scope says in its newest row; nothing where it never said anything. */
export async function selectScope(
  tx: TenantTransaction,
  { scope, scopeId, version }: { scope: PolicyScope['scope']; scopeId: string | null; version: number },
): Promise<PolicyRow | undefined> {
  const [row] = await tx
    .select(columns)
    .from(policies)
    .where(
      and(
        eq(policies.tenantId, tx.tenantId),
        eq(policies.scope, scope),
        scopeId === null ? isNull(policies.scopeId) : eq(policies.scopeId, scopeId),
        lte(policies.version, version),
      ),
    )
    .orderBy(desc(policies.version))
    .limit(1)
  return row && parsed(row)
}

export interface EffectivePolicy {
  policy: Policy
  /** Which scope each field comes from. */
  from: Record<keyof Policy, 'default' | PolicyScope['scope']>
}

/** The policy of a place at a version: field by field of the space, else of its site, else of the tenant. */
export async function effectiveAt(
  tx: TenantTransaction,
  { version, siteId, spaceId }: { version: number; siteId?: string | undefined; spaceId?: string | undefined },
): Promise<EffectivePolicy> {
  const wanted = [
    { scope: 'tenant', scopeId: null },
    { scope: 'site', scopeId: siteId },
    { scope: 'space', scopeId: spaceId },
  ] as const
  const said: { scope: PolicyScope['scope']; fields: PolicyFields }[] = []
  for (const { scope, scopeId } of wanted) {
    if (scopeId === undefined) continue
    // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
    const row = await selectScope(tx, { scope, scopeId, version })
    if (row !== undefined) said.push({ scope, fields: row.fields })
  }
  const policy = effectivePolicy(...said.map(({ fields }) => fields))
  const names = Object.keys(policy) as (keyof Policy)[]
  const from = Object.fromEntries(
    names.map((name) => [name, said.findLast(({ fields }) => fields[name] !== undefined)?.scope ?? 'default']),
  ) as EffectivePolicy['from']
  return { policy, from }
}

/**
 * Raises the tenant's policy version, whose row is locked until COMMIT: two changes never get the same one. Undefined where
 * it is not the expected one any more. Spaces that are being stepped meanwhile keep the version that they read.
 */
export async function raisePolicyVersion(tx: TenantTransaction, expected: number): Promise<number | undefined> {
  const [tenant] = await tx
    .update(tenants)
    .set({ policyVersion: sql`${tenants.policyVersion} + 1` })
    .where(and(eq(tenants.id, tx.tenantId), eq(tenants.policyVersion, expected)))
    .returning({ version: tenants.policyVersion })
  return tenant?.version
}

export async function insertPolicy(tx: TenantTransaction, row: Omit<PolicyRow, 'createdAt'>): Promise<PolicyRow> {
  const [made] = await tx
    .insert(policies)
    .values({ tenantId: tx.tenantId, ...row })
    .returning(columns)
  return parsed(made as Row)
}
