import { sql, type SQL } from 'drizzle-orm'
import type { Clock } from '../occupancy/evidence.ts'
import { plain } from './arrays.ts'
import { epoch, instant } from './explain-space.ts'
import type { TenantTransaction } from './transactions.ts'

/** A reading that may be a heartbeat, with the whole of its message: only that says so. */
export interface HeartbeatRow extends Record<string, unknown> {
  id: string
  part: number
  topic: string
  payload: Buffer | null
  inputSeq: number
  observedAt: number
  clock: Clock | null
  policyVersion: number
  rulesVersion: number
}

export interface HeartbeatsWanted {
  readonly spaceId: string
  readonly deviceIds: readonly string[]
  /** In the space's order those that were newer than what was known; by their own times, all. */
  readonly order: 'input_seq' | 'observed_at'
  /** Up to this place in that order, in epoch milliseconds where it is one of time. */
  readonly upTo: number
  /** Behind this place in the space's order. */
  readonly since: number
  readonly arrivedAfter: number
  readonly arrivedUntil: number
  /** Versions [from, to) of policies under which all readings are of interest. */
  readonly unlearning: readonly { readonly from: number; readonly to: number }[]
  readonly limit: number
}

/** The newest first in the order asked for. A gateway's payload stands on its first part, that of a redriven reading on its original. */
export async function selectSaidHeartbeat(tx: TenantTransaction, wanted: HeartbeatsWanted): Promise<HeartbeatRow[]> {
  const { spaceId, deviceIds, order, upTo, since, arrivedAfter, arrivedUntil, limit } = wanted
  const inOrder =
    order === 'input_seq' ? sql`r.input_seq <= ${upTo} and r.outcome <> 'late'` : sql`r.observed_at <= ${instant(upTo)}`
  // Said of both, so that the days concerned alone are planned for.
  const inWindow = (table: SQL) =>
    sql`${table}.received_at > ${instant(arrivedAfter)} and ${table}.received_at <= ${instant(arrivedUntil)}`
  const by = order === 'input_seq' ? sql`r.input_seq desc` : sql`r.observed_at desc, r.input_seq desc`
  return await tx.execute<HeartbeatRow>(sql`
    select r.id, r.part, r.topic, m.payload, r.input_seq::float8 as "inputSeq", ${epoch(sql`r.observed_at`)} as "observedAt",
      r.clock, r.policy_version as "policyVersion", r.rules_version as "rulesVersion"
    from readings r
    cross join lateral (select coalesce(r.payload, (
      select f.payload from readings f where f.tenant_id = r.tenant_id and ${inWindow(sql`f`)}
        and f.received_at = r.received_at and f.part = 0
        and f.id = coalesce((select a.reading_id from redrive_attempts a where a.redriven_id = r.id limit 1), r.id)
    )) as payload) m
    where r.device_id = any(${plain(deviceIds)}::uuid[]) and r.space_id = ${spaceId}::uuid and r.input_seq > ${since}
      and ${inOrder} and ${inWindow(sql`r`)}
      and (${saysHeartbeat} ${decidedUnder(wanted)})
    order by ${by} limit ${limit}`)
}

/** Written plainly, or with escapes that may mean it. */
const saysHeartbeat = sql`position('heartbeat'::bytea in m.payload) > 0 or position('\\\\u'::bytea in m.payload) > 0`

function decidedUnder({ unlearning }: HeartbeatsWanted): SQL {
  const ranges = unlearning.map(({ from, to }) => sql`or (r.policy_version >= ${from} and r.policy_version < ${to})`)
  return sql.join(ranges, sql` `)
}
