/**
 * How much of something may happen: `perS` a second on average, and `burst` at once after a pause. It holds numbers
 * alone, so that asking it for each message costs a subtraction; the clock is read by whoever refills it.
 */
export interface Rate {
  perS: number
  burst: number
}

export class TokenBucket {
  #rate: Rate
  #tokens: number
  #filledMs: number

  /** Begins full. */
  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#filledMs = nowMs
  }

  /** From now on another rate; what there is stays, as far as it fits. */
  change(rate: Rate, nowMs: number): void {
    this.refill(nowMs)
    this.#rate = rate
    this.#tokens = Math.min(this.#tokens, rate.burst)
  }

  /** @param nowMs by a clock that only goes forward */
  refill(nowMs: number): void {
    const { perS, burst } = this.#rate
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledMs) / 1000) * perS)
    this.#filledMs = nowMs
  }

  /** Whether there was a token; it is taken. */
  take(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** How long after the last refill there is a token again. */
  waitMs(): number {
    return Math.max(0, ((1 - this.#tokens) / this.#rate.perS) * 1000)
  }
}
