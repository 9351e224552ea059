import { and, eq, gt, isNotNull, isNull, lt, sql } from 'drizzle-orm'
import { liveStates, type ReservationState } from '../occupancy/reservation-calendar.ts'
import { evidenceKinds } from '../occupancy/reservation-steps.ts'
import { texts } from './arrays.ts'
import { spaces } from './schema/places.ts'
import { reservations } from './schema/reservations.ts'
import type { TenantTransaction, TenantWriterTransaction } from './transactions.ts'

/**
 * Reservations as rows. Whoever makes, changes or ends one holds the lock of its space first, and then of the row: so that
 * what the space shows, what is booked there and who comes next are decided one after the other.
 */
export const reservationStates = [...liveStates, 'completed', 'cancelled', 'expired', 'no_show'] as const

/** Whose it is. */
export interface Holder {
  kind: 'user' | 'api_key'
  id: string
}

export interface Reservation {
  id: string
  spaceId: string
  /** The code of its space. */
  space: string
  siteId: string
  holderKind: Holder['kind']
  holderId: string
  vehicle: string | null
  features: string[]
  state: ReservationState
  startsAt: Date
  endsAt: Date
  holdExpiresAt: Date | null
  checkedInAt: Date | null
  checkedOutAt: Date | null
  /** When the car that stands in the space came for it, by the evidence. */
  arrivedAt: Date | null
  contestedAt: Date | null
  overstayedAt: Date | null
  endedAt: Date | null
  revision: number
  createdAt: Date
}

const columns = {
  id: reservations.id,
  spaceId: reservations.spaceId,
  space: spaces.code,
  siteId: spaces.siteId,
  holderKind: sql<Holder['kind']>`${reservations.holderKind}`,
  holderId: reservations.holderId,
  vehicle: reservations.vehicle,
  features: reservations.features,
  state: sql<ReservationState>`${reservations.state}`,
  startsAt: reservations.startsAt,
  endsAt: reservations.endsAt,
  holdExpiresAt: reservations.holdExpiresAt,
  checkedInAt: reservations.checkedInAt,
  checkedOutAt: reservations.checkedOutAt,
  arrivedAt: reservations.arrivedAt,
  contestedAt: reservations.contestedAt,
  overstayedAt: reservations.overstayedAt,
  endedAt: reservations.endedAt,
  revision: reservations.revision,
  createdAt: reservations.createdAt,
}

const ofItsSpace = and(eq(spaces.tenantId, reservations.tenantId), eq(spaces.id, reservations.spaceId))

export interface PageOfReservations {
  after: string | undefined
  limit: number
  now: number
  holder?: Holder | undefined
  spaceId?: string | undefined
  siteId?: string | undefined
  state?: ReservationState | undefined
  contested?: boolean | undefined
  /** Those that take any of the time between them. */
  from?: Date | undefined
  to?: Date | undefined
}

/** In the order in which they were made. */
export async function selectReservations(tx: TenantTransaction, page: PageOfReservations): Promise<Reservation[]> {
  const { after, limit, now, holder, spaceId, siteId, state, contested, from, to } = page
  const gone = sql`${reservations.state} = 'pending' and ${reservations.holdExpiresAt} <= ${new Date(now).toISOString()}::timestamptz`
  return await tx
    .select(columns)
    .from(reservations)
    .innerJoin(spaces, ofItsSpace)
    .where(
      and(
        eq(reservations.tenantId, tx.tenantId),
        holder === undefined ? undefined : eq(reservations.holderId, holder.id),
        holder === undefined ? undefined : eq(reservations.holderKind, holder.kind),
        spaceId === undefined ? undefined : eq(reservations.spaceId, spaceId),
        siteId === undefined ? undefined : eq(spaces.siteId, siteId),
        // A hold that is over is expired, whether or not somebody has written so yet.
        state === undefined
          ? undefined
          : sql`(case when ${gone} then 'expired' else ${reservations.state} end) = ${state}`,
        contested === undefined
          ? undefined
          : contested
            ? isNotNull(reservations.contestedAt)
            : isNull(reservations.contestedAt),
        from === undefined ? undefined : gt(reservations.endsAt, from),
        to === undefined ? undefined : lt(reservations.startsAt, to),
        after === undefined ? undefined : gt(reservations.id, after),
      ),
    )
    .orderBy(reservations.id)
    .limit(limit)
}

export async function selectReservation(tx: TenantTransaction, id: string): Promise<Reservation | undefined> {
  const [found] = await tx
    .select(columns)
    .from(reservations)
    .innerJoin(spaces, ofItsSpace)
    .where(and(eq(reservations.tenantId, tx.tenantId), eq(reservations.id, id)))
  return found
}

