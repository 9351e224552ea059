import { sql, type SQL } from 'drizzle-orm'
import { readingColumns } from './explain-readings.ts'
import { instant } from './explain-space.ts'
import type { FoundReading, ReadingKey } from './reading-search.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * Readings in the order in which they became visible. A reading may be committed long after its arrival (the database was away)
 * or be of an old arrival (redriven), so neither a time nor an id says where to go on. What does is a snapshot of Postgres:
 * whose transactions were committed by then. New is what the one does not have and the other has, each reading once.
 */
export type Snapshot = string

/** A place between two snapshots: within what was committed from `after` to `upTo`, behind a reading. */
export interface TailPlace {
  readonly after: Snapshot
  readonly within?: { readonly upTo: Snapshot; readonly key: ReadingKey } | undefined
}

export interface Committed {
  /** Up to which these are all. */
  readonly upTo: Snapshot
  /** The newest of them, by arrival. */
  readonly readings: readonly FoundReading[]
  /** How many there were before these. */
  readonly before: number
}

export async function currentSnapshot(tx: TenantTransaction): Promise<Snapshot> {
  const [row] = await tx.execute<{ snapshot: string }>(sql`select pg_current_snapshot()::text as snapshot`)
  if (row === undefined) throw new Error('no snapshot')
  return row.snapshot
}

/** Whether the database was ever there: one that was restored counts anew. */
export async function isKnownSnapshot(tx: TenantTransaction, snapshot: Snapshot): Promise<boolean> {
  const [row] = await tx.execute<{ known: boolean }>(sql`
    select pg_snapshot_xmax(${snapshot}::text::pg_snapshot) <= pg_snapshot_xmax(pg_current_snapshot()) as known`)
  return row?.known === true
}

/** What was committed within this time at most is found; it is asked for within seconds, and by who comes back within a day. */
const lookBack = sql`interval '25 hours'`

interface FoundRow extends FoundReading {
  upTo: Snapshot
  total: number
}

/**
 * The log is looked at in those minutes of arrival alone that got more: a batch of readings counts them in the ledger, in a row
 * a minute. A redriven one is counted nowhere and has its attempt instead. What was counted there later still does not hide what was counted
 * before. All in one statement, so as of one moment.
 */
export async function selectCommitted(
  tx: TenantTransaction,
  { place, upTo, limit }: { place: TailPlace; upTo?: Snapshot; limit: number },
): Promise<Committed> {
  const { after, within } = place
  const isNew = (xmin: SQL): SQL => sql`not pg_visible_in_snapshot(${wholeId(xmin)}, ${after}::text::pg_snapshot)`
  const rows = await tx.execute<FoundRow>(sql`
    with seen as materialized (
      select ${upTo === undefined ? sql`pg_current_snapshot()` : sql`${upTo}::text::pg_snapshot`} as snapshot,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint as latest
    ), times as materialized (
      select distinct l.minute as earliest, l.minute + interval '59.999 seconds' as latest, null::uuid as redriven
      from ledger_entries l, seen
      where l.tenant_id = ${tx.tenantId} and l.minute > now() - ${lookBack} and ${isNew(sql`l.xmin`)}
      union
      select a.received_at, a.received_at, a.redriven_id from redrive_attempts a, seen
      where a.tenant_id = ${tx.tenantId} and a.ended_at is not null and ${isNew(sql`a.xmin`)}
    ), fresh as materialized (
      select r.*, count(*) over () as total
      from times t cross join seen cross join lateral (
        select l.*, l.xmin as writer from readings l
        where l.tenant_id = ${tx.tenantId} and l.received_at between t.earliest and t.latest
          and (l.delivery is not distinct from 'redrive') = (t.redriven is not null)
          and (t.redriven is null or l.id = t.redriven)
      ) r
      where ${isNew(sql`r.writer`)} and pg_visible_in_snapshot(${wholeId(sql`r.writer`)}, seen.snapshot) ${within === undefined ? sql`` : isBehind(within)}
      order by r.received_at desc, r.id desc, r.part desc limit ${limit}
    )
    select seen.snapshot::text as "upTo", coalesce(r.total, 0)::float8 as total, ${readingColumns}, r.space_id as "spaceId"
    from seen left join fresh r on true
    order by r.received_at, r.id, r.part`)
  const [first] = rows
  if (first === undefined) throw new Error('no snapshot')
  const readings = rows.filter(({ id }) => id !== null).map(({ upTo: _, total: _total, ...reading }) => reading)
  return { upTo: first.upTo, readings, before: first.total - readings.length }
}

/** All 64 bits of the id of a transaction, of which rows have the lower half: it is not more than the latest. */
function wholeId(xmin: SQL): SQL {
  return sql`(seen.latest - ((seen.latest - ${xmin}::text::bigint) & 4294967295))::text::xid8`
}

function isBehind({ upTo, key }: NonNullable<TailPlace['within']>): SQL {
  return sql`and (not pg_visible_in_snapshot(${wholeId(sql`r.writer`)}, ${upTo}::text::pg_snapshot)
    or (r.received_at, r.id, r.part) > (${instant(key.receivedAt)}, ${key.id}::uuid, ${key.part}))`
}
