import { and, eq, gt, isNotNull, isNull, sql } from 'drizzle-orm'
import { newId } from '../ids.ts'
import type { Override as OverrideFact } from '../occupancy/input.ts'
import { plain } from './arrays.ts'
import { overrides } from './schema/members.ts'
import { spaces } from './schema/places.ts'
import type { SpaceKey } from './space-lock.ts'
import type { SpaceTransaction, SystemTransaction, TenantTransaction, TenantWriterTransaction } from './transactions.ts'

/**
 * Overrides of spaces. Whoever makes, changes or ends one holds the lock of its space's state and steps the space in the
 * same transaction, so that the row and the state say the same at every moment.
 */
export type OverrideKind = Exclude<OverrideFact, 'none'>

export interface Override {
  id: string
  spaceId: string
  kind: OverrideKind
  reason: string | null
  startsAt: Date
  endsAt: Date | null
  endedAt: Date | null
  createdBy: string
  revision: number
}

const columns = {
  id: overrides.id,
  spaceId: overrides.spaceId,
  kind: sql<OverrideKind>`${overrides.kind}`,
  reason: overrides.reason,
  startsAt: overrides.startsAt,
  endsAt: overrides.endsAt,
  endedAt: overrides.endedAt,
  createdBy: overrides.createdBy,
  revision: overrides.revision,
}

export interface PageOfOverrides {
  after: string | undefined
  limit: number
  spaceId?: string | undefined
  siteId?: string | undefined
  kind?: OverrideKind | undefined
  inForce?: boolean | undefined
}

/** Those of spaces that are there, in the order in which they were made. */
export async function selectOverrides(tx: TenantTransaction, page: PageOfOverrides): Promise<Override[]> {
  const { after, limit, spaceId, siteId, kind, inForce } = page
  return await tx
    .select(columns)
    .from(overrides)
    .innerJoin(spaces, and(eq(spaces.tenantId, overrides.tenantId), eq(spaces.id, overrides.spaceId)))
    .where(
      and(
        eq(overrides.tenantId, tx.tenantId),
        isNull(spaces.archivedAt),
        spaceId === undefined ? undefined : eq(overrides.spaceId, spaceId),
        siteId === undefined ? undefined : eq(spaces.siteId, siteId),
        kind === undefined ? undefined : eq(overrides.kind, kind),
        inForce === undefined ? undefined : inForce ? isNull(overrides.endedAt) : isNotNull(overrides.endedAt),
        after === undefined ? undefined : gt(overrides.id, after),
      ),
    )
    .orderBy(overrides.id)
    .limit(limit)
}

export async function selectOverride(tx: TenantTransaction, id: string): Promise<Override | undefined> {
  const [found] = await tx
    .select(columns)
    .from(overrides)
    .where(and(eq(overrides.tenantId, tx.tenantId), eq(overrides.id, id)))
  return found
}

export async function selectOverrideInForce(tx: TenantTransaction, spaceId: string): Promise<Override | undefined> {
  const [found] = await tx
    .select(columns)
    .from(overrides)
    .where(and(eq(overrides.tenantId, tx.tenantId), eq(overrides.spaceId, spaceId), isNull(overrides.endedAt)))
  return found
}

const row = (tx: TenantWriterTransaction) => tx`
  id, space_id AS "spaceId", kind, reason, starts_at AS "startsAt", ends_at AS "endsAt", ended_at AS "endedAt",
  created_by AS "createdBy", revision`

/** As it is at this moment: only with its space locked does it stay so. */
export async function readOverride(tx: TenantWriterTransaction, id: string): Promise<Override | undefined> {
  const [found] = await tx<Override[]>`
    SELECT ${row(tx)} FROM overrides WHERE tenant_id = ${tx.tenantId} AND id = ${id}`
  return found
}

