import type { Occupancy, ReservationFact, Status } from '../occupancy/state.ts'
import type { Override } from '../occupancy/input.ts'
import { plain, plainOf, textsOf } from './arrays.ts'
import type { SystemTransaction } from './transactions.ts'

/** What is read to be published on a broker, of all tenants. */
export interface OutboxTenant {
  id: string
  slug: string
  placesVersion: number
  /** Of its last event. */
  head: number
}

export interface OutboxSpace {
  tenantId: string
  spaceId: string
}

/** The space is there, and what is known of it now. */
export interface SpaceNow extends OutboxSpace {
  status: Status
  occupancy: Occupancy
  reservation: ReservationFact
  override: Override
  stale: boolean
  since: Date | null
  observedAt: Date | null
  version: number
}

export interface SiteNow {
  tenantId: string
  siteId: string
  code: string
  /** When the last event or evidence of the whole tenant was taken in. */
  asOf: Date | null
  total: number
  status: Record<Status, number>
  stale: number
  oldestEvidenceAt: Date | null
}

export interface OutboxPlace {
  siteId: string
  site: string
  spaceId: string | null
  space: string | null
}

export interface PublishedTopic {
  tenantId: string
  topic: string
}

/** Of those that are not suspended. */
export async function outboxTenants(tx: SystemTransaction): Promise<OutboxTenant[]> {
  return await tx<OutboxTenant[]>`
    SELECT t.id, t.slug, t.places_version AS "placesVersion", coalesce(h.position, 0) AS head
    FROM tenants t LEFT JOIN event_heads h ON h.tenant_id = t.id
    WHERE t.suspended_at IS NULL`
}

/** Sites, each with its spaces; one without any has a row too. */
export async function placesOfTenant(tx: SystemTransaction, tenantId: string): Promise<OutboxPlace[]> {
  return await tx<OutboxPlace[]>`
    SELECT i.id AS "siteId", i.code AS site, p.id AS "spaceId", p.code AS space
    FROM sites i
    LEFT JOIN spaces p ON p.tenant_id = i.tenant_id AND p.site_id = i.id AND p.archived_at IS NULL
    WHERE i.tenant_id = ${tenantId} AND i.archived_at IS NULL
    ORDER BY i.code, p.code`
}

/** The spaces that the events of each tenant from behind `after` up to `until` are of, each once. */
export async function changedSpaces(
  tx: SystemTransaction,
  ranges: readonly { tenantId: string; after: number; until: number }[],
): Promise<OutboxSpace[]> {
  return await tx<OutboxSpace[]>`
    SELECT DISTINCT e.tenant_id AS "tenantId", e.space_id AS "spaceId"
    FROM unnest(${plainOf(ranges, (range) => range.tenantId)}::uuid[],
                ${plainOf(ranges, (range) => range.after)}::bigint[],
                ${plainOf(ranges, (range) => range.until)}::bigint[]) AS n (tenant_id, after, until)
    JOIN space_events e ON e.tenant_id = n.tenant_id AND e.position > n.after AND e.position <= n.until`
}

/** Of which something was taken in since then, whether it emitted an event or not; a page of them. */
export async function heardSpaces(
  tx: SystemTransaction,
  { since, behind, limit }: { since: Date; behind: OutboxSpace | undefined; limit: number },
): Promise<OutboxSpace[]> {
  const { tenantId = null, spaceId = null } = behind ?? {}
  return await tx<OutboxSpace[]>`
    SELECT tenant_id AS "tenantId", space_id AS "spaceId" FROM space_states
    WHERE updated_at >= ${since}
      AND (${tenantId}::uuid IS NULL OR (tenant_id, space_id) > (${tenantId}::uuid, ${spaceId}::uuid))
    ORDER BY tenant_id, space_id LIMIT ${limit}`
}

export async function databaseNow(tx: SystemTransaction): Promise<Date> {
  const [clock] = await tx<{ now: Date }[]>`SELECT clock_timestamp() AS now`
  return clock?.now ?? new Date(0)
}

/** One that was never heard is unknown. Those that are not there are left out. */
export async function spacesNow(tx: SystemTransaction, keys: readonly OutboxSpace[]): Promise<SpaceNow[]> {
  return await tx<SpaceNow[]>`
    SELECT p.tenant_id AS "tenantId", p.id AS "spaceId", coalesce(s.status, 'unknown') AS status,
      coalesce(s.occupancy, 'unknown') AS occupancy, coalesce(s.reservation, 'none') AS reservation,
      coalesce(s.override, 'none') AS override, coalesce(s.stale, false) AS stale, s.since,
      s.observed_at AS "observedAt", coalesce(s.version, 0) AS version
    FROM unnest(${plainOf(keys, (key) => key.tenantId)}::uuid[],
                ${plainOf(keys, (key) => key.spaceId)}::uuid[]) AS n (tenant_id, space_id)
    JOIN spaces p ON p.tenant_id = n.tenant_id AND p.id = n.space_id AND p.archived_at IS NULL
    LEFT JOIN space_states s ON s.tenant_id = p.tenant_id AND s.space_id = p.id`
}

type Counts = Omit<SiteNow, 'status'> & Omit<Record<Status, number>, 'out_of_service'> & { outOfService: number }

