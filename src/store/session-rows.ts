import type { SessionReading } from '../occupancy/sessions.ts'
import { plainOf } from './arrays.ts'
import type { PolicyCache } from './policies.ts'
import type { SpaceKey } from './space-lock.ts'
import type { SystemTransaction } from './transactions.ts'

/** For each space the start of the last session that began before a time, where there is one. */
export async function startsBefore(
  tx: SystemTransaction,
  wanted: readonly (SpaceKey & { before: number })[],
): Promise<Map<string, number>> {
  const rows = await tx<{ space_id: string; started_at: Date }[]>`
    SELECT p.space_id, max(p.started_at) AS started_at
    FROM unnest(
      ${plainOf(wanted, (key) => key.tenantId)}::uuid[],
      ${plainOf(wanted, (key) => key.spaceId)}::uuid[],
      ${plainOf(wanted, (key) => key.before)}::bigint[]
    ) AS n (tenant_id, space_id, before)
    JOIN parking_sessions p ON p.tenant_id = n.tenant_id AND p.space_id = n.space_id
      AND p.started_at < to_timestamp(n.before / 1000.0)
    GROUP BY p.space_id`
  return new Map(rows.map((row) => [row.space_id, row.started_at.getTime()]))
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
  tx: SystemTransaction,
  { from, policies }: { from: readonly { space: SpaceKey; startedAt: number | null }[]; policies: PolicyCache },
): Promise<Map<string, SessionReading[]>> {
  const rows = await tx<Row[]>`
    SELECT r.tenant_id, r.space_id, p.site_id, r.observed_at, r.session, r.device, r.counter, r.occupied, r.policy_version
    FROM unnest(
      ${plainOf(from, ({ space }) => space.tenantId)}::uuid[],
      ${plainOf(from, ({ space }) => space.spaceId)}::uuid[],
      ${plainOf(from, ({ startedAt }) => startedAt)}::bigint[]
    ) AS n (tenant_id, space_id, started_at)
    JOIN spaces p ON p.tenant_id = n.tenant_id AND p.id = n.space_id
    CROSS JOIN LATERAL (
      SELECT DISTINCT a.device_id FROM device_assignments a
      WHERE a.tenant_id = n.tenant_id AND a.space_id = n.space_id
    ) d
    JOIN readings r ON r.device_id = d.device_id AND r.space_id = n.space_id AND r.input_seq IS NOT NULL
      AND (n.started_at IS NULL OR r.observed_at >= to_timestamp(n.started_at / 1000.0))
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
