import type { Override } from '../../store/overrides.ts'

export function overrideToBody(override: Override) {
  const { id, spaceId, kind, reason, startsAt, endsAt, endedAt, createdBy } = override
  return {
    id,
    space_id: spaceId,
    kind,
    reason,
    starts_at: startsAt.toISOString(),
    ends_at: endsAt?.toISOString() ?? null,
    ended_at: endedAt?.toISOString() ?? null,
    created_by: createdBy,
  }
}
