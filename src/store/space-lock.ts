import { LRUCache } from 'lru-cache'
import { restored, type SpaceState } from '../occupancy/state.ts'
import { plain, plainOf } from './arrays.ts'
import type { SpaceTransaction } from './transactions.ts'

export interface SpaceKey {
  readonly tenantId: string
  readonly spaceId: string
}

/** A space as of one of its inputs. */
export interface KnownSpace {
  readonly siteId: string
  readonly inputSeq: number
  readonly state: SpaceState
  readonly sessionStartedAt: number | null
}

/** A space whose row is locked. */
export interface LockedSpace extends SpaceKey {
  readonly known: KnownSpace
  readonly policyVersion: number
  /** The rules that its last input was stepped by. */
  readonly rulesVersion: number
}

/** Spaces remembered at most; the one not stepped for longest is read again. */
const spacesKept = 100_000

/**
 * Spaces as they were committed. What a space was after its n-th input never changes, so whoever finds the same
 * `input_seq` under the row's lock need not read the state again; any other process that stepped it has raised it.
 */
export class SpaceMemory {
  readonly #spaces = new LRUCache<string, KnownSpace>({ max: spacesKept })

  asOf(spaceId: string, inputSeq: number): KnownSpace | undefined {
    const known = this.#spaces.get(spaceId)
    return known?.inputSeq === inputSeq ? known : undefined
  }

  /** To be told only of what was committed. */
  remember(spaceId: string, known: KnownSpace): void {
    this.#spaces.set(spaceId, known)
  }
}

/**
 * Locks the rows of the given spaces, in the order of their ids, so that two transactions never wait for each
 * other in a circle. Whatever steps a space holds this lock until COMMIT: that alone orders a space's inputs.
 */
export async function lockSpaces(
  tx: SpaceTransaction,
  { keys, memory }: { keys: readonly SpaceKey[]; memory: SpaceMemory },
): Promise<LockedSpace[]> {
  if (keys.length === 0) return []
  const tenantIds = [...new Set(keys.map((key) => key.tenantId))]
  const [locked, versions] = await Promise.all([
    tx<{ place: number; inputSeq: number; rulesVersion: number }[]>`
      SELECT wanted.place::integer, s.input_seq AS "inputSeq", s.rules_version AS "rulesVersion"
      FROM unnest(${plainOf(keys, (key) => key.tenantId)}::uuid[],
                  ${plainOf(keys, (key) => key.spaceId)}::uuid[]) WITH ORDINALITY AS wanted (tenant_id, space_id, place)
      JOIN space_states s ON s.tenant_id = wanted.tenant_id AND s.space_id = wanted.space_id
      ORDER BY s.space_id
      FOR UPDATE OF s`,
    tx<{ id: string; version: number }[]>`
      SELECT t.id, t.policy_version AS version
      FROM unnest(${plain(tenantIds)}::uuid[]) AS wanted (id) JOIN tenants t ON t.id = wanted.id`,
  ])
  const found = locked.map(({ place, inputSeq, rulesVersion }) => {
    const { tenantId, spaceId } = keys[place - 1] as SpaceKey
    return { tenantId, spaceId, rulesVersion, known: memory.asOf(spaceId, inputSeq) }
  })
  const read = await readSpaces(
    tx,
    found.filter(({ known }) => known === undefined),
  )
  const policyVersions = new Map(versions.map(({ id, version }) => [id, version]))
  const spaces: LockedSpace[] = []
  for (const { tenantId, spaceId, rulesVersion, known = read.get(spaceId) } of found) {
    if (known === undefined) continue
    spaces.push({ tenantId, spaceId, known, policyVersion: policyVersions.get(tenantId) ?? 0, rulesVersion })
  }
  return spaces
}

interface Row {
  space_id: string
  site_id: string
  state: Partial<SpaceState>
  input_seq: number
  session_started_at: Date | null
}

async function readSpaces(tx: SpaceTransaction, keys: readonly SpaceKey[]): Promise<Map<string, KnownSpace>> {
  if (keys.length === 0) return new Map()
  const rows = await tx<Row[]>`
    SELECT s.space_id, p.site_id, s.state, s.input_seq, s.session_started_at
    FROM unnest(${plainOf(keys, (key) => key.tenantId)}::uuid[],
                ${plainOf(keys, (key) => key.spaceId)}::uuid[]) AS wanted (tenant_id, space_id)
    JOIN space_states s ON s.tenant_id = wanted.tenant_id AND s.space_id = wanted.space_id
    JOIN spaces p ON p.tenant_id = s.tenant_id AND p.id = s.space_id`
  return new Map(
    rows.map((row) => [
      row.space_id,
      {
        siteId: row.site_id,
        state: restored(row.state),
        inputSeq: row.input_seq,
        sessionStartedAt: row.session_started_at?.getTime() ?? null,
      },
    ]),
  )
}
