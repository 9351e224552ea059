import { sql, type SQL } from 'drizzle-orm'
import { plain } from './arrays.ts'
import type { Outcome } from './books.ts'
import { deadOutcomes } from './dead-letters.ts'
import { isDead } from './redrive-attempts.ts'
import { readingColumns, type HeardReading } from './explain-readings.ts'
import { instant, type ExplainedSpace } from './explain-space.ts'
import { searchBackwards, spans, type LogKey, type LogWindow } from './log-windows.ts'
import type { TenantTransaction } from './transactions.ts'

/** The raw log, searched from its newest end backwards: see `searchBackwards`. */
export interface ReadingFilter {
  /** A regular expression that the topic must match: see `topicPattern`. */
  readonly topic: string | undefined
  /** A device: its code, and the ids of all that ever had it. */
  readonly device: { readonly code: string; readonly ids: readonly string[] } | undefined
  readonly space: Pick<ExplainedSpace, 'id' | 'devices'> | undefined
  readonly outcomes: readonly Outcome[] | undefined
  /** Arrived in [from, to), epoch milliseconds. */
  readonly from: number
  readonly to: number
}

export type ReadingKey = LogKey

export interface FoundReading extends HeardReading {
  spaceId: string | null
}

export interface Search {
  readonly filter: ReadingFilter
  readonly before: ReadingKey | undefined
  readonly limit: number
  /** No further window is begun once it is aborted. */
  readonly signal: AbortSignal
}

export interface Found {
  readonly readings: readonly FoundReading[]
  /** Where the next page begins; undefined where all was searched. */
  readonly next: ReadingKey | undefined
}

export async function searchReadings(tx: TenantTransaction, { filter, before, limit, signal }: Search): Promise<Found> {
  const { rows, next } = await searchBackwards(
    { from: filter.from, to: filter.to, before, limit, signal },
    spans[isIndexed(filter) ? 'indexed' : 'scanned'],
    (window) => selectWindow(tx, { filter, ...window }),
  )
  return { readings: rows, next }
}

function isIndexed({ device, space, outcomes }: ReadingFilter): boolean {
  return device !== undefined || space !== undefined || outcomes?.every(isDead) === true
}

interface Window extends LogWindow {
  readonly filter: ReadingFilter
}

async function selectWindow(tx: TenantTransaction, { filter, from, until, limit }: Window): Promise<FoundReading[]> {
  const { topic, outcomes } = filter
  return await tx.execute<FoundReading>(sql`
    select ${readingColumns}, r.space_id as "spaceId" from readings r
    where r.tenant_id = ${tx.tenantId} and r.received_at >= ${instant(from)} and r.received_at <= ${instant(until.receivedAt)}
      and (r.received_at, r.id, r.part) < (${instant(until.receivedAt)}, ${until.id}::uuid, ${until.part})
      ${topic === undefined ? sql`` : sql`and r.topic ~ ${topic}`}
      ${outcomes === undefined ? sql`` : outcomeIn(outcomes)}
      ${deviceIs(filter)} ${spaceIs(filter)}
    order by r.received_at desc, r.id desc, r.part desc limit ${limit}`)
}

/** Said so that the partial index of dead letters is seen to have them all. */
export function outcomeIn(outcomes: readonly Outcome[]): SQL {
  const wanted = sql`and r.outcome = any(${plain(outcomes)}::text[])`
  return outcomes.every(isDead) ? sql`${wanted} and ${isDeadLetter}` : wanted
}

const isDeadLetter = sql.raw(`r.outcome in (${deadOutcomes.map((outcome) => `'${outcome}'`).join(', ')})`)

/** What a known device said is indexed by its id; what could not be read, or nobody knew, stands among the dead letters. */
function deviceIs({ device }: ReadingFilter): SQL {
  if (device === undefined) return sql``
  const { code, ids } = device
  return sql`and (r.device_id = any(${plain(ids)}::uuid[])
    or (r.device_id is null and r.device = ${code} and ${isDeadLetter}))`
}

function spaceIs({ space }: ReadingFilter): SQL {
  if (space === undefined) return sql``
  const deviceIds = plain(space.devices.map(({ id }) => id))
  return sql`and r.space_id = ${space.id}::uuid and r.device_id = any(${deviceIds}::uuid[])`
}

/** All that ever had this code: it may be given again once a device is deleted. */
export async function selectDeviceIds(tx: TenantTransaction, code: string): Promise<string[]> {
  const rows = await tx.execute<{ id: string }>(sql`
    select id from devices where tenant_id = ${tx.tenantId} and code = ${code}`)
  return rows.map(({ id }) => id)
}
