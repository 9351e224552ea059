import type { RecordedEvent } from '../store/events.ts'

export type OnEvents = (events: readonly RecordedEvent[]) => void

export interface FeedOptions {
  /** The position that it begins behind. */
  position: number
  /** The next events behind a position, in order; fewer than a whole page where there are no more. */
  read: (after: number) => Promise<readonly RecordedEvent[]>
  pageSize: number
  /** A read failed, and is tried again when the feed is next woken; or one who listens threw, which is their own affair. */
  onTrouble: (error: unknown) => void
}

/**
 * The events of one tenant as they are committed, read once for all who listen: every event once, in the order of the
 * commits. Woken by whoever heard of a commit, and from time to time by a clock: a wake that is lost delays, and nothing else.
 */
export class Feed {
  readonly #options: FeedOptions
  readonly #listeners = new Set<OnEvents>()
  #position: number
  #reading: Promise<void> | undefined
  #woken = false
  #closed = false

  constructor(options: FeedOptions) {
    this.#options = options
    this.#position = options.position
  }

  /** Of the last event that was handed over. Whoever listens from now on gets all behind it. */
  get position(): number {
    return this.#position
  }

  get listeners(): number {
    return this.#listeners.size
  }

  /** Calls back with what is committed from here on; `position` and this, in one tick, leave no gap. */
  listen(onEvents: OnEvents): () => void {
    this.#listeners.add(onEvents)
    return () => this.#listeners.delete(onEvents)
  }

  /** Something may have been committed: reads until there is nothing more. Never rejects. */
  async wake(): Promise<void> {
    this.#woken = true
    this.#reading ??= this.#readAll()
    await this.#reading
  }

  /** Nobody is called back any more. */
  close(): void {
    this.#closed = true
    this.#listeners.clear()
  }

  async #readAll(): Promise<void> {
    try {
      while (this.#woken && !this.#closed) {
        this.#woken = false
        // oxlint-disable-next-line no-await-in-loop -- page after page
        const events = await this.#options.read(this.#position)
        if (events.length >= this.#options.pageSize) this.#woken = true
        this.#handOver(events)
      }
    } catch (error) {
      this.#options.onTrouble(error)
    } finally {
      // In the tick of the last look at `#woken`: a wake from here on begins anew, and none falls between.
      this.#reading = undefined
    }
  }

  #handOver(events: readonly RecordedEvent[]): void {
    const last = events.at(-1)
    if (last === undefined || this.#closed) return
    this.#position = last.position
    for (const onEvents of this.#listeners) {
      try {
        onEvents(events)
      } catch (error) {
        this.#options.onTrouble(error)
      }
    }
  }
}
