import type { Interval } from '../../reservations/intervals.ts'
import type { Reservation } from '../../store/reservations.ts'

export function reservationToBody(reservation: Reservation) {
  const { id, spaceId, space, siteId, state, startsAt, endsAt, holderKind, holderId, vehicle, features } = reservation
  const { holdExpiresAt, checkedInAt, checkedOutAt, contestedAt, overstayedAt, endedAt, createdAt } = reservation
  return {
    id,
    space_id: spaceId,
    space,
    site_id: siteId,
    state,
    start: startsAt.toISOString(),
    end: endsAt.toISOString(),
    holder: `${holderKind}:${holderId}`,
    vehicle,
    features,
    hold_expires_at: rfc3339(holdExpiresAt),
    checked_in_at: rfc3339(checkedInAt),
    checked_out_at: rfc3339(checkedOutAt),
    contested_at: rfc3339(contestedAt),
    overstayed_at: rfc3339(overstayedAt),
    ended_at: rfc3339(endedAt),
    created_at: createdAt.toISOString(),
  }
}

export function intervalToBody({ from, to, state, reservationId }: Interval) {
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    state,
    ...(reservationId === null ? {} : { reservation_id: reservationId }),
  }
}

function rfc3339(at: Date | null): string | null {
  return at?.toISOString() ?? null
}
