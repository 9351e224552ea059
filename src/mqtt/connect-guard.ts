/**
 * What stands before the check of a credential, so that whoever tries wrong ones costs little and disturbs nobody:
 * - An address with too many failures is blocked for a while. Its wrong attempts are then refused unasked, but for what
 *   the next two points let through: behind the same address there may be thousands of honest devices.
 * - Who was right before with the same secret is checked at once, blocked or not. The secret is recognised by a digest
 *   under a key that this process made for itself; whether it is still in force the check says.
 * - Anybody else from a blocked address gets one place at a time for all of them, and few may wait; who was wrong there
 *   a few times by one name waits for the end of the block.
 * - An identity that connects, rightly, too often is refused for a while: two devices with one credential would
 *   otherwise take over from each other for ever. Wrong attempts do not count here, or anybody could lock out anybody.
 *
 * Guessing is no concern (secrets have 256 bits). All that is remembered is bounded, and forgotten at a restart.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { addressGroup } from './remote-address.ts'
import { Strikes } from './strikes.ts'
import { Turns } from './turns.ts'

export interface ConnectLimits {
  /** Failures of an address, within as long as a block takes, that are borne. */
  failures: number
  failuresBlockMs: number
  /** Connects of one identity within a minute that are borne. */
  connectsPerMinute: number
  connectsBlockMs: number
}

export interface Attempt {
  /** As the socket has it. */
  address: string
  username: string
  secret: Buffer
}

export type Verdict<T> =
  | { kind: 'granted'; identity: T }
  | { kind: 'wrong' }
  /** Refused unasked: the address failed too often. */
  | { kind: 'blocked' }
  /** Right or wrong, this identity connects too often. */
  | { kind: 'too_often' }
  /** Nobody had time to look. */
  | { kind: 'busy' }

const minuteMs = 60_000
const addressesKept = 50_000
const identitiesKept = 100_000
/** Wrong attempts by one name from a blocked address before that name is not looked at there any more. */
const failuresByName = 3
/** A check is a query and a short hash: more at once would only take the processors from the readings. */
const checksAtOnce = 8
const blockedWaiting = 32

export class ConnectGuard {
  readonly #failures: Strikes
  readonly #failuresByName: Strikes
  readonly #connects: Strikes
  /** Digests of the secrets that were right last, by username. */
  readonly #right = new LRUCache<string, Buffer>({ max: identitiesKept })
  readonly #key = randomBytes(32)
  // Those who wait here are bounded by the number of connections.
  readonly #turns = new Turns({ atOnce: checksAtOnce, waiting: Number.POSITIVE_INFINITY })
  readonly #blockedTurns = new Turns({ atOnce: 1, waiting: blockedWaiting })

  /** @param now milliseconds of a clock that only goes forward */
  constructor(limits: ConnectLimits, now: () => number) {
    const { failures, failuresBlockMs, connectsPerMinute, connectsBlockMs } = limits
    const ofAddress = { windowMs: failuresBlockMs, blockMs: failuresBlockMs, keys: addressesKept }
    // The tenth of ten failures blocks; the sixteenth of fifteen connects does.
    this.#failures = new Strikes({ ...ofAddress, borne: failures - 1 }, now)
    this.#failuresByName = new Strikes({ ...ofAddress, borne: failuresByName - 1, keys: identitiesKept }, now)
    const ofIdentity = { borne: connectsPerMinute, windowMs: minuteMs, blockMs: connectsBlockMs }
    this.#connects = new Strikes({ ...ofIdentity, keys: identitiesKept }, now)
  }

  /**
   * Asks `check`, where the rules above allow it, who this is: undefined when the credential is wrong.
   * Rejects as `check` does; that counts for nothing.
   */
  async judge<T>(attempt: Attempt, check: () => Promise<T | undefined>): Promise<Verdict<T>> {
    if (this.#connects.blocked(attempt.username)) return { kind: 'too_often' }
    const address = addressGroup(attempt.address)
    const name = `${address} ${attempt.username}`
    const digest = this.#digest(attempt)
    const judged = async (): Promise<Verdict<T>> => {
      const identity = await check()
      if (identity === undefined) return this.#wrong({ address, name, attempt, digest })
      return this.#granted(attempt, { digest, identity })
    }
    const verdict = await this.#turns.run(async () => {
      // Only now: of many that came at the same time, the first ones may have been wrong.
      return this.#failures.blocked(address) && !this.#wasRight(attempt, digest) ? undefined : await judged()
    })
    if (verdict !== undefined) return verdict
    if (this.#failuresByName.blocked(name)) return { kind: 'blocked' }
    return (await this.#blockedTurns.run(judged)) ?? { kind: 'busy' }
  }

  #digest({ username, secret }: Attempt): Buffer {
    return createHmac('sha256', this.#key).update(username).update('\0').update(secret).digest()
  }

  #wasRight({ username }: Attempt, digest: Buffer): boolean {
    const right = this.#right.get(username)
    return right !== undefined && timingSafeEqual(right, digest)
  }

  #wrong(failure: { address: string; name: string; attempt: Attempt; digest: Buffer }): { kind: 'wrong' } {
    const { address, name, attempt, digest } = failure
    // It was revoked.
    if (this.#wasRight(attempt, digest)) this.#right.delete(attempt.username)
    this.#failures.strike(address)
    this.#failuresByName.strike(name)
    return { kind: 'wrong' }
  }

  #granted<T>({ username }: Attempt, { digest, identity }: { digest: Buffer; identity: T }): Verdict<T> {
    this.#right.set(username, digest)
    this.#connects.strike(username)
    return this.#connects.blocked(username) ? { kind: 'too_often' } : { kind: 'granted', identity }
  }
}
