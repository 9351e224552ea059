import type { Heartbeats } from './freshness.ts'
import type { ReadingInput } from './input.ts'
import type { Policy } from './policy.ts'
import type { Evidence, Source, SpaceState } from './state.ts'

/**
 * Order and trust (DESIGN.md section 1, "Identity and order"): where a reading stands among the evidence of its
 * space, and by which clock.
 */

/**
 * `device` trusted as sent; `arrival` none was sent; `ahead` of ours by more than the policy allows;
 * `backwards` a higher counter of the same session with an older time; `backwards_elsewhere` likewise, by the
 * evidence of the space where the device stood before.
 */
export type Clock = 'device' | 'arrival' | 'ahead' | 'backwards' | 'backwards_elsewhere'

export interface Place {
  readonly clock: Clock
  readonly evidence: Evidence
  readonly newer: boolean
  /** Its identity must be looked up before it may reach `step`: it could have been there before. */
  readonly mustLookUp: boolean
}

/** How many devices' progress a space remembers; beyond it the one silent longest is forgotten. */
const sourcesKept = 16

export function sourceOf({ sources }: SpaceState, device: string): Source | undefined {
  for (const source of sources) if (source.device === device) return source
  return undefined
}

/** The progress that a reading's device made in the reading's own session, where both count. */
function countedProgress(source: Source | undefined, reading: ReadingInput): number | undefined {
  if (source === undefined || source.session !== (reading.session ?? '')) return undefined
  return reading.counter === null ? undefined : (source.counter ?? undefined)
}

export function runsBackwards(source: Source | undefined, reading: ReadingInput): boolean {
  const progress = countedProgress(source, reading)
  if (source === undefined || progress === undefined || reading.counter === null || reading.at === null) return false
  return reading.counter > progress && reading.at < source.at
}

export function isAhead(reading: Pick<ReadingInput, 'at' | 'receivedAt'>, policy: Policy): boolean {
  return reading.at !== null && reading.at > reading.receivedAt + policy.max_clock_skew_s * 1000
}

/** Whether its device has sent such times while they were ahead of ours. */
function mayHaveBeenAhead(source: Source | undefined, { at }: ReadingInput): boolean {
  return source !== undefined && source.aheadUntil !== null && at !== null && at <= source.aheadUntil
}

/**
 * A time that was ahead when the device sent it comes within the allowed skew by waiting: delivered again, it is
 * trusted no more than before, whichever sessions came in between. A higher counter shows that the device has gone on
 * since.
 */
function wasAhead(source: Source | undefined, reading: ReadingInput): boolean {
  if (!mayHaveBeenAhead(source, reading)) return false
  const progress = countedProgress(source, reading)
  return progress === undefined || reading.counter === null || reading.counter <= progress
}

function clockOf(source: Source | undefined, reading: ReadingInput, policy: Policy): Clock {
  if (reading.at === null) return 'arrival'
  if (isAhead(reading, policy) || wasAhead(source, reading)) return 'ahead'
  if (reading.clockBackwardsElsewhere === true) return 'backwards_elsewhere'
  return runsBackwards(source, reading) ? 'backwards' : 'device'
}

export function placeInOrder(state: SpaceState, reading: ReadingInput, policy: Policy): Place {
  const { device, counter } = reading
  const session = reading.session ?? ''
  const source = sourceOf(state, device)
  const clock = clockOf(source, reading, policy)
  const progress = countedProgress(source, reading)
  const behind = progress !== undefined && counter !== null && counter <= progress
  if (clock === 'device') {
    const evidence = { at: reading.at ?? reading.receivedAt, session, device, counter }
    const newer = isNewer(evidence, state.newest)
    // A counter that the session has passed may have been taken under another clock; so may a time once ahead, where
    // the session has been left and come back to since, and its progress with it.
    return { clock, evidence, newer, mustLookUp: !newer || behind || mayHaveBeenAhead(source, reading) }
  }
  if (behind) {
    // The counter alone decides within a session; there is no time of its own to tell when it was.
    const at = state.newest?.at ?? reading.receivedAt
    return { clock, evidence: { at, session, device, counter }, newer: false, mustLookUp: true }
  }
  // A higher counter is newer than its own session even where our clock stepped back in between.
  const at =
    source === undefined || progress === undefined ? reading.receivedAt : Math.max(reading.receivedAt, source.at)
  const evidence = { at, session, device, counter }
  return { clock, evidence, newer: isNewer(evidence, state.newest) || isNext(evidence, state.newest), mustLookUp: true }
}

/** Two readings that have nothing but the same arrival follow each other as they were taken. */
function isNext(a: Evidence, b: Evidence | null): boolean {
  return a.counter === null && b?.counter === null && a.at === b.at && a.session === b.session && a.device === b.device
}

/** Whether `a` comes after `b`. Total but for equal places, which are not newer than each other. */
export function isNewer(a: Evidence, b: Evidence | null): boolean {
  if (b === null) return true
  if (a.at !== b.at) return a.at > b.at
  if (a.session !== b.session) return a.session > b.session
  if (a.device !== b.device) return a.device > b.device
  return a.counter !== null && b.counter !== null && a.counter > b.counter
}

/** The sources with this reading taken in: progress only ever goes forward within a session. */
export function withSource(
  state: SpaceState,
  {
    clock,
    evidence: { device, session, counter, at },
    sentAt,
    heartbeats,
  }: Pick<Place, 'clock' | 'evidence'> & { sentAt: number | null; heartbeats: Heartbeats | undefined },
): SpaceState['sources'] {
  const known = sourceOf(state, device)
  const earlier = known?.session === session ? known : undefined
  const source: Source = {
    device,
    session,
    counter: greaterOf(earlier?.counter ?? null, counter),
    at: greaterOf(earlier?.at ?? null, at) ?? at,
    aheadUntil: greaterOf(known?.aheadUntil ?? null, clock === 'ahead' ? sentAt : null),
    heartbeats,
  }
  if (known !== undefined && state.sources.length === 1) return [source]
  if (known !== undefined) return state.sources.map((other) => (other === known ? source : other))
  const sources = [...state.sources, source]
  if (sources.length <= sourcesKept) return sources
  const oldest = sources.reduce((a, b) => (b.at < a.at ? b : a))
  return sources.filter((other) => other !== oldest)
}

function greaterOf(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.max(a, b)
}
