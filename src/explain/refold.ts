import type { Input, ReadingInput } from '../occupancy/input.ts'
import { sensorTimeoutS } from '../occupancy/freshness.ts'
import type { Policy } from '../occupancy/policy.ts'
import { evidenceWord, initialState, type SpaceState } from '../occupancy/state.ts'
import { step, type Step } from '../occupancy/step.ts'
import type { EventOfSpace } from '../store/explain-events.ts'
import type { RecordedState } from '../store/events.ts'
import type { HeardReading } from '../store/explain-readings.ts'
import { sourcesOf, withoutProgress, type Learned } from './heartbeats.ts'

/**
 * The state machine from the middle of a log on. Pure.
 *
 * After a reading that changed or confirmed what the space held, the evidence part of the state follows from that reading
 * alone (rules O4 to O6): so a fold may begin at any such reading, an anchor, and need not know what came before. What the log
 * recorded of a reading (its evidence time and clock, and whether it was newer) is taken as it is: that is what
 * decided, and judging it again would need the progress of all devices.
 */

/** A reading that had reached the state machine. */
export type SteppedReading = HeardReading & {
  inputSeq: number
  policyVersion: number
  rulesVersion: number
  observedAt: number
  occupied: boolean
  device: string
}

export function isStepped(reading: HeardReading): reading is SteppedReading {
  return reading.inputSeq !== null && reading.observedAt !== null && reading.device !== null
}

export function isAnchor(reading: HeardReading): reading is SteppedReading {
  return isStepped(reading) && (reading.outcome === 'applied' || reading.outcome === 'unchanged')
}

/** What the calendar and the events before it add to an anchor. */
export interface Surroundings {
  readonly policy: Policy
  /** The last event up to the anchor, its own included; undefined where that was dropped with its day. */
  readonly event: EventOfSpace | undefined
  readonly reservation: Pick<SpaceState['reservation'], 'id' | 'checkedIn'>
  /** What heartbeats had taught up to the anchor, that included. */
  readonly learned: Learned['before']
  /** Where no event is kept: what a checkpoint says. */
  readonly earlier: SpaceState
}

export function stateAfterAnchor(
  anchor: SteppedReading,
  { policy, event, reservation, learned, earlier }: Surroundings,
): SpaceState {
  const newest = evidenceOf(anchor)
  const timeoutS = sensorTimeoutS(policy.learn_freshness ? learned.get(anchor.device) : undefined, policy)
  const state: SpaceState = {
    ...initialState,
    sources: sourcesOf(learned),
    facts: { occupancy: anchor.occupied ? 'occupied' : 'vacant', stale: false, candidate: null, since: null },
    newest,
    staleAt: newest.at + timeoutS * 1000,
    unknownAt: newest.at + policy.unknown_after_s * 1000,
  }
  if (event === undefined) {
    const { reservation: reserved, override, calendarSince, version } = earlier
    const facts = { ...state.facts, since: earlier.facts.since }
    return { ...state, facts, reservation: reserved, override, calendarSince, version }
  }
  const { state: shown } = event
  const since = shown.since === null ? null : Date.parse(shown.since)
  const covered = shown.override !== 'none' || shown.reservation !== 'none'
  return {
    ...state,
    facts: { ...state.facts, since: covered ? null : since },
    reservation: { fact: shown.reservation, ...reservation },
    override: shown.override,
    calendarSince: since,
    version: shown.version,
  }
}

export function evidenceOf({ observedAt, session, device, counter }: SteppedReading) {
  return { at: observedAt, session: session ?? '', device, counter }
}

/** Steps a reading with the evidence time that it was given when it came. */
export function stepReading(
  state: SpaceState,
  { reading, heartbeat, policy }: { reading: SteppedReading; heartbeat: boolean; policy: Policy },
): Step {
  const { id, part, occupied, session, counter, device, observedAt, receivedAt } = reading
  const own = reading.clock === 'device'
  const input: ReadingInput = {
    kind: 'reading',
    id,
    part,
    device,
    occupied,
    session,
    counter,
    heartbeat,
    at: own ? observedAt : null,
    // Without a time of its own the arrival is the evidence time; a trusted one is not ahead of anything.
    receivedAt: own ? Math.max(receivedAt, observedAt) : observedAt,
  }
  return stepOther({ ...state, sources: withoutProgress(state.sources) }, input, policy)
}

export function stepOther(state: SpaceState, input: Input, policy: Policy): Step {
  return step(state, input, policy)
}

/**
 * The state with what was recorded to have been shown. Where the fold comes to the same, as it does by the rules that decided
 * then, it is the same object; else what was shown is true, and the fold knows the rest of it only.
 */
export function asRecorded(state: SpaceState, shown: RecordedState, reservation: string | null): SpaceState {
  const { facts } = state
  const isSameEvidence = facts.occupancy === shown.occupancy && facts.stale === shown.stale
  const isSameCalendar = state.reservation.fact === shown.reservation && state.override === shown.override
  if (isSameEvidence && isSameCalendar && state.version === shown.version) return state
  const candidate = facts.candidate?.occupancy === shown.occupancy ? null : facts.candidate
  const fact = shown.reservation
  return {
    ...state,
    facts: isSameEvidence ? facts : { ...facts, occupancy: shown.occupancy, stale: shown.stale, candidate },
    reservation:
      state.reservation.fact === fact
        ? state.reservation
        : fact === 'none'
          ? initialState.reservation
          : { fact, id: state.reservation.id ?? reservation, checkedIn: state.reservation.checkedIn },
    override: shown.override,
    version: shown.version,
  }
}

/** What is seen of the evidence alone: to compare two folds. */
export function sameEvidence(a: SpaceState, b: SpaceState): boolean {
  const other = seenOf(b)
  return seenOf(a).every((value, index) => value === other[index])
}

function seenOf({ facts }: SpaceState): readonly unknown[] {
  const { occupancy, stale, candidate } = facts
  return [occupancy, evidenceWord(facts), stale, candidate?.occupancy, candidate?.since, candidate?.readings]
}
