import type { SystemTransaction } from './transactions.ts'

/** The tenants that have events which may be dropped. */
export async function tenantsWithEvents(tx: SystemTransaction): Promise<string[]> {
  const rows = await tx<{ tenant_id: string }[]>`
    SELECT tenant_id FROM event_heads WHERE position > dropped_until ORDER BY tenant_id`
  return rows.map((row) => row.tenant_id)
}

/**
 * Drops a tenant's oldest events, up to the first one that was recorded less than `days` days ago (by the day, and the clock
 * of the database) or whose input is kept: as long as that can be folded again, so are its events compared. The position
 * up to which they are gone is raised in the same transaction, so that whoever brings a cursor from before is told. It
 * holds up the tenant's writers, as they do each other: hence few at a time.
 *
 * @returns how many; fewer than `limit` where there are no more
 */
export async function dropOldestEvents(
  tx: SystemTransaction,
  { tenantId, days, limit }: { tenantId: string; days: number; limit: number },
): Promise<number> {
  const [head] = await tx<{ dropped_until: number }[]>`
    SELECT dropped_until FROM event_heads WHERE tenant_id = ${tenantId} FOR UPDATE`
  if (head === undefined) return 0
  const [dropped] = await tx<{ events: number }[]>`
    WITH oldest AS (
      SELECT e.position, coalesce(e.input_seq <= (
          SELECT max(c.input_seq) FROM space_checkpoints c WHERE c.tenant_id = e.tenant_id AND c.space_id = e.space_id), false)
        AND e.recorded_at < ((now() AT TIME ZONE 'UTC')::date - ${days}::integer)::timestamp AT TIME ZONE 'UTC' AS goes
      FROM space_events e
      WHERE e.tenant_id = ${tenantId} AND e.position > ${head.dropped_until} ORDER BY e.position LIMIT ${limit}
    ), gone AS (
      DELETE FROM space_events e USING oldest o
      WHERE e.tenant_id = ${tenantId} AND e.position = o.position
        AND o.position < coalesce((SELECT min(position) FROM oldest WHERE NOT goes), o.position + 1)
      RETURNING e.position
    ), raised AS (
      UPDATE event_heads SET dropped_until = (SELECT max(position) FROM gone)
      WHERE tenant_id = ${tenantId} AND EXISTS (SELECT FROM gone)
    )
    SELECT count(*)::integer AS events FROM gone`
  return dropped?.events ?? 0
}
