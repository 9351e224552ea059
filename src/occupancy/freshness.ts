import type { Clock } from './evidence.ts'
import type { Policy } from './policy.ts'

/**
 * How long a sensor may be silent before its space is stale. One that says of its readings which are heartbeats shows by
 * them how often it speaks when nothing happens: then its own interval decides, else the policy. A sensor that reports changes
 * alone is silent at night and not broken, so that other readings teach nothing.
 */
export interface Heartbeats {
  /** Time of the last one. */
  readonly at: number
  /** The last intervals between two of them, in seconds, the oldest first. */
  readonly intervals: readonly number[]
}

/** With fewer intervals the policy decides. */
const intervalsNeeded = 8
const intervalsKept = 20
/** A heartbeat may come late by half its interval. */
const margin = 1.5
/** Nobody is called lost for a few minutes, however often they speak. */
const leastSeconds = 300
/** What has the time of its arrival and came sooner behind the last was held up with it, and shows no interval. */
const burstSeconds = 60

interface Heard {
  /** Evidence time, and the clock that gave it. */
  at: number
  clock: Clock
  heartbeat: boolean
  policy: Policy
}

/** What is known of a device's heartbeats with a reading of it taken in, that is newer than those before. */
export function withHeartbeat(
  known: Heartbeats | undefined,
  { at, clock, heartbeat, policy }: Heard,
): Heartbeats | undefined {
  if (!policy.learn_freshness) return undefined
  if (!heartbeat || (known !== undefined && at <= known.at)) return known
  if (known === undefined) return { at, intervals: [] }
  const seconds = Math.ceil((at - known.at) / 1000)
  const wasAway = seconds > policy.unknown_after_s
  const wasHeldUp = clock !== 'device' && seconds < burstSeconds
  if (wasAway || wasHeldUp) return { at, intervals: known.intervals }
  const { intervals } = known
  if (intervals.length < intervalsKept) return { at, intervals: [...intervals, seconds] }
  return { at, intervals: intervals.map((_, index) => intervals[index + 1] ?? seconds) }
}

/** Whether it is as much as is ever known: what came before makes no difference any more. */
export function isFullyLearned({ intervals }: Heartbeats): boolean {
  return intervals.length === intervalsKept
}

/** Never longer than what makes its occupancy unknown, and, as with the policy's own, no shorter than a change waits. */
export function sensorTimeoutS(heartbeats: Heartbeats | undefined, policy: Policy): number {
  if (heartbeats === undefined || heartbeats.intervals.length < intervalsNeeded) return policy.sensor_timeout_s
  const interval = upperOf(heartbeats.intervals)
  const least = Math.max(Math.min(leastSeconds, policy.sensor_timeout_s), Math.ceil(policy.debounce?.hold_s ?? 0))
  return Math.min(Math.max(Math.ceil(interval * margin), least), policy.unknown_after_s)
}

/** Their 95th percentile: of fewer than all that are kept the longest, of all of them the one below it, for one may be an outlier. */
function upperOf(intervals: readonly number[]): number {
  let longest = 0
  let second = 0
  for (const interval of intervals) {
    if (interval > longest) {
      second = longest
      longest = interval
    } else if (interval > second) second = interval
  }
  return intervals.length < intervalsKept ? longest : second
}
