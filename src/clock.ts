/** Where "now" comes from. Only composition roots choose `systemClock`; tests inject their own. */
export interface Clock {
  /** Milliseconds since the epoch, by the wall clock. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }
