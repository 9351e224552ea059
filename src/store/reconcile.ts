import { plain } from './arrays.ts'
import { outcomes, type Outcome } from './books.ts'
import type { SystemTransaction } from './transactions.ts'

/** Whole minutes, [since, until), in epoch milliseconds; open where undefined. */
export interface Period {
  readonly tenantId?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

export interface Books {
  /** What the ledger says. */
  readonly ledger: Record<'received' | Outcome, number>
  /** What the log has. */
  readonly readings: Record<'received' | Outcome, number>
  /** Sum of the differences over all outcomes: 0 where they agree. */
  readonly imbalance: number
}

const minuteMs = 60_000

/**
 * Compares the ledger with the log, both as of one moment: they commit together, so they always agree. What a redrive
 * logged is no delivery and is not counted.
 */
export async function compareBooks(tx: SystemTransaction, period: Period): Promise<Books> {
  const since = period.since === undefined ? null : new Date(Math.floor(period.since / minuteMs) * minuteMs)
  const until = period.until === undefined ? null : new Date(Math.ceil(period.until / minuteMs) * minuteMs)
  const tenantId = period.tenantId ?? null
  const rows = await tx<{ source: 'ledger' | 'readings'; outcome: Outcome; count: number }[]>`
    SELECT 'readings' AS source, outcome, count(*) AS count FROM readings
    WHERE delivery IS DISTINCT FROM 'redrive'
      AND (${tenantId}::uuid IS NULL OR tenant_id = ${tenantId}::uuid)
      AND (${since}::timestamptz IS NULL OR received_at >= ${since}::timestamptz)
      AND (${until}::timestamptz IS NULL OR received_at < ${until}::timestamptz)
    GROUP BY outcome
    UNION ALL
    SELECT 'ledger', entry.key, sum(entry.value::bigint)::bigint
    FROM ledger_entries l CROSS JOIN LATERAL jsonb_each_text(to_jsonb(l)) AS entry
    JOIN unnest(${plain(outcomes)}::text[]) AS o (name) ON o.name = entry.key
    WHERE (${tenantId}::uuid IS NULL OR tenant_id = ${tenantId}::uuid)
      AND (${since}::timestamptz IS NULL OR minute >= ${since}::timestamptz)
      AND (${until}::timestamptz IS NULL OR minute < ${until}::timestamptz)
    GROUP BY entry.key`
  const counts = (source: string) =>
    Object.fromEntries(
      outcomes.map((outcome) => [
        outcome,
        rows.find((row) => row.source === source && row.outcome === outcome)?.count ?? 0,
      ]),
    ) as Record<Outcome, number>
  const ledger = counts('ledger')
  const readings = counts('readings')
  const imbalance = outcomes.reduce((sum, outcome) => sum + Math.abs(ledger[outcome] - readings[outcome]), 0)
  return {
    ledger: { received: total(ledger), ...ledger },
    readings: { received: total(readings), ...readings },
    imbalance,
  }
}

/** The books of days whose readings were dropped, which nothing in the log can be compared with any more. */
export async function readDroppedBooks(
  tx: SystemTransaction,
  { tenantId, since, until }: Period & { readonly tenantId: string },
): Promise<Record<'received' | Outcome, number>> {
  const rows = await tx<{ outcome: Outcome; count: number }[]>`
    SELECT entry.key AS outcome, sum(entry.value::bigint)::bigint AS count
    FROM ledger_days d CROSS JOIN LATERAL jsonb_each_text(to_jsonb(d)) AS entry
    JOIN unnest(${plain(outcomes)}::text[]) AS o (name) ON o.name = entry.key
    WHERE d.tenant_id = ${tenantId}
      AND d.day::timestamp AT TIME ZONE 'UTC' >= ${since === undefined ? '-infinity' : new Date(since).toISOString()}::text::timestamptz
      AND d.day::timestamp AT TIME ZONE 'UTC' < ${until === undefined ? 'infinity' : new Date(until).toISOString()}::text::timestamptz
    GROUP BY entry.key`
  const counts = Object.fromEntries(
    outcomes.map((outcome) => [outcome, rows.find((row) => row.outcome === outcome)?.count ?? 0]),
  ) as Record<Outcome, number>
  return { received: total(counts), ...counts }
}

function total(counts: Record<Outcome, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
