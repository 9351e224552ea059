import type { Lane, Message } from './message.ts'
import type { Sender } from './run.ts'

/** One lane while it runs: what is due goes out, as long as the window has room. */
export interface LaneRunOptions {
  lane: Lane
  sender: Sender
  window: number
  durationMs: number
  /** Since the run started. */
  elapsedMs: () => number
  onPublished: () => void
  onAcknowledged: (message: Message) => void
}

/** Longest that a timer of Node may wait is 24 days; this is looked at again sooner. */
const longestWaitMs = 3_600_000

export class LaneRun {
  readonly #options: LaneRunOptions
  readonly #inFlight = new Set<Message>()
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #end: (() => void) | undefined
  #fail: ((error: unknown) => void) | undefined

  constructor(options: LaneRunOptions) {
    this.#options = options
  }

  /** Resolves when the lane is empty, or stopped, and nothing of it is in flight. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#end = resolve
      this.#fail = reject
      this.#pump()
    })
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#pump()
  }

  inFlight(): readonly Message[] {
    return [...this.#inFlight]
  }

  #pump(): void {
    clearTimeout(this.#timer)
    while (this.#inFlight.size < this.#options.window) {
      const waitMs = this.#waitMs()
      if (waitMs === undefined) break
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.min(waitMs, longestWaitMs))
        return
      }
      void this.#send(this.#options.lane.take())
    }
    if (this.#inFlight.size === 0) this.#end?.()
  }

  /** How long the next message waits; undefined where none will be begun any more. */
  #waitMs(): number | undefined {
    const { lane, durationMs, elapsedMs } = this.#options
    const dueMs = lane.nextDueMs()
    if (this.#stopped || dueMs === undefined || dueMs >= durationMs) return undefined
    const elapsed = elapsedMs()
    return elapsed >= durationMs ? undefined : dueMs - elapsed
  }

  async #send(message: Message): Promise<void> {
    const { sender, onPublished, onAcknowledged } = this.#options
    this.#inFlight.add(message)
    onPublished()
    try {
      await sender.publish(message.payload)
      this.#inFlight.delete(message)
      onAcknowledged(message)
      this.#pump()
    } catch (error) {
      this.#fail?.(error)
    }
  }
}
