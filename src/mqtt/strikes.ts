import { LRUCache } from 'lru-cache'

export interface StrikeRule {
  /** So many within `windowMs` are borne; the next one blocks for `blockMs`. */
  borne: number
  windowMs: number
  blockMs: number
  /** Keys remembered at most; the one not struck for longest is forgotten. */
  keys: number
}

interface Count {
  strikes: number
  sinceMs: number
  blockedUntilMs: number
}

/** Counts what should not happen too often, by key, and says who is blocked for it. Bounded in memory. */
export class Strikes {
  readonly #rule: StrikeRule
  readonly #now: () => number
  readonly #counts: LRUCache<string, Count>

  /** @param now milliseconds of a clock that only goes forward */
  constructor(rule: StrikeRule, now: () => number) {
    this.#rule = rule
    this.#now = now
    this.#counts = new LRUCache({ max: rule.keys })
  }

  blocked(key: string): boolean {
    const count = this.#counts.get(key)
    return count !== undefined && this.#now() < count.blockedUntilMs
  }

  /** A strike of somebody who is blocked does not make the block longer. */
  strike(key: string): void {
    const now = this.#now()
    const { borne, windowMs, blockMs } = this.#rule
    const known = this.#counts.get(key)
    if (known !== undefined && now < known.blockedUntilMs) return
    const count = known !== undefined && isRunning(known, now, windowMs) ? known : fresh(now)
    count.strikes += 1
    if (count.strikes > borne) count.blockedUntilMs = now + blockMs
    this.#counts.set(key, count)
  }
}

function isRunning({ sinceMs, blockedUntilMs }: Count, now: number, windowMs: number): boolean {
  return blockedUntilMs === 0 && now - sinceMs < windowMs
}

function fresh(now: number): Count {
  return { strikes: 0, sinceMs: now, blockedUntilMs: 0 }
}
