import type { ParkingSession, SessionReading } from '../occupancy/sessions.ts'
import { plainOf } from './arrays.ts'
import type { PolicyCache } from './policies.ts'
import type { SpaceKey } from './space-lock.ts'
import type { SpaceTransaction } from './transactions.ts'

/** From where the sessions of a space are projected anew. */
export interface ProjectionStart {
  /** Start of a session, or a time since when all readings are kept; null: from the first reading on. */
  readonly from: number | null
  /** The session that was open then, where the readings that began it were dropped. */
  readonly open: ParkingSession | null
}

/**
 * For each space the start of the last session that began before a time. Sessions outlive the readings that made
 * them: behind the day that was dropped last none is projected. A day is left between, because a device's clock
 * may be ahead of the arrival.
 */
export async function projectionStarts(
  tx: SpaceTransaction,
  wanted: readonly (SpaceKey & { before: number })[],
): Promise<Map<string, ProjectionStart>> {
  const rows = await tx<
    { space_id: string; from_at: Date | null; open_since: Date | null; uncertain: boolean | null }[]
  >`
    SELECT n.space_id, greatest(last.started_at, kept.since) AS from_at, open.started_at AS open_since, open.uncertain
    FROM unnest(
      ${plainOf(wanted, (key) => key.tenantId)}::uuid[],
      ${plainOf(wanted, (key) => key.spaceId)}::uuid[],
      ${plainOf(wanted, (key) => key.before)}::bigint[]
    ) AS n (tenant_id, space_id, before)
    CROSS JOIN LATERAL (
      SELECT max(p.started_at) AS started_at FROM parking_sessions p
      WHERE p.tenant_id = n.tenant_id AND p.space_id = n.space_id AND p.started_at < to_timestamp(n.before / 1000.0)
    ) last
    CROSS JOIN LATERAL (
      SELECT (max(d.day) + 2)::timestamp AT TIME ZONE 'UTC' AS since FROM ledger_days d WHERE d.tenant_id = n.tenant_id
    ) kept
    LEFT JOIN parking_sessions open ON open.tenant_id = n.tenant_id AND open.space_id = n.space_id
      AND open.started_at < kept.since AND coalesce(open.ended_at, 'infinity') > kept.since
      AND coalesce(last.started_at, '-infinity') < kept.since`
  return new Map(
    rows.map(({ space_id, from_at, open_since, uncertain }) => [
      space_id,
      {
        from: from_at?.getTime() ?? null,
        open:
          open_since === null
            ? null
            : { startedAt: open_since.getTime(), endedAt: null, uncertain: uncertain ?? false },
      },
    ]),
  )
}

interface Row {
  space_id: string
  site_id: string
  tenant_id: string
  observed_at: Date
  session: string | null
  device: string
  counter: number | null
  occupied: boolean
  policy_version: number
}

/**
 * The readings that took part in each space's order, from a time on. They are found through the devices that ever
 * stood there, since the log is indexed by device.
 */
export async function readSessionReadings(
  tx: SpaceTransaction,
  { starts, policies }: { starts: readonly { space: SpaceKey; from: number | null }[]; policies: PolicyCache },
): Promise<Map<string, SessionReading[]>> {
  const rows = await tx<Row[]>`
    SELECT r.tenant_id, r.space_id, p.site_id, r.observed_at, r.session, r.device, r.counter, r.occupied, r.policy_version
    FROM unnest(
      ${plainOf(starts, ({ space }) => space.tenantId)}::uuid[],
      ${plainOf(starts, ({ space }) => space.spaceId)}::uuid[],
      ${plainOf(starts, ({ from }) => from)}::bigint[]
    ) AS n (tenant_id, space_id, from_at)
    JOIN spaces p ON p.tenant_id = n.tenant_id AND p.id = n.space_id
    CROSS JOIN LATERAL (
      SELECT DISTINCT a.device_id FROM device_assignments a
      WHERE a.tenant_id = n.tenant_id AND a.space_id = n.space_id
    ) d
    JOIN readings r ON r.device_id = d.device_id AND r.space_id = n.space_id AND r.input_seq IS NOT NULL
      AND (n.from_at IS NULL OR r.observed_at >= to_timestamp(n.from_at / 1000.0))
    ORDER BY r.input_seq`
  const versions = new Map(rows.map((row) => [`${row.tenant_id} ${row.policy_version}`, row]))
  await policies.load(
    tx,
    [...versions.values()].map((row) => ({ tenantId: row.tenant_id, version: row.policy_version })),
  )
  const readings = new Map<string, SessionReading[]>()
  for (const row of rows) {
    const { tenant_id: tenantId, site_id: siteId, space_id: spaceId } = row
    const ofSpace = readings.get(spaceId) ?? []
    readings.set(spaceId, ofSpace)
    ofSpace.push({
      evidence: {
        at: row.observed_at.getTime(),
        session: row.session ?? '',
        device: row.device,
        counter: row.counter,
      },
      occupied: row.occupied,
      policy: policies.policyOf({ tenantId, siteId, spaceId }, row.policy_version),
    })
  }
  return readings
}
