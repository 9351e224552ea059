import { readingsIn, sizeOf, type Received, type Size } from './message.ts'
import { settle, type Settled, type SettleContext } from './settle.ts'

export interface LaneOptions {
  readonly context: SettleContext
  /** In one batch, unless a single message has more. */
  readonly mostReadings: number
  readonly mostBytes: number
  /** What became of a batch; whatever was committed may be acknowledged now. */
  readonly onSettled: (settled: Settled, size: Size) => void
  /** Not to be committed any more: the rights of its sender ended while it waited. */
  readonly onRevoked: (received: Received) => void
}

/**
 * Commits what it is given, in order, one batch at a time: what arrives while one is in flight makes the next, so
 * that batches grow with the load and need no timer.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #waiting: Received[] = []
  #running: Promise<void> | undefined

  constructor(options: LaneOptions) {
    this.#options = options
  }

  add(received: Received): void {
    this.#waiting.push(received)
    this.#running ??= this.#run()
  }

  /** Resolves when nothing waits any more, or the context's signal was given. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Takes back all that waits. */
  drain(): Received[] {
    return this.#waiting.splice(0)
  }

  async #run(): Promise<void> {
    const { context, onSettled } = this.#options
    // What arrives in the same turn of the event loop belongs together.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0 && !context.signal.aborted) {
      const batch = this.#withoutRevoked(this.#nextBatch())
      if (batch.length === 0) continue
      const stopTimer = context.metrics.commitSeconds.startTimer()
      // oxlint-disable-next-line no-await-in-loop -- the next batch is made of what arrives meanwhile
      const settled = await settle(batch, context)
      stopTimer()
      onSettled(settled, sizeOf(batch))
    }
    this.#running = undefined
  }

  #withoutRevoked(batch: Received[]): Received[] {
    if (!batch.some(isRevoked)) return batch
    for (const received of batch) if (isRevoked(received)) this.#options.onRevoked(received)
    return batch.filter((received) => !isRevoked(received))
  }

  #nextBatch(): Received[] {
    const { mostReadings, mostBytes } = this.#options
    let readings = 0
    let bytes = 0
    const end = this.#waiting.findIndex((received) => {
      readings += Math.max(1, readingsIn(received))
      bytes += received.delivery.payload.length
      return readings > mostReadings || bytes > mostBytes
    })
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(1, end))
  }
}

/** Messages of one topic go through one lane. */
export function laneOf(topic: string, lanes: number): number {
  let hash = 0
  for (let index = 0; index < topic.length; index++) hash = (Math.imul(hash, 31) + topic.charCodeAt(index)) | 0
  return (hash >>> 0) % lanes
}

function isRevoked({ delivery }: Received): boolean {
  return delivery.sender?.revoked === true
}