const row = (tx: TenantWriterTransaction) => tx`
  r.id, r.space_id AS "spaceId", r.holder_kind AS "holderKind", r.holder_id AS "holderId", r.vehicle,
  to_json(r.features) AS features, r.state, r.starts_at AS "startsAt", r.ends_at AS "endsAt",
  r.hold_expires_at AS "holdExpiresAt", r.checked_in_at AS "checkedInAt", r.checked_out_at AS "checkedOutAt",
  r.arrived_at AS "arrivedAt",
  r.contested_at AS "contestedAt", r.overstayed_at AS "overstayedAt", r.ended_at AS "endedAt", r.revision,
  r.created_at AS "createdAt",
  (SELECT p.code FROM spaces p WHERE p.tenant_id = r.tenant_id AND p.id = r.space_id) AS space,
  (SELECT p.site_id FROM spaces p WHERE p.tenant_id = r.tenant_id AND p.id = r.space_id) AS "siteId"`

/** As it is at this moment: only with its space and its row locked does it stay so. */
export async function readReservation(tx: TenantWriterTransaction, id: string): Promise<Reservation | undefined> {
  const [found] = await tx<Reservation[]>`
    SELECT ${row(tx)} FROM reservations r WHERE tenant_id = ${tx.tenantId} AND id = ${id}`
  return found
}

/** To be called with the lock of its space. */
export async function lockReservation(tx: TenantWriterTransaction, id: string): Promise<Reservation | undefined> {
  const [found] = await tx<Reservation[]>`
    SELECT ${row(tx)} FROM reservations r WHERE tenant_id = ${tx.tenantId} AND id = ${id} FOR UPDATE OF r`
  return found
}

/** One holder's reservations are made one after the other, so that they can be counted. Before all other locks. */
export async function lockHolder(tx: TenantWriterTransaction, { kind, id }: Holder): Promise<void> {
  const name = JSON.stringify(['reservations of', tx.tenantId, kind, id])
  await tx`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`
}

/** Those that still hold a space. */
export async function countOpen(
  tx: TenantWriterTransaction,
  { holder, now }: { holder: Holder; now: number },
): Promise<number> {
  const [counted] = await tx<{ open: number }[]>`
    SELECT count(*)::int AS open FROM reservations
    WHERE tenant_id = ${tx.tenantId} AND holder_id = ${holder.id} AND holder_kind = ${holder.kind}
      AND state IN ('pending', 'confirmed', 'active')
      AND (state <> 'pending' OR hold_expires_at > ${new Date(now)})`
  return counted?.open ?? 0
}

export interface TimeAtSpace {
  spaceId: string
  from: Date
  to: Date
}

/** The first booking that takes any of the time, but for `except` and for holds that are over. */
export async function findOverlap(
  tx: TenantWriterTransaction,
  { spaceId, from, to, now, except }: TimeAtSpace & { now: number; except?: string },
): Promise<{ startsAt: Date; endsAt: Date } | undefined> {
  const [found] = await tx<{ startsAt: Date; endsAt: Date }[]>`
    SELECT starts_at AS "startsAt", ends_at AS "endsAt" FROM reservations r
    WHERE ${takesTime(tx, { spaceId, from, to, now })} AND id IS DISTINCT FROM ${except ?? null}::uuid
    ORDER BY starts_at LIMIT 1`
  return found
}

/** The first one that takes any of the time for sure: what is asked without a lock. */
export async function findSettledOverlap(
  tx: TenantWriterTransaction,
  { spaceId, from, to, now }: TimeAtSpace & { now: number },
): Promise<{ startsAt: Date; endsAt: Date } | undefined> {
  const [found] = await tx<{ startsAt: Date; endsAt: Date }[]>`
    SELECT starts_at AS "startsAt", ends_at AS "endsAt" FROM reservations r
    WHERE ${takesTime(tx, { spaceId, from, to, now })} AND ${isSettled(tx, now)}
    ORDER BY starts_at LIMIT 1`
  return found
}

/** Whether nothing is due of `r`, and nothing was heard, that may have ended it without anybody having written so yet. */
export const isSettled = (tx: TenantWriterTransaction, now: number) => tx`
  (r.next_due_at IS NULL OR r.next_due_at > ${new Date(now)})
  AND NOT (r.state = 'active' AND (
    EXISTS (SELECT FROM space_events e WHERE e.space_id = r.space_id AND e.tenant_id = r.tenant_id
      AND e.input_seq > coalesce(r.evidence_seq, 0) AND e.kind = ANY (${texts(evidenceKinds)}::text[]))
    OR EXISTS (SELECT FROM space_states s WHERE s.space_id = r.space_id AND s.tenant_id = r.tenant_id
      AND s.next_deadline_at <= ${new Date(now)})))`

const takesTime = (tx: TenantWriterTransaction, { spaceId, from, to, now }: TimeAtSpace & { now: number }) => tx`
  tenant_id = ${tx.tenantId} AND space_id = ${spaceId} AND state IN ('pending', 'confirmed', 'active')
  AND starts_at < ${to} AND ends_at > ${from} AND (state <> 'pending' OR hold_expires_at > ${new Date(now)})`

export async function hasSite(tx: TenantWriterTransaction, siteId: string): Promise<boolean> {
  const found = await tx`SELECT FROM sites WHERE tenant_id = ${tx.tenantId} AND id = ${siteId} AND archived_at IS NULL`
  return found.length > 0
}