/** One statement, so that all counts are of the same moment. Sites that are not there are left out. */
export async function sitesNow(
  tx: SystemTransaction,
  { tenantId, siteIds }: { tenantId: string; siteIds: readonly string[] },
): Promise<SiteNow[]> {
  const rows = await tx<Counts[]>`
    SELECT i.tenant_id AS "tenantId", i.id AS "siteId", i.code, (
        SELECT max(updated_at) FROM space_states WHERE tenant_id = ${tenantId} AND input_seq > 0) AS "asOf",
      count(p.id)::int AS total,
      count(*) FILTER (WHERE s.status = 'free')::int AS free,
      count(*) FILTER (WHERE s.status = 'occupied')::int AS occupied,
      count(*) FILTER (WHERE s.status = 'reserved')::int AS reserved,
      count(*) FILTER (WHERE s.status = 'blocked')::int AS blocked,
      count(*) FILTER (WHERE s.status = 'out_of_service')::int AS "outOfService",
      count(*) FILTER (WHERE p.id IS NOT NULL AND coalesce(s.status, 'unknown') = 'unknown')::int AS unknown,
      count(*) FILTER (WHERE s.stale)::int AS stale,
      min(s.observed_at) AS "oldestEvidenceAt"
    FROM unnest(${plain(siteIds)}::uuid[]) AS n (site_id)
    JOIN sites i ON i.tenant_id = ${tenantId} AND i.id = n.site_id AND i.archived_at IS NULL
    LEFT JOIN spaces p ON p.tenant_id = i.tenant_id AND p.site_id = i.id AND p.archived_at IS NULL
    LEFT JOIN space_states s ON s.tenant_id = p.tenant_id AND s.space_id = p.id
    GROUP BY i.tenant_id, i.id, i.code`
  return rows.map(({ free, occupied, reserved, blocked, outOfService, unknown, ...site }) => ({
    ...site,
    status: { free, occupied, reserved, blocked, out_of_service: outOfService, unknown },
  }))
}

export async function publishedTopics(tx: SystemTransaction): Promise<PublishedTopic[]> {
  return await tx<PublishedTopic[]>`SELECT tenant_id AS "tenantId", topic FROM published_topics`
}

/** To be committed before the first of them is published: what is retained is found again after a crash. */
export async function rememberTopics(tx: SystemTransaction, topics: readonly PublishedTopic[]): Promise<void> {
  await tx`
    INSERT INTO published_topics (tenant_id, topic)
    SELECT * FROM unnest(${plainOf(topics, (one) => one.tenantId)}::uuid[],
                         ${textsOf(topics, (one) => one.topic)}::text[])
    ON CONFLICT DO NOTHING`
}

/** To be called once the broker has nothing retained there. */
export async function forgetTopics(tx: SystemTransaction, topics: readonly PublishedTopic[]): Promise<void> {
  await tx`
    DELETE FROM published_topics t
    USING unnest(${plainOf(topics, (one) => one.tenantId)}::uuid[],
                 ${textsOf(topics, (one) => one.topic)}::text[]) AS n (tenant_id, topic)
    WHERE t.tenant_id = n.tenant_id AND t.topic = n.topic`
}

export interface ReachedPosition {
  tenantId: string
  position: number
}

/** What `position` says is published was acknowledged. It never goes back, and only the holder of the lease writes it. */
export async function advanceCursors(
  tx: SystemTransaction,
  { follower, reached, lease }: { follower: string; reached: readonly ReachedPosition[]; lease: LeaseKey | undefined },
): Promise<void> {
  await tx`
    INSERT INTO event_cursors AS c (tenant_id, follower, position)
    SELECT t.id, ${follower}, n.position
    FROM unnest(${plainOf(reached, (one) => one.tenantId)}::uuid[],
                ${plainOf(reached, (one) => one.position)}::bigint[]) AS n (tenant_id, position)
    JOIN tenants t ON t.id = n.tenant_id
    WHERE ${lease?.name ?? null}::text IS NULL OR EXISTS (
      SELECT FROM leases l
      WHERE l.name = ${lease?.name ?? null} AND l.holder = ${lease?.holder ?? null} AND l.expires_at > clock_timestamp())
    ORDER BY t.id
    ON CONFLICT (tenant_id, follower) DO UPDATE
      SET position = greatest(c.position, excluded.position), updated_at = now()`
}

interface LeaseKey {
  name: string
  holder: string
}

/** Age of the oldest event that a follower has not come to, in seconds; 0 where it has come to all. */
export async function followerLagSeconds(tx: SystemTransaction, follower: string): Promise<number> {
  const [row] = await tx<{ seconds: number | null }[]>`
    SELECT extract(epoch FROM clock_timestamp() - min(e.recorded_at))::double precision AS seconds
    FROM event_heads h
    JOIN tenants t ON t.id = h.tenant_id AND t.suspended_at IS NULL
    LEFT JOIN event_cursors c ON c.tenant_id = h.tenant_id AND c.follower = ${follower}
    JOIN LATERAL (
      SELECT recorded_at FROM space_events
      WHERE tenant_id = h.tenant_id AND position > coalesce(c.position, 0) ORDER BY position LIMIT 1) e ON true
    WHERE h.position > coalesce(c.position, 0)`
  return Math.max(0, row?.seconds ?? 0)
}
