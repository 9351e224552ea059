import { LRUCache } from 'lru-cache'
import {
  defaultPolicy,
  effectivePolicy,
  storedPolicyFieldsSchema,
  type Policy,
  type PolicyFields,
} from '../occupancy/policy.ts'
import type { SnapshotTransaction, SpaceTransaction } from './transactions.ts'

export interface PolicyPlace {
  tenantId: string
  siteId: string
  spaceId: string
}

/** Policies of one tenant as of one version: the newest row of each scope that is not newer than it. */
type PolicyVersion = ReadonlyMap<string, PolicyFields>

/** Held in memory at most; what was not used for longest is read again when asked for. */
const versionsKept = 1000
const placesKept = 200_000

/** Policies never change once numbered, so they are read once. */
export class PolicyCache {
  /** Those that were asked for last come last. */
  readonly #versions = new Map<string, PolicyVersion>()
  readonly #places = new LRUCache<string, Policy>({ max: placesKept })

  /** Makes the given versions readable by `policyOf`, however many they are. Version 0 is the defaults. */
  async load(
    tx: SpaceTransaction | SnapshotTransaction,
    wanted: readonly { tenantId: string; version: number }[],
  ): Promise<void> {
    for (const { tenantId, version } of wanted) {
      if (version === 0) continue
      const key = `${tenantId} ${version}`
      const scopes = this.#versions.get(key) ?? (await readVersion(tx, { tenantId, version }))
      this.#versions.delete(key)
      this.#versions.set(key, scopes)
    }
    this.#forget(Math.max(versionsKept, wanted.length))
  }

  #forget(kept: number): void {
    for (const key of this.#versions.keys()) {
      if (this.#versions.size <= kept) return
      this.#versions.delete(key)
    }
  }

  /** The policy of a space at a version that was loaded, or of its tenant where no space is given. */
  policyOf(place: Pick<PolicyPlace, 'tenantId'> & Partial<PolicyPlace>, version: number): Policy {
    if (version === 0) return defaultPolicy
    const { tenantId, siteId, spaceId } = place
    const key = `${spaceId ?? tenantId} ${version}`
    const known = this.#places.get(key)
    if (known !== undefined) return known
    const scopes = this.#versions.get(`${tenantId} ${version}`)
    if (scopes === undefined) throw new Error(`policy version ${version} of tenant ${tenantId} was not loaded`)
    const policy = effectivePolicy(scopes.get(tenantId), scopes.get(siteId ?? ''), scopes.get(spaceId ?? ''))
    this.#places.set(key, policy)
    return policy
  }
}

async function readVersion(
  tx: SpaceTransaction | SnapshotTransaction,
  { tenantId, version }: { tenantId: string; version: number },
): Promise<PolicyVersion> {
  const rows = await tx<{ scope_id: string | null; fields: unknown }[]>`
    SELECT DISTINCT ON (scope, scope_id) scope_id, fields FROM policies
    WHERE tenant_id = ${tenantId} AND version <= ${version} ORDER BY scope, scope_id, version DESC`
  return new Map(rows.map(({ scope_id, fields }) => [scope_id ?? tenantId, storedPolicyFieldsSchema.parse(fields)]))
}
