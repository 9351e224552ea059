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

/** How far a tail has read: what it has shown of the last moments, since arrivals may commit out of order. */
export interface TailPosition {
  readonly since: Date
  readonly shown: ReadonlySet<string>
}

/** Readings may be committed this much behind a later one: they are looked for so far back. */
const overlapMs = 5000
const mostAtATime = 5000

type Row = Omit<Arrival, 'received_at' | 'observed_at'> & { key: string; received_at: Date; observed_at: Date | null }

/** What was committed since `position`, of the selection; without one, what is committed from now on. */
export async function readArrivals(
  tx: SystemTransaction,
  { selection, position }: { selection: ReadingSelection; position: TailPosition | undefined },
): Promise<{ arrivals: Arrival[]; position: TailPosition }> {
  const [clock] = await tx<{ now: Date }[]>`SELECT now()`
  const now = clock?.now ?? new Date(0)
  const since = position?.since ?? now
  const from = new Date(since.getTime() - overlapMs)
  const rows = await tx<Row[]>`
    SELECT r.id || ' ' || r.part AS key, r.id, r.part, r.received_at, t.slug AS tenant, r.device, i.code || '/' || p.code AS space,
      r.observed_at, r.occupied, r.outcome, r.reason, r.topic
    FROM readings r
    JOIN tenants t ON t.id = r.tenant_id
    LEFT JOIN spaces p ON p.tenant_id = r.tenant_id AND p.id = r.space_id
    LEFT JOIN sites i ON i.tenant_id = p.tenant_id AND i.id = p.site_id
    WHERE r.received_at >= ${from} AND ${isChosen(tx, selection)}
    ORDER BY r.received_at, r.id, r.part LIMIT ${mostAtATime}`
  const shown = position?.shown ?? new Set(rows.map((row) => row.key))
  const fresh = rows.filter((row) => !shown.has(row.key))
  const last = rows.length === mostAtATime ? rows.at(-1)?.received_at : undefined
  return {
    arrivals: fresh.map(({ key: _, ...row }) => ({
      ...row,
      received_at: row.received_at.toISOString(),
      observed_at: row.observed_at?.toISOString() ?? null,
    })),
    position: { since: last ?? now, shown: new Set(rows.map((row) => row.key)) },
  }
}
