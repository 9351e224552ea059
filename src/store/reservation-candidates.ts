import { plain, texts } from './arrays.ts'
import { isSettled, type TimeAtSpace } from './reservations.ts'
import type { TenantWriterTransaction } from './transactions.ts'

export interface WantedBay extends Omit<TimeAtSpace, 'spaceId'> {
  siteId: string
  /** It has all of them. */
  features: readonly string[]
  except?: string | undefined
  now: number
  /** It is wanted soon: what sensors say now counts. */
  soon: boolean
  /** It is wanted at once: no space that somebody stands in. */
  atOnce: boolean
  limit: number
}

/**
 * Spaces of the site that could be booked, the best first: known to be free where it is wanted soon, then with the fewest
 * bookings within a day of it, so that they spread; then by code. Nothing is locked: by then they may be taken. At the end come
 * those whose booking may be over, which is known under their locks alone.
 */
export async function selectCandidates(tx: TenantWriterTransaction, wanted: WantedBay): Promise<string[]> {
  const { siteId, features, from, to, except, now, soon, atOnce, limit } = wanted
  const inTheWay = tx`
    FROM reservations r WHERE r.tenant_id = p.tenant_id AND r.space_id = p.id
      AND r.state IN ('pending', 'confirmed', 'active') AND r.starts_at < ${to} AND r.ends_at > ${from}
      AND (r.state <> 'pending' OR r.hold_expires_at > ${new Date(now)})`
  const rows = await tx<{ id: string }[]>`
    SELECT p.id FROM spaces p JOIN space_states s ON s.tenant_id = p.tenant_id AND s.space_id = p.id
    WHERE p.tenant_id = ${tx.tenantId} AND p.site_id = ${siteId} AND p.archived_at IS NULL
      AND p.features @> ${texts(features)}::text[] AND p.id IS DISTINCT FROM ${except ?? null}::uuid
      AND NOT (${atOnce}::boolean AND s.occupancy = 'occupied')
      AND NOT EXISTS (
        SELECT FROM overrides o WHERE o.tenant_id = p.tenant_id AND o.space_id = p.id AND o.ended_at IS NULL
          AND (o.ends_at IS NULL OR o.ends_at > ${from}))
      AND NOT EXISTS (SELECT ${inTheWay} AND ${isSettled(tx, now)})
    ORDER BY EXISTS (SELECT ${inTheWay}),
      CASE WHEN NOT ${soon}::boolean THEN 0 WHEN s.status = 'free' THEN 0 WHEN s.occupancy = 'occupied' THEN 2 ELSE 1 END,
      (SELECT count(*) FROM reservations r WHERE r.tenant_id = p.tenant_id AND r.space_id = p.id
        AND r.state IN ('pending', 'confirmed', 'active')
        AND r.starts_at < ${to}::timestamptz + interval '1 day' AND r.ends_at > ${from}::timestamptz - interval '1 day'),
      p.code COLLATE "C", p.id
    LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/** False where somebody else has one of them at this moment: nobody waits. */
export async function lockAtOnce(tx: TenantWriterTransaction, spaceIds: readonly string[]): Promise<boolean> {
  const rows = await tx`
    SELECT FROM space_states WHERE tenant_id = ${tx.tenantId} AND space_id = ANY (${plain(spaceIds)}::uuid[])
    ORDER BY space_id FOR UPDATE SKIP LOCKED`
  return rows.length === spaceIds.length
}
