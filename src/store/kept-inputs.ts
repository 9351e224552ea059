import type { Clock } from '../occupancy/evidence.ts'
import type { Input } from '../occupancy/input.ts'
import { plain, plainOf } from './arrays.ts'
import { readOriginals } from './redrive-attempts.ts'
import type { SnapshotTransaction, SystemTransaction } from './transactions.ts'

interface KeptAnything {
  readonly spaceId: string
  readonly inputSeq: number
  readonly policyVersion: number
  readonly rulesVersion: number
}

export interface KeptReading extends KeptAnything {
  readonly kind: 'reading'
  readonly id: string
  readonly part: number
  readonly topic: string
  readonly payload: Buffer
  readonly receivedAt: number
  readonly observedAt: number
  readonly clock: Clock
  readonly outcome: string
}

interface KeptOther extends KeptAnything {
  readonly kind: 'other'
  readonly input: Exclude<Input, { kind: 'reading' }>
}

export type KeptRow = KeptReading | KeptOther

/** Which inputs of a space: those behind one of them, up to another. */
export interface WantedInputs {
  readonly spaceId: string
  readonly behind: number
  /** The last one where there is no end. */
  readonly upTo?: number
}

/**
 * What reached `step` for the given spaces, in no order, by one pass over the log: see replay/kept-inputs.ts.
 *
 * @param arrivedBefore epoch milliseconds: readings that arrived later are not looked at
 */
export async function readKeptInputs(
  tx: SystemTransaction,
  wanted: readonly WantedInputs[],
  arrivedBefore = Infinity,
): Promise<KeptRow[]> {
  const ranges = rangesOf(wanted)
  const [readings, others] = await Promise.all([readReadings(tx, ranges, arrivedBefore), readOthers(tx, ranges)])
  return [...readings, ...others]
}

function rangesOf(wanted: readonly WantedInputs[]): Ranges {
  return {
    spaceIds: plainOf(wanted, ({ spaceId }) => spaceId),
    behind: plainOf(wanted, ({ behind }) => behind),
    upTo: plainOf(wanted, ({ upTo }) => upTo ?? Number.MAX_SAFE_INTEGER),
  }
}

interface Ranges {
  spaceIds: string
  behind: string
  upTo: string
}

interface ReadingRow {
  space_id: string
  input_seq: number
  policy_version: number
  rules_version: number
  id: string
  part: number
  topic: string
  payload: Buffer | null
  received_at: Date
  observed_at: Date
  clock: Clock
  outcome: string
  delivery: string | null
}

async function readReadings(tx: SystemTransaction, ranges: Ranges, arrivedBefore: number): Promise<KeptReading[]> {
  const before = Number.isFinite(arrivedBefore) ? new Date(arrivedBefore).toISOString() : 'infinity'
  const rows = await tx<ReadingRow[]>`
    SELECT r.space_id, r.input_seq, r.policy_version, r.rules_version, r.id, r.part, r.topic, r.payload, r.received_at,
      r.observed_at, r.clock, r.outcome, r.delivery
    FROM unnest(${ranges.spaceIds}::uuid[], ${ranges.behind}::bigint[], ${ranges.upTo}::bigint[])
      AS n (space_id, behind, up_to)
    JOIN readings r ON r.space_id = n.space_id AND r.input_seq > n.behind AND r.input_seq <= n.up_to
    WHERE r.received_at < ${before}::text::timestamptz`
  const { payloads } = await readFirstParts(tx, rows)
  return rows.map((row) => ({
    kind: 'reading',
    spaceId: row.space_id,
    inputSeq: row.input_seq,
    policyVersion: row.policy_version,
    rulesVersion: row.rules_version,
    id: row.id,
    part: row.part,
    topic: row.topic,
    payload: row.payload ?? payloads.get(row.id) ?? Buffer.alloc(0),
    receivedAt: row.received_at.getTime(),
    observedAt: row.observed_at.getTime(),
    clock: row.clock,
    outcome: row.outcome,
  }))
}

/**
 * A message's payload stands on its first part, which may belong to another space, and that of a redriven reading on its
 * original, which arrived at the same time: payloads by the id that the reading was logged under.
 */
export async function readFirstParts(
  tx: SnapshotTransaction,
  rows: readonly Pick<ReadingRow, 'id' | 'payload' | 'delivery' | 'received_at'>[],
): Promise<{ payloads: Map<string, Buffer>; originals: Map<string, string> }> {
  const without = rows.filter((row) => row.payload === null)
  if (without.length === 0) return { payloads: new Map(), originals: new Map() }
  const redriven = without.filter((row) => row.delivery === 'redrive').map((row) => row.id)
  const originals = await readOriginals(tx, [...new Set(redriven)])
  const wanted = new Map(without.map((row) => [originals.get(row.id) ?? row.id, row.received_at]))
  const times = [...wanted.values()].map((time) => time.getTime())
  const found = await tx<{ id: string; payload: Buffer }[]>`
    SELECT r.id, r.payload
    FROM unnest(${plain([...wanted.keys()])}::uuid[]) AS n (id)
    JOIN readings r ON r.id = n.id AND r.part = 0
      AND r.received_at BETWEEN ${new Date(times.reduce((a, b) => Math.min(a, b)))} AND ${new Date(times.reduce((a, b) => Math.max(a, b)))}`
  const payloads = new Map(found.map((row) => [row.id, row.payload]))
  for (const [id, original] of originals) payloads.set(id, payloads.get(original) ?? Buffer.alloc(0))
  return { payloads, originals }
}

async function readOthers(tx: SystemTransaction, ranges: Ranges): Promise<KeptOther[]> {
  const rows = await tx<
    { space_id: string; input_seq: number; policy_version: number; rules_version: number; input: KeptOther['input'] }[]
  >`
    SELECT i.space_id, i.input_seq, i.policy_version, i.rules_version, i.input
    FROM unnest(${ranges.spaceIds}::uuid[], ${ranges.behind}::bigint[], ${ranges.upTo}::bigint[])
      AS n (space_id, behind, up_to)
    JOIN space_inputs i ON i.space_id = n.space_id AND i.input_seq > n.behind AND i.input_seq <= n.up_to`
  return rows.map((row) => ({
    kind: 'other',
    spaceId: row.space_id,
    inputSeq: row.input_seq,
    policyVersion: row.policy_version,
    rulesVersion: row.rules_version,
    input: row.input,
  }))
}
