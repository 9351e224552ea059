import type { Explanation, ExplainedSpace } from '../../administration/space-detail.ts'
import type { Space } from '../../store/spaces.ts'
import { overrideToBody } from './override-body.ts'

/** Spaces as the API answers them: the names and times of the API. */
export function spaceToBody(space: Space) {
  const { id, siteId, zoneId, code, name, level, lat, lon, planX, planY, features, createdAt, state } = space
  const { since, observedAt, ...facts } = state
  return {
    id,
    site_id: siteId,
    zone_id: zoneId,
    code,
    name,
    level,
    lat,
    lon,
    plan_x: planX,
    plan_y: planY,
    features,
    created_at: createdAt.toISOString(),
    state: { ...facts, since: since?.toISOString() ?? null, observed_at: observedAt?.toISOString() ?? null },
  }
}

export function explainedToBody({ space, why }: ExplainedSpace) {
  return { ...spaceToBody(space), why: why && whyToBody(why) }
}

function whyToBody(why: Explanation) {
  const { evidence, candidate, override, nextDeadline, lastEvent } = why
  return {
    decided_by: why.decidedBy,
    because: why.because,
    evidence: evidence && { observed_at: timeOf(evidence.at), device: evidence.device },
    candidate: candidate && {
      occupancy: candidate.occupancy,
      since: timeOf(candidate.since),
      readings: candidate.readings,
      confirm_at: timeOf(candidate.confirmAt),
    },
    stale_at: why.staleAt === null ? null : timeOf(why.staleAt),
    unknown_at: why.unknownAt === null ? null : timeOf(why.unknownAt),
    override: override && overrideToBody(override),
    policy_version: why.policyVersion,
    policy: why.policy,
    next_deadline: nextDeadline && { deadline: nextDeadline.deadline, at: timeOf(nextDeadline.at) },
    last_event: lastEvent && {
      kind: lastEvent.kind,
      event_time: lastEvent.eventTime.toISOString(),
      recorded_at: lastEvent.recordedAt.toISOString(),
      cause: lastEvent.cause,
      rule: lastEvent.rule,
    },
  }
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