/** What a space has; undefined where there is none that anybody could park in. */
export async function featuresOf(tx: TenantWriterTransaction, spaceId: string): Promise<string[] | undefined> {
  const [found] = await tx<{ features: string[] }[]>`
    SELECT to_json(features) AS features FROM spaces
    WHERE tenant_id = ${tx.tenantId} AND id = ${spaceId} AND archived_at IS NULL`
  return found?.features
}

/** Whether an override in force now reaches into the time. */
export async function isOverridden(
  tx: TenantWriterTransaction,
  { spaceId, from }: Pick<TimeAtSpace, 'spaceId' | 'from'>,
): Promise<boolean> {
  const found = await tx`
    SELECT FROM overrides
    WHERE tenant_id = ${tx.tenantId} AND space_id = ${spaceId} AND ended_at IS NULL
      AND (ends_at IS NULL OR ends_at > ${from})`
  return found.length > 0
}

export interface NewReservation extends TimeAtSpace {
  id: string
  holder: Holder
  vehicle: string | null
  features: readonly string[]
  state: 'pending' | 'confirmed'
  holdExpiresAt: Date | null
  nextDueAt: Date | null
  at: number
}

/** To be called with the lock of its space. Fails with 23P01 where another live one takes any of its time. */
export async function insertReservation(tx: TenantWriterTransaction, made: NewReservation): Promise<Reservation> {
  const { id, spaceId, holder, vehicle, features, state, from, to, holdExpiresAt, nextDueAt, at } = made
  const [written] = await tx<Reservation[]>`
    INSERT INTO reservations AS r (tenant_id, id, space_id, holder_kind, holder_id, vehicle, features, state, starts_at,
      ends_at, hold_expires_at, next_due_at, created_at)
    VALUES (${tx.tenantId}, ${id}, ${spaceId}, ${holder.kind}, ${holder.id}, ${vehicle}, ${texts(features)}::text[],
      ${state}, ${from}, ${to}, ${holdExpiresAt}, ${nextDueAt}, ${new Date(at)})
    RETURNING ${row(tx)}`
  return written as Reservation
}

/** Of a row that is locked. Fails with 23P01 as above. */
export async function updateReservation(
  tx: TenantWriterTransaction,
  { reservation, nextDueAt }: { reservation: Reservation; nextDueAt: Date | null },
): Promise<Reservation> {
  const { id, spaceId, state, endsAt, holdExpiresAt, checkedInAt, checkedOutAt } = reservation
  const { arrivedAt, contestedAt, endedAt } = reservation
  const [written] = await tx<Reservation[]>`
    UPDATE reservations r SET space_id = ${spaceId}, state = ${state}, ends_at = ${endsAt},
      hold_expires_at = ${holdExpiresAt}, checked_in_at = ${checkedInAt}, checked_out_at = ${checkedOutAt},
      arrived_at = ${arrivedAt}, contested_at = ${contestedAt}, ended_at = ${endedAt}, next_due_at = ${nextDueAt}, revision = revision + 1
    WHERE tenant_id = ${tx.tenantId} AND id = ${id} RETURNING ${row(tx)}`
  return written as Reservation
}

/** A booking that still holds its space, or an override, as what is in the way of others. */
export interface Occupied {
  from: Date
  /** Null: it does not end by itself. */
  to: Date | null
  state: 'taken' | 'held' | 'blocked'
  /** Of a booking. */
  reservationId: string | null
}

const instant = (at: Date) => sql`${at.toISOString()}::timestamptz`

/** All that takes any of the time, by its beginning, and at most so much. */
export async function selectOccupied(
  tx: TenantTransaction,
  { spaceId, from, to, now, limit }: TimeAtSpace & { now: number; limit: number },
): Promise<Occupied[]> {
  const rows = await tx.execute<{
    from_ms: string
    to_ms: string | null
    state: Occupied['state']
    id: string | null
  }>(sql`
    select extract(epoch from starts_at) * 1000 as from_ms, extract(epoch from ends_at) * 1000 as to_ms,
      case state when 'pending' then 'held' else 'taken' end as state, id
    from reservations
    where tenant_id = ${tx.tenantId} and space_id = ${spaceId} and state in ('pending', 'confirmed', 'active')
      and starts_at < ${instant(to)} and ends_at > ${instant(from)}
      and (state <> 'pending' or hold_expires_at > ${instant(new Date(now))})
    union all
    select extract(epoch from starts_at) * 1000, extract(epoch from ends_at) * 1000, 'blocked', null
    from overrides
    where tenant_id = ${tx.tenantId} and space_id = ${spaceId} and ended_at is null
      and starts_at < ${instant(to)} and (ends_at is null or ends_at > ${instant(from)})
    order by 1 limit ${limit}`)
  return rows.map(({ from_ms: begins, to_ms: ends, state, id }) => ({
    from: new Date(Number(begins)),
    to: ends === null ? null : new Date(Number(ends)),
    state,
    reservationId: id,
  }))
}

export async function hasSpace(tx: TenantTransaction, spaceId: string): Promise<boolean> {
  const found = await tx
    .select({ id: spaces.id })
    .from(spaces)
    .where(and(eq(spaces.tenantId, tx.tenantId), eq(spaces.id, spaceId), isNull(spaces.archivedAt)))
  return found.length > 0
}
