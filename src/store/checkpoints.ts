import { restored, type SpaceState } from '../occupancy/state.ts'
import { rulesVersion } from '../occupancy/step.ts'
import { plain } from './arrays.ts'
import type { SpaceKey } from './space-lock.ts'
import type { SpaceTransaction, SystemTransaction } from './transactions.ts'

/**
 * A space's state after one of its inputs. A fold begins behind the newest of a space, so that neither inputs that
 * were dropped nor those that other rules decided are ever asked for.
 */
export interface Checkpoint extends SpaceKey {
  readonly inputSeq: number
  readonly state: SpaceState
}

/** What a space was after an input never changes: keeping it again changes nothing. */
export async function insertCheckpoints(tx: SpaceTransaction, checkpoints: readonly Checkpoint[]): Promise<void> {
  if (checkpoints.length === 0) return
  await tx`
    INSERT INTO space_checkpoints (tenant_id, space_id, input_seq, rules_version, state)
    SELECT tenant_id, space_id, input_seq, ${rulesVersion}, state
    FROM ROWS FROM (unnest(
      ${plain(checkpoints.map((checkpoint) => checkpoint.tenantId))}::uuid[],
      ${plain(checkpoints.map((checkpoint) => checkpoint.spaceId))}::uuid[],
      ${plain(checkpoints.map((checkpoint) => checkpoint.inputSeq))}::bigint[]
    ), jsonb_array_elements(${JSON.stringify(checkpoints.map(({ state }) => state))}::text::jsonb))
      AS n (tenant_id, space_id, input_seq, state)
    ON CONFLICT DO NOTHING`
}

/** A space whose inputs up to `upTo` are about to be dropped, and no checkpoint is behind them yet. */
export interface UncheckedSpace extends SpaceKey {
  readonly siteId: string
  readonly upTo: number
  /** How many of its inputs go: what folding them will take. */
  readonly inputs: number
}

/** @param day of arrival in UTC, as `2026-11-21` */
export async function findUncheckedSpaces(tx: SystemTransaction, day: string): Promise<UncheckedSpace[]> {
  return await tx<UncheckedSpace[]>`
    SELECT l.tenant_id AS "tenantId", l.space_id AS "spaceId", p.site_id AS "siteId", l.input_seq AS "upTo", l.inputs
    FROM inputs_dropped_with(${day}) l JOIN spaces p ON p.tenant_id = l.tenant_id AND p.id = l.space_id
    WHERE NOT EXISTS (
      SELECT FROM space_checkpoints c
      WHERE c.tenant_id = l.tenant_id AND c.space_id = l.space_id AND c.input_seq >= l.input_seq)
    ORDER BY l.space_id`
}

/** Where folding may begin, and what the space is now. */
export interface FoldBase {
  readonly behind: number
  /** Null: from nothing. */
  readonly state: SpaceState | null
  readonly live: { readonly inputSeq: number; readonly state: SpaceState; readonly rulesVersion: number }
}

interface FoldBaseRow {
  space_id: string
  behind: number | null
  state: Partial<SpaceState> | null
  live: Omit<FoldBase['live'], 'state'> & { state: Partial<SpaceState> }
}

export async function readFoldBases(
  tx: SystemTransaction,
  spaces: readonly SpaceKey[],
): Promise<Map<string, FoldBase>> {
  const rows = await tx<FoldBaseRow[]>`
    SELECT s.space_id, c.input_seq AS behind, c.state,
      jsonb_build_object('inputSeq', s.input_seq, 'state', s.state, 'rulesVersion', s.rules_version) AS live
    FROM unnest(${plain(spaces.map(({ tenantId }) => tenantId))}::uuid[],
                ${plain(spaces.map(({ spaceId }) => spaceId))}::uuid[]) AS n (tenant_id, space_id)
    JOIN space_states s ON s.tenant_id = n.tenant_id AND s.space_id = n.space_id
    LEFT JOIN LATERAL (
      SELECT input_seq, state FROM space_checkpoints c
      WHERE c.tenant_id = n.tenant_id AND c.space_id = n.space_id ORDER BY input_seq DESC LIMIT 1) c ON true`
  return new Map(
    rows.map(({ space_id, behind, state, live }) => [
      space_id,
      {
        behind: behind ?? 0,
        state: state && restored(state),
        live: { ...live, state: restored(live.state) },
      },
    ]),
  )
}
