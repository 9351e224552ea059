import { setTimeout } from 'node:timers/promises'
import type { Delivery } from './delivery.ts'

/** What to do, once, when the receiver is done with the delivery of that packet id. */
export interface Settling {
  acknowledge(messageId: number): void
  giveUp(messageId: number): void
}
export type Delivered = Omit<Delivery, 'acknowledge' | 'giveUp'>

/** The deliveries of one door that are neither acknowledged nor given up. */
export class InFlight {
  #count = 0
  #onEmpty: (() => void) | undefined

  /** Counts one delivery until it is settled; of all calls only the first has an effect. */
  track(delivered: Delivered, settling: Settling, messageId: number): Delivery {
    this.#count++
    return new Tracked(delivered, settling, messageId, this.#onSettled)
  }

  readonly #onSettled = (): void => {
    if (--this.#count === 0) this.#onEmpty?.()
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

/** An object of one shape for each message, because there are many of them and they wait for a COMMIT. */
class Tracked implements Delivery {
  readonly topic: string
  readonly payload: Buffer
  readonly receivedAtMs: number
  readonly retained: boolean
  readonly retainStripped: boolean
  readonly duplicate: boolean
  readonly sender: { readonly revoked: boolean } | undefined
  readonly #messageId: number
  readonly #onSettled: () => void
  #settling: Settling | undefined

  // oxlint-disable-next-line max-params -- another object for each message would cost what this one saves
  constructor(delivered: Delivered, settling: Settling, messageId: number, onSettled: () => void) {
    this.topic = delivered.topic
    this.payload = delivered.payload
    this.receivedAtMs = delivered.receivedAtMs
    this.retained = delivered.retained
    this.retainStripped = delivered.retainStripped ?? false
    this.duplicate = delivered.duplicate
    this.sender = delivered.sender
    this.#settling = settling
    this.#messageId = messageId
    this.#onSettled = onSettled
  }

  acknowledge(): void {
    const settling = this.#settled()
    if (settling === undefined) return
    settling.acknowledge(this.#messageId)
    this.#onSettled()
  }

  giveUp(): void {
    const settling = this.#settled()
    if (settling === undefined) return
    settling.giveUp(this.#messageId)
    this.#onSettled()
  }

  #settled(): Settling | undefined {
    const settling = this.#settling
    this.#settling = undefined
    return settling
  }
}
