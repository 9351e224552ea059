import { sql, type SQL } from 'drizzle-orm'
import { plain } from './arrays.ts'
import type { Outcome } from './books.ts'
import { deadOutcomes } from './dead-letters.ts'
import { readingColumns, type HeardReading } from './explain-readings.ts'
import { instant, type ExplainedSpace } from './explain-space.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * The raw log, searched from its newest end backwards. It has no index for most of what may be asked, and may be very long:
 * so it is read in windows of arrival that grow, each of which looks at the days that it concerns alone, until there is a page
 * full or the time is up. What was found by then is a page as well, whose cursor goes on from there.
 */
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

export interface ReadingKey {
  readonly receivedAt: number
  readonly id: string
  readonly part: number
}

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

const minuteMs = 60_000
const dayMs = 86_400_000
/** First and longest window, where an index has what is asked for and where none has. */
const spans = {
  indexed: { first: dayMs, most: 32 * dayMs },
  scanned: { first: minuteMs, most: 6 * 60 * minuteMs },
}
const growth = 4
const leastId = '00000000-0000-0000-0000-000000000000'

export async function searchReadings(tx: TenantTransaction, { filter, before, limit, signal }: Search): Promise<Found> {
  const { first, most } = spans[isIndexed(filter) ? 'indexed' : 'scanned']
  const readings: FoundReading[] = []
  let until: ReadingKey = before ?? { receivedAt: filter.to, id: leastId, part: 0 }
  for (let span = first; ; span = Math.min(span * growth, most)) {
    const from = Math.max(filter.from, until.receivedAt - span)
    const wanted = limit + 1 - readings.length
    // oxlint-disable-next-line no-await-in-loop -- only where what was found is not enough
    readings.push(...(await selectWindow(tx, { filter, from, until, limit: wanted })))
    if (readings.length > limit) return { readings: readings.slice(0, limit), next: readings[limit - 1] }
    if (from <= filter.from) return { readings, next: undefined }
    until = { receivedAt: from, id: leastId, part: 0 }
    if (signal.aborted) return { readings, next: until }
  }
}

function isIndexed({ device, space, outcomes }: ReadingFilter): boolean {
  return device !== undefined || space !== undefined || outcomes?.every(isDead) === true
}

function isDead(outcome: Outcome): boolean {
  return deadOutcomes.some((dead) => dead === outcome)
}

interface Window {
  readonly filter: ReadingFilter
  readonly from: number
  readonly until: ReadingKey
  readonly limit: number
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
function outcomeIn(outcomes: readonly Outcome[]): SQL {
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
