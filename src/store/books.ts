import { plainOf, textsOf } from './arrays.ts'
import { keptOf } from './orphan-sample.ts'
import type { SystemTransaction } from './transactions.ts'

export const outcomes = [
  'malformed',
  'unknown_device',
  'retained',
  'unassigned',
  'duplicate',
  'late',
  'debouncing',
  'unchanged',
  'applied',
] as const

/** What became of a delivery of a reading, in the order of precedence (DESIGN.md section 1). */
export type Outcome = (typeof outcomes)[number]

export interface LedgerEntry {
  readonly tenantId: string
  /** Beginning of the minute of arrival, epoch milliseconds. */
  readonly minute: number
  readonly counts: Record<Outcome, number>
}

/** Adds to the books of one writer. To be written after states and before events (lock order). */
export async function addToLedger(
  tx: SystemTransaction,
  writer: string,
  entries: readonly LedgerEntry[],
): Promise<void> {
  if (entries.length === 0) return
  const ordered = entries.toSorted((a, b) => a.tenantId.localeCompare(b.tenantId) || a.minute - b.minute)
  const counts = (outcome: Outcome) => plainOf(ordered, (entry) => entry.counts[outcome])
  await tx`
    INSERT INTO ledger_entries AS l (tenant_id, minute, writer, received, malformed, unknown_device, retained, unassigned,
      duplicate, late, debouncing, unchanged, applied)
    SELECT tenant_id, to_timestamp(minute / 1000), ${writer},
      malformed + unknown_device + retained + unassigned + duplicate + late + debouncing + unchanged + applied,
      malformed, unknown_device, retained, unassigned, duplicate, late, debouncing, unchanged, applied
    FROM unnest(
      ${plainOf(ordered, (entry) => entry.tenantId)}::uuid[],
      ${plainOf(ordered, (entry) => entry.minute)}::bigint[],
      ${counts('malformed')}::bigint[], ${counts('unknown_device')}::bigint[],
      ${counts('retained')}::bigint[], ${counts('unassigned')}::bigint[],
      ${counts('duplicate')}::bigint[], ${counts('late')}::bigint[],
      ${counts('debouncing')}::bigint[], ${counts('unchanged')}::bigint[],
      ${counts('applied')}::bigint[]
    ) AS n (tenant_id, minute, malformed, unknown_device, retained, unassigned, duplicate, late, debouncing, unchanged,
            applied)
    ORDER BY tenant_id, minute
    ON CONFLICT (tenant_id, minute, writer) DO UPDATE SET
      received = l.received + excluded.received, malformed = l.malformed + excluded.malformed,
      unknown_device = l.unknown_device + excluded.unknown_device, retained = l.retained + excluded.retained,
      unassigned = l.unassigned + excluded.unassigned, duplicate = l.duplicate + excluded.duplicate,
      late = l.late + excluded.late, debouncing = l.debouncing + excluded.debouncing,
      unchanged = l.unchanged + excluded.unchanged, applied = l.applied + excluded.applied`
}

export interface Orphan {
  readonly tenantId: string
  readonly device: string
  readonly heardAt: number
  readonly heard: number
  readonly topic: string
  readonly payload: Buffer
}

/**
 * Puts devices that nobody knows into the orphan inbox, each with the last message it was heard in. Locks them in the order
 * of their codes, as everybody does who locks several.
 *
 * @param orphans each device once
 */
export async function addOrphans(tx: SystemTransaction, orphans: readonly Orphan[]): Promise<void> {
  if (orphans.length === 0) return
  const samples = samplesOf(orphans)
  await tx`
    INSERT INTO orphan_devices AS o
      (tenant_id, device, first_heard_at, last_heard_at, heard, sample_topic, sample_payload)
    SELECT tenant_id, device, to_timestamp(heard_at / 1000), to_timestamp(heard_at / 1000), heard, topic,
      substr(${samples.bytes}::bytea, sample_at, sample_bytes)
    FROM unnest(
      ${plainOf(orphans, (orphan) => orphan.tenantId)}::uuid[], ${textsOf(orphans, (orphan) => orphan.device)}::text[],
      ${plainOf(orphans, (orphan) => orphan.heardAt)}::double precision[],
      ${plainOf(orphans, (orphan) => orphan.heard)}::bigint[], ${textsOf(orphans, (orphan) => orphan.topic)}::text[],
      ${samples.begins}::integer[], ${samples.lengths}::integer[]
    ) AS n (tenant_id, device, heard_at, heard, topic, sample_at, sample_bytes)
    ORDER BY tenant_id, device
    ON CONFLICT (tenant_id, device) DO UPDATE SET
      last_heard_at = greatest(o.last_heard_at, excluded.last_heard_at), heard = o.heard + excluded.heard,
      sample_topic = excluded.sample_topic, sample_payload = excluded.sample_payload`
}

/** What is kept of the messages, each once however many it was heard of, and where that of each orphan begins (from 1). */
function samplesOf(orphans: readonly Orphan[]): { bytes: Buffer; begins: string; lengths: string } {
  const kept = new Map<Buffer, { sample: Buffer; begin: number }>()
  let end = 1
  for (const { payload } of orphans) {
    if (kept.has(payload)) continue
    const sample = keptOf(payload)
    kept.set(payload, { sample, begin: end })
    end += sample.length
  }
  return {
    bytes: Buffer.concat(Array.from(kept.values(), ({ sample }) => sample)),
    begins: plainOf(orphans, ({ payload }) => kept.get(payload)?.begin ?? null),
    lengths: plainOf(orphans, ({ payload }) => kept.get(payload)?.sample.length ?? null),
  }
}

export interface HeardPresence {
  readonly tenantId: string
  readonly kind: 'devices' | 'gateways'
  readonly code: string
  readonly presence: 'online' | 'offline'
  readonly at: number
}

/** What status topics last said. An older message than the one noted changes nothing. */
export async function notePresence(tx: SystemTransaction, heard: readonly HeardPresence[]): Promise<void> {
  for (const kind of ['devices', 'gateways'] as const) {
    const rows = heard.filter((row) => row.kind === kind)
    if (rows.length === 0) continue
    await tx`
      UPDATE ${tx(kind)} d SET presence = n.presence, presence_at = to_timestamp(n.at / 1000.0)
      FROM unnest(
        ${plainOf(rows, (row) => row.tenantId)}::uuid[], ${textsOf(rows, (row) => row.code)}::text[],
        ${plainOf(rows, (row) => row.presence)}::text[], ${plainOf(rows, (row) => row.at)}::bigint[]
      ) AS n (tenant_id, code, presence, at)
      WHERE d.tenant_id = n.tenant_id AND d.code = n.code ${kind === 'devices' ? tx`AND d.archived_at IS NULL` : tx``}
        AND (d.presence_at IS NULL OR d.presence_at <= to_timestamp(n.at / 1000.0))`
  }
}
