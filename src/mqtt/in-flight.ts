import { setTimeout } from 'node:timers/promises'
import type { Delivery } from './delivery.ts'

type Settling = Pick<Delivery, 'acknowledge' | 'giveUp'>

/** The deliveries of one door that are neither acknowledged nor given up. */
export class InFlight {
  #count = 0
  #onEmpty: (() => void) | undefined

  /** Counts one delivery until either is called; of all calls only the first has an effect. */
  track({ acknowledge, giveUp }: Settling): Settling {
    this.#count++
    let settled = false
    const once = (action: () => void) => () => {
      if (settled) return
      settled = true
      action()
      if (--this.#count === 0) this.#onEmpty?.()
    }
    return { acknowledge: once(acknowledge), giveUp: once(giveUp) }
  }

  /** Resolves when nothing is in flight, or when `patienceMs` are over. */
  async emptyWithin(patienceMs: number): Promise<void> {
    const patience = new AbortController()
    const over = setTimeout(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined)
    await Promise.race([this.empty(), over])
    patience.abort()
  }

  /** Resolves when nothing is in flight. One may wait for it at a time. */
  async empty(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve))
  }
}
