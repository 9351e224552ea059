import { debounce } from './debounce.ts'
import { isNewer } from './evidence.ts'
import type { Policy } from './policy.ts'
import type { Candidate, Evidence, EvidenceFacts, Occupancy } from './state.ts'

/**
 * Parking sessions: a projection of the readings in the order of their evidence, so that a late reading corrects
 * them though it never moves the live state. A timer ends none; one with a gap in its evidence longer than
 * `unknown_after` is uncertain. One car may leave in the moment in which the next arrives: that is two sessions, which touch.
 * A session of no length is none.
 */
export interface ParkingSession {
  readonly startedAt: number
  readonly endedAt: number | null
  readonly uncertain: boolean
}

export interface SessionReading {
  readonly evidence: Evidence
  readonly occupied: boolean
  readonly policy: Policy
}

interface Projection {
  sessions: ParkingSession[]
  held: Occupancy
  candidate: Candidate | null
}

/**
 * @param readings in any order; all from one that began a session, or from the first, to the last.
 * @param open the session that was open before them, where the readings that began it are not kept any more
 * @param live what the state machine knows now: a change still unconfirmed at the end counts once nothing waits there,
 *   also where it has been forgotten since: `unknown_after` comes behind the hold, and ends no session.
 */
export function projectSessions(
  readings: readonly SessionReading[],
  live: Pick<EvidenceFacts, 'candidate'>,
  open: ParkingSession | null = null,
): ParkingSession[] {
  const projection: Projection =
    open === null
      ? { sessions: [], held: 'unknown', candidate: null }
      : { sessions: [{ ...open, endedAt: null }], held: 'occupied', candidate: null }
  let earlier: number | undefined
  for (const { evidence, occupied, policy } of readings.toSorted(inOrder)) {
    const { candidate } = projection
    if (candidate !== null && candidate.confirmAt < evidence.at) confirm(projection, candidate)
    if (earlier !== undefined && evidence.at - earlier > policy.unknown_after_s * 1000) markUncertain(projection)
    read(projection, { at: evidence.at, occupancy: occupied ? 'occupied' : 'vacant', policy })
    earlier = evidence.at
  }
  const { candidate } = projection
  if (candidate !== null && live.candidate === null) confirm(projection, candidate)
  return projection.sessions.filter(({ startedAt, endedAt }) => startedAt !== endedAt)
}

interface Read {
  at: number
  occupancy: 'vacant' | 'occupied'
  policy: Policy
}

function read(projection: Projection, { at, occupancy, policy }: Read): void {
  if (projection.held === occupancy) {
    projection.candidate = null
    return
  }
  const { held, confirmed } = debounce(projection.candidate, { occupancy, at, policy })
  if (confirmed) confirm(projection, held)
  else projection.candidate = held
}

function confirm(projection: Projection, { occupancy, since }: Candidate): void {
  projection.held = occupancy
  projection.candidate = null
  const { sessions } = projection
  const last = sessions.at(-1)
  if (occupancy === 'vacant') {
    if (last?.endedAt === null) sessions.splice(-1, 1, { ...last, endedAt: since })
  } else {
    sessions.push({ startedAt: since, endedAt: null, uncertain: false })
  }
}

function markUncertain({ sessions }: Projection): void {
  const last = sessions.at(-1)
  if (last?.endedAt === null) sessions.splice(-1, 1, { ...last, uncertain: true })
}

function inOrder(a: SessionReading, b: SessionReading): number {
  if (isNewer(a.evidence, b.evidence)) return 1
  return isNewer(b.evidence, a.evidence) ? -1 : 0
}
