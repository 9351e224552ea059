import type { Outcome } from './books.ts'
import { isChosen, type ReadingSelection } from './logged-readings.ts'
import type { SystemTransaction } from './transactions.ts'

/** A logged reading as `baywire tail` shows it. */
export interface Arrival {
  /** Of its message: what `baywire dlq show` takes. */
  readonly id: string
  readonly part: number
  readonly received_at: string
  readonly tenant: string
  readonly device: string | null
  /** site/space, where it belongs to one. */
  readonly space: string | null
  readonly observed_at: string | null
  readonly occupied: boolean | null
  readonly outcome: Outcome
  readonly reason: string | null
  readonly topic: string
}

/**
 * How far a tail has read: up to a snapshot of Postgres, which says what was committed by then (see reading-tail.ts: neither a time
 * nor an id does), and when that was. Within what was committed up to a later one, behind a reading.
 */
export interface TailPosition {
  readonly after: string
  readonly since: Date
  readonly within?: { readonly upTo: string; readonly behind: Pick<Arrival, 'id' | 'part' | 'received_at'> }
}

/** What arrived so shortly before the last look is looked at again: of it some may have been committed since. */
const overlapMs = 5000
/** What was committed still later after its arrival is found by the minutes of the ledger that changed, up to so long ago. */
const lookBack = '25 hours'
const mostAtATime = 5000

type Row = Omit<Arrival, 'received_at' | 'observed_at'> & { received_at: Date; observed_at: Date | null }
interface FoundRow extends Row {
  upTo: string
  now: Date
  /** Whether the database was ever at `after`: one that was restored counts anew. */
  isKnown: boolean
}

export interface Arrivals {
  readonly arrivals: readonly Arrival[]
  readonly position: TailPosition
  /** `more`: at once, without a pause; `lost`: the database has been restored, and what was committed until now is left out. */
  readonly state: 'all' | 'more' | 'lost'
}

/**
 * What was committed since `position`, of the selection, each reading once, by arrival; some thousands at a time. Without a
 * position nothing, and where to go on from.
 */
export async function readArrivals(
  tx: SystemTransaction,
  { selection, position }: { selection: ReadingSelection; position: TailPosition | undefined },
): Promise<Arrivals> {
  if (position === undefined) return { arrivals: [], position: await currentPosition(tx), state: 'all' }
  const rows = await findCommitted(tx, { selection, position })
  const arrivals = rows.filter(({ id }) => id !== null).map(arrivalOf)
  const [first] = rows
  const last = arrivals.at(-1)
  if (first === undefined) throw new Error('no snapshot')
  if (!first.isKnown) return { arrivals: [], position: await currentPosition(tx), state: 'lost' }
  if (last === undefined || arrivals.length < mostAtATime) {
    return { arrivals, position: { after: first.upTo, since: first.now }, state: 'all' }
  }
  return { arrivals, position: { ...position, within: { upTo: first.upTo, behind: last } }, state: 'more' }
}

async function currentPosition(tx: SystemTransaction): Promise<TailPosition> {
  const [position] = await tx<TailPosition[]>`SELECT pg_current_snapshot()::text AS after, now() AS since`
  if (position === undefined) throw new Error('no snapshot')
  return position
}

function arrivalOf({ upTo: _upTo, now: _now, isKnown: _isKnown, ...row }: FoundRow): Arrival {
  return {
    ...row,
    received_at: row.received_at.toISOString(),
    observed_at: row.observed_at?.toISOString() ?? null,
  }
}

/** At least one row: without a reading it says up to where there is none. All in one statement, so as of one moment. */
async function findCommitted(
  tx: SystemTransaction,
  { selection, position }: { selection: ReadingSelection; position: TailPosition },
): Promise<FoundRow[]> {
  const { after, since, within } = position
  const from = new Date(since.getTime() - overlapMs)
  // All 64 bits of the id of a transaction, of which rows have the lower half: it is not more than the latest.
  const whole = (xmin: ReturnType<typeof tx>) =>
    tx`(seen.latest - ((seen.latest - ${xmin}::text::bigint) & 4294967295))::text::xid8`
  const isNew = (xmin: ReturnType<typeof tx>) => tx`NOT pg_visible_in_snapshot(${whole(xmin)}, ${after}::pg_snapshot)`
  const isBehind =
    within === undefined
      ? tx`TRUE`
      : tx`(r.received_at, r.id, r.part) > (${within.behind.received_at}::timestamptz, ${within.behind.id}::uuid, ${within.behind.part}::integer)`
  return await tx<FoundRow[]>`
    WITH seen AS MATERIALIZED (
      SELECT coalesce(${within?.upTo ?? null}::pg_snapshot, pg_current_snapshot()) AS snapshot,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS latest,
        pg_snapshot_xmax(${after}::pg_snapshot) <= pg_snapshot_xmax(pg_current_snapshot()) AS known,
        -- No row that is new is older than this, in transactions: that is cheaper to ask of each than whether it is visible.
        least(2147483647, pg_snapshot_xmax(pg_current_snapshot())::text::bigint
          - pg_snapshot_xmin(${after}::pg_snapshot)::text::bigint + 1000) AS oldest
    ), times AS MATERIALIZED (
      SELECT ${from}::timestamptz AS earliest, 'infinity'::timestamptz AS latest, NULL::uuid AS redriven
      UNION
      SELECT l.minute, least(l.minute + interval '1 minute', ${from}::timestamptz), NULL FROM ledger_entries l, seen
      WHERE l.minute < ${from}::timestamptz AND l.minute > now() - ${lookBack}::interval AND ${isNew(tx`l.xmin`)}
      UNION
      SELECT a.received_at, a.received_at + interval '1 millisecond', a.redriven_id FROM redrive_attempts a, seen
      WHERE a.ended_at > now() - ${lookBack}::interval AND ${isNew(tx`a.xmin`)}
    ), fresh AS MATERIALIZED (
      SELECT r.id, r.part, r.received_at, t.slug AS tenant, r.device, i.code || '/' || p.code AS space, r.observed_at, r.occupied,
        r.outcome, r.reason, r.topic
      FROM times CROSS JOIN seen CROSS JOIN LATERAL (
        SELECT l.*, l.xmin AS writer FROM readings l
        WHERE l.received_at >= greatest(times.earliest, ${within?.behind.received_at ?? null}::timestamptz)
          AND l.received_at < times.latest AND age(l.xmin) <= seen.oldest
          AND (l.delivery IS NOT DISTINCT FROM 'redrive') = (times.redriven IS NOT NULL)
          AND (times.redriven IS NULL OR l.id = times.redriven)
        OFFSET 0
      ) r
      JOIN tenants t ON t.id = r.tenant_id
      LEFT JOIN spaces p ON p.tenant_id = r.tenant_id AND p.id = r.space_id
      LEFT JOIN sites i ON i.tenant_id = p.tenant_id AND i.id = p.site_id
      WHERE ${isNew(tx`r.writer`)} AND pg_visible_in_snapshot(${whole(tx`r.writer`)}, seen.snapshot) AND ${isBehind}
        AND ${isChosen(tx, selection)}
      ORDER BY r.received_at, r.id, r.part LIMIT ${mostAtATime}
    )
    SELECT seen.snapshot::text AS "upTo", now() AS now, seen.known AS "isKnown", fresh.* FROM seen LEFT JOIN fresh ON TRUE
    ORDER BY fresh.received_at, fresh.id, fresh.part`
}
