import type { Policy } from './policy.ts'
import type { Candidate } from './state.ts'

/**
 * One more reading of an occupancy that is not held: the candidate with it taken in, and whether that confirms it (rules O6
 * and O7). Shared by the state machine and the projection of parking sessions.
 */
export function debounce(
  candidate: Candidate | null,
  { occupancy, at, policy }: { occupancy: 'vacant' | 'occupied'; at: number; policy: Policy },
): { held: Candidate; confirmed: boolean } {
  const rule = policy.debounce
  if (rule === null || rule.hold_s === 0) {
    return { held: { occupancy, since: at, readings: 1, confirmAt: at }, confirmed: true }
  }
  const held: Candidate =
    candidate?.occupancy === occupancy
      ? { ...candidate, readings: candidate.readings + 1 }
      : { occupancy, since: at, readings: 1, confirmAt: at + Math.round(rule.hold_s * 1000) }
  return { held, confirmed: held.readings >= rule.readings }
}