/** Which of the spaces are there, in no order; of those that are locked it stays so. */
export async function presentSpaces(tx: TenantWriterTransaction, spaceIds: readonly string[]): Promise<Set<string>> {
  const rows = await tx<{ id: string }[]>`
    SELECT id FROM unnest(${plain(spaceIds)}::uuid[]) AS wanted (id) JOIN spaces USING (id)
    WHERE tenant_id = ${tx.tenantId} AND archived_at IS NULL`
  return new Set(rows.map(({ id }) => id))
}

/** Ends those in force at the spaces. */
export async function endOverrides(
  tx: TenantWriterTransaction,
  { spaceIds, at }: { spaceIds: readonly string[]; at: number },
): Promise<Override[]> {
  return await tx<Override[]>`
    UPDATE overrides SET ended_at = ${new Date(at)}, revision = revision + 1
    WHERE tenant_id = ${tx.tenantId} AND space_id = ANY (${plain(spaceIds)}::uuid[]) AND ended_at IS NULL
    RETURNING ${row(tx)}`
}

export interface NewOverride {
  spaceIds: readonly string[]
  kind: OverrideKind
  reason: string | null
  at: number
  endsAt: number | null
  createdBy: string
}

/** One for each space, in the order of their ids. None may be in force there. */
export async function insertOverrides(tx: TenantWriterTransaction, made: NewOverride): Promise<Override[]> {
  const { spaceIds, kind, reason, at, endsAt, createdBy } = made
  const written = await tx<Override[]>`
    INSERT INTO overrides (tenant_id, id, space_id, kind, reason, starts_at, ends_at, created_by)
    SELECT ${tx.tenantId}, id, space_id, ${kind}, ${reason}, ${new Date(at)}, ${endsAt === null ? null : new Date(endsAt)},
      ${createdBy}
    FROM unnest(${plain(spaceIds.map(newId))}::uuid[], ${plain(spaceIds)}::uuid[]) AS made (id, space_id)
    RETURNING ${row(tx)}`
  return written.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

export async function updateOverride(
  tx: TenantWriterTransaction,
  { id, reason, endsAt }: { id: string; reason: string | null; endsAt: Date | null },
): Promise<Override> {
  const [changed] = await tx<Override[]>`
    UPDATE overrides SET reason = ${reason}, ends_at = ${endsAt}, revision = revision + 1
    WHERE tenant_id = ${tx.tenantId} AND id = ${id} RETURNING ${row(tx)}`
  return changed as Override
}

/** Locks spaces with an override whose end has come, those that nobody else has locked. */
export async function lockSpacesWithDueOverrides(
  tx: SystemTransaction,
  { now, limit }: { now: number; limit: number },
): Promise<SpaceKey[]> {
  return await tx<SpaceKey[]>`
    SELECT s.tenant_id AS "tenantId", s.space_id AS "spaceId"
    FROM overrides o JOIN space_states s ON s.tenant_id = o.tenant_id AND s.space_id = o.space_id
    WHERE o.ended_at IS NULL AND o.ends_at <= to_timestamp(${now}::bigint / 1000.0)
    ORDER BY o.ends_at LIMIT ${limit}
    FOR UPDATE OF s SKIP LOCKED`
}

export interface DueOverride extends SpaceKey {
  endsAt: Date
}

/** Ends what is due at the locked spaces, each at its own time. What another process ended before is not there any more. */
export async function endDueOverrides(
  tx: SpaceTransaction,
  { spaces: locked, now }: { spaces: readonly SpaceKey[]; now: number },
): Promise<DueOverride[]> {
  return await tx<DueOverride[]>`
    UPDATE overrides o SET ended_at = o.ends_at, revision = o.revision + 1
    FROM unnest(${plain(locked.map(({ tenantId }) => tenantId))}::uuid[],
                ${plain(locked.map(({ spaceId }) => spaceId))}::uuid[]) AS n (tenant_id, space_id)
    WHERE o.tenant_id = n.tenant_id AND o.space_id = n.space_id
      AND o.ended_at IS NULL AND o.ends_at <= to_timestamp(${now}::bigint / 1000.0)
    RETURNING o.tenant_id AS "tenantId", o.space_id AS "spaceId", o.ends_at AS "endsAt"`
}
