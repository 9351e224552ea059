/**
 * The load, as a process of its own: it publishes readings as gateways do and counts their acknowledgements.
 * It does what the messages of its parent say, one at a time, and answers each with a tally.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { answerOrders } from '../helper.ts'
import { GatewayConnection, type Gateway } from './gateway.ts'

export type Order =
  | { order: 'connect'; port: number; gateways: Gateway[]; window: number }
  /** As much as is acknowledged: the windows are kept full. */
  | { order: 'saturate' }
  /** Up to so many in all since it connected. */
  | { order: 'offer'; upTo: number }
  | { order: 'pace'; perSecond: number }
  /** From now on, latencies count of what is due from now on. */
  | { order: 'measure' }
  /** Sends what is due so far and nothing more, and answers when all is acknowledged: of what was measured, too. */
  | { order: 'finish' }
  | { order: 'tally' }
  /** Sends nothing more, not even what is due, and answers when all is acknowledged. */
  | { order: 'stop' }

export interface Tally {
  published: number
  acknowledged: number
  /** From when a reading was due to be sent until its PUBACK; null where none was acknowledged. */
  p50Ms: number | null
  p99Ms: number | null
}

const paceTickMs = 2
/** While a broker is kept supplied. */
const napMs = 2
const stopPollMs = 5
const mostStopMs = 60_000

class Generator {
  readonly #latencyUs: RecordableHistogram = createHistogram()
  #gateways: GatewayConnection[] = []
  #saturating = false
  #napping: NodeJS.Immediate | undefined
  #pacing: NodeJS.Timeout | undefined
  /** Readings that are due and wait for room, oldest first, with when the first of them was, and how far apart they are. */
  #due: { count: number; at: number; everyMs: number }[] = []
  #turn = 0
  #measuredFrom = 0
  /** How many were given to be sent in all, sent or due. */
  #offered = 0

  async obey(order: Order): Promise<Tally> {
    switch (order.order) {
      case 'connect':
        await this.#connect(order)
        break
      case 'saturate':
        this.#halt()
        this.#saturating = true
        for (const gateway of this.#gateways) this.#refill(gateway)
        break
      case 'offer':
        this.#offer(order.upTo)
        break
      case 'pace':
        this.#halt()
        this.#pace(order.perSecond)
        break
      case 'measure':
        this.#latencyUs.reset()
        this.#measuredFrom = performance.now()
        break
      case 'finish':
        clearInterval(this.#pacing)
        await this.#allAcknowledged()
        break
      case 'stop':
        this.#halt()
        await this.#allAcknowledged()
        break
      case 'tally':
        break
    }
    return this.#tally()
  }

  async #connect({ port, gateways, window }: Extract<Order, { order: 'connect' }>): Promise<void> {
    const options = {
      port,
      window,
      onAcknowledged: (dueAt: number, now: number) => {
        if (dueAt >= this.#measuredFrom) this.#latencyUs.record(Math.max(1, Math.round((now - dueAt) * 1000)))
      },
      onRoom: (gateway: GatewayConnection) => this.#refill(gateway),
    }
    this.#gateways = await Promise.all(gateways.map((gateway) => GatewayConnection.open(gateway, options)))
  }

  #refill(gateway: GatewayConnection): void {
    if (this.#saturating && gateway.room > 0) gateway.send(gateway.room, performance.now())
    else if (this.#due.length > 0) this.#sendDue()
  }

  #offer(upTo: number): void {
    if (upTo <= this.#offered) return
    this.#due.push({ count: upTo - this.#offered, at: performance.now(), everyMs: 0 })
    this.#offered = upTo
    this.#nap()
    this.#sendDue()
  }

  /**
   * Looks at its sockets once in a while instead of being woken for each acknowledgement, which takes the processor from who is
   * measured. Not where latencies are.
   */
  #nap(): void {
    const cell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    const turn = () => {
      Atomics.wait(cell, 0, 0, napMs)
      this.#napping = setImmediate(turn)
    }
    this.#napping ??= setImmediate(turn)
  }

  /** What is due is counted from the start, so that a late tick or a full window lowers no rate and hides no wait. */
  #pace(perSecond: number): void {
    const startedAt = performance.now()
    const everyMs = 1000 / perSecond
    let counted = 0
    this.#pacing = setInterval(() => {
      const until = Math.floor((performance.now() - startedAt) / everyMs)
      if (until > counted) this.#due.push({ count: until - counted, at: startedAt + counted * everyMs, everyMs })
      counted = until
      this.#sendDue()
    }, paceTickMs)
  }

  #sendDue(): void {
    let full = 0
    while (full < this.#gateways.length) {
      const [due] = this.#due
      if (due === undefined) return
      const gateway = this.#gateways[this.#turn] as GatewayConnection
      this.#turn = (this.#turn + 1) % this.#gateways.length
      // Spread over the gateways, at least a few at a time.
      const share = Math.max(1, Math.ceil(due.count / this.#gateways.length))
      const count = Math.min(due.count, share, gateway.room)
      if (count === 0) full++
      else {
        full = 0
        gateway.send(count, due.at)
        due.count -= count
        due.at += count * due.everyMs
        if (due.count === 0) this.#due.shift()
      }
    }
  }

  #halt(): void {
    this.#saturating = false
    clearImmediate(this.#napping)
    this.#napping = undefined
    clearInterval(this.#pacing)
    this.#due = []
    this.#offered = this.#published()
  }

  async #allAcknowledged(): Promise<void> {
    const deadline = performance.now() + mostStopMs
    while (this.#due.length > 0 || this.#gateways.some((gateway) => gateway.acknowledged < gateway.published)) {
      if (performance.now() > deadline) throw new Error('the broker does not acknowledge what was published')
      // oxlint-disable-next-line no-await-in-loop -- a poll
      await new Promise((resolve) => setTimeout(resolve, stopPollMs))
    }
  }

  #published(): number {
    return this.#gateways.reduce((sum, gateway) => sum + gateway.published, 0)
  }

  #tally(): Tally {
    const percentile = (percent: number) =>
      this.#latencyUs.count === 0 ? null : this.#latencyUs.percentile(percent) / 1000
    return {
      published: this.#published(),
      acknowledged: this.#gateways.reduce((sum, gateway) => sum + gateway.acknowledged, 0),
      p50Ms: percentile(50),
      p99Ms: percentile(99),
    }
  }
}

const generator = new Generator()
answerOrders((order: Order) => generator.obey(order))
