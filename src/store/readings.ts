import type { Clock } from '../occupancy/evidence.ts'
import { rulesVersion } from '../occupancy/step.ts'
import { plain, plainOf, texts, textsOf } from './arrays.ts'
import type { Outcome } from './books.ts'
import type { SystemTransaction } from './transactions.ts'

/** One row of the raw log, times in epoch milliseconds. */
export interface ReadingRow {
  tenantId: string
  id: string
  part: number
  receivedAt: number
  topic: string
  /** On part 0 alone. */
  payload: Buffer | null
  delivery: string | null
  device: string | null
  deviceId: string | null
  session: string | null
  counter: number | null
  identity: number | null
  content: number | null
  occupied: boolean | null
  observedAt: number | null
  clock: Clock | null
  outcome: Outcome
  reason: string | null
  spaceId: string | null
  inputSeq: number | null
  policyVersion: number | null
}

const nothing = Buffer.alloc(0)

/**
 * The arrays are unnested in the select list, not in FROM: there each would be kept in a store of its own first. Of arrays that
 * are shorter than others the rest is null, so one without any value is sent empty.
 */
export async function insertReadings(tx: SystemTransaction, rows: readonly ReadingRow[]): Promise<void> {
  if (rows.length === 0) return
  const column =
    <Value>(literalOf: (rows: readonly ReadingRow[], field: (row: ReadingRow) => Value | null) => string) =>
    (field: (row: ReadingRow) => Value | null) =>
      rows.every((row) => field(row) === null) ? '{}' : literalOf(rows, field)
  const numbers = column<number | boolean | string>(plainOf)
  const strings = column<string>(textsOf)
  const payloads = payloadsOf(rows)
  await tx`
    INSERT INTO readings (tenant_id, id, part, received_at, topic, payload, delivery, device, device_id, session, counter,
      identity, content, occupied, observed_at, clock, outcome, reason, space_id, input_seq, policy_version,
      rules_version)
    SELECT tenant_id, id, part, to_timestamp(received_at / 1000), topic,
      substr(${payloads.bytes}::bytea, payload_at, payload_bytes), delivery, device, device_id, session, counter,
      identity, content, occupied, to_timestamp(observed_at / 1000), clock, outcome, reason, space_id, input_seq,
      policy_version, CASE WHEN input_seq IS NOT NULL THEN ${rulesVersion}::smallint END
    FROM (SELECT
      unnest(${numbers((row) => row.tenantId)}::uuid[]) AS tenant_id,
      unnest(${numbers((row) => row.id)}::uuid[]) AS id,
      unnest(${numbers((row) => row.part)}::integer[]) AS part,
      unnest(${numbers((row) => row.receivedAt)}::double precision[]) AS received_at,
      unnest(${strings((row) => row.topic)}::text[]) AS topic,
      unnest(${payloads.begins}::integer[]) AS payload_at,
      unnest(${payloads.lengths}::integer[]) AS payload_bytes,
      unnest(${numbers((row) => row.delivery)}::text[]) AS delivery,
      unnest(${strings((row) => row.device)}::text[]) AS device,
      unnest(${numbers((row) => row.deviceId)}::uuid[]) AS device_id,
      unnest(${strings((row) => row.session)}::text[]) AS session,
      unnest(${numbers((row) => row.counter)}::bigint[]) AS counter,
      unnest(${numbers((row) => row.identity)}::bigint[]) AS identity,
      unnest(${numbers((row) => row.content)}::bigint[]) AS content,
      unnest(${numbers((row) => row.occupied)}::boolean[]) AS occupied,
      unnest(${numbers((row) => row.observedAt)}::double precision[]) AS observed_at,
      unnest(${numbers((row) => row.clock)}::text[]) AS clock,
      unnest(${numbers((row) => row.outcome)}::text[]) AS outcome,
      unnest(${strings((row) => row.reason)}::text[]) AS reason,
      unnest(${numbers((row) => row.spaceId)}::uuid[]) AS space_id,
      unnest(${numbers((row) => row.inputSeq)}::bigint[]) AS input_seq,
      unnest(${numbers((row) => row.policyVersion)}::integer[]) AS policy_version
    ) AS n`
}

/**
 * The payloads behind each other, and where each begins (from 1) and how long it is: an array of them would be quoted
 * and read byte by byte, which takes longer than anything else of a row.
 */
function payloadsOf(rows: readonly ReadingRow[]): { bytes: Buffer; begins: string; lengths: string } {
  let begin = 1
  const begins = plainOf(rows, ({ payload }) => {
    const at = begin
    begin += payload?.length ?? 0
    return at
  })
  return {
    bytes: Buffer.concat(rows.map(({ payload }) => payload ?? nothing)),
    begins,
    lengths: plainOf(rows, ({ payload }) => payload?.length ?? null),
  }
}

/** What tells one reading of a device from another (DESIGN.md section 1): its counter or its time, and its content. */
export interface Identity {
  readonly deviceId: string
  readonly identity: number
  readonly session: string | null
  readonly content: number | null
}

export function identityKey({ deviceId, identity, session, content }: Identity): string {
  return `${deviceId} ${identity} ${session ?? ''} ${content ?? ''}`
}

/** Those of the given identities that have already reached `step`, as keys. To be asked with the spaces locked. */
export async function findSeen(tx: SystemTransaction, wanted: readonly Identity[]): Promise<Set<string>> {
  if (wanted.length === 0) return new Set()
  const rows = await tx<{ place: number }[]>`
    SELECT n.place::integer AS place
    FROM unnest(
      ${plain(wanted.map((key) => key.deviceId))}::uuid[],
      ${plain(wanted.map((key) => key.identity))}::bigint[],
      ${texts(wanted.map((key) => key.session))}::text[],
      ${plain(wanted.map((key) => key.content))}::bigint[]
    ) WITH ORDINALITY AS n (device_id, identity, session, content, place)
    CROSS JOIN LATERAL (
      SELECT 1 FROM readings r
      WHERE r.device_id = n.device_id AND r.identity = n.identity AND r.input_seq IS NOT NULL
        AND r.session IS NOT DISTINCT FROM n.session AND r.content IS NOT DISTINCT FROM n.content
      LIMIT 1
    ) seen`
  return new Set(rows.map(({ place }) => identityKey(wanted[place - 1] as Identity)))
}

/** The digest of the last reading that was logged for each device, null where that one had a counter. */
export async function findLastContents(
  tx: SystemTransaction,
  deviceIds: readonly string[],
): Promise<Map<string, number | null>> {
  if (deviceIds.length === 0) return new Map()
  const rows = await tx<{ device_id: string; content: number | null }[]>`
    SELECT n.device_id, last.content
    FROM unnest(${plain(deviceIds)}::uuid[]) AS n (device_id)
    CROSS JOIN LATERAL (
      SELECT r.content FROM readings r WHERE r.device_id = n.device_id ORDER BY r.received_at DESC, r.id DESC LIMIT 1
    ) last`
  return new Map(rows.map((row) => [row.device_id, row.content]))
}

/** How far ahead partitions of the log are kept, in days: long enough for any holiday without a jobs process. */
const partitionsAheadDays = 8

/** Makes the partitions of the day of `time` and the days that follow; cheap when they exist. */
export async function ensurePartitions(tx: SystemTransaction, time: number): Promise<void> {
  await tx`SELECT make_reading_partitions((to_timestamp(${time}::bigint / 1000.0) AT TIME ZONE 'UTC')::date - 1, ${partitionsAheadDays})`
}
