import { setTimeout as pause } from 'node:timers/promises'
import type { FoundReading } from '../store/reading-search.ts'
import type { ReadingHub, TailedReading, TailReader, Told } from './reading-hub.ts'
import type { SseSink } from './stream-sse.ts'
import type { EndReason } from './stream-sink.ts'
import type { KeptStream, StreamHooks } from './streams.ts'

export interface ReadingStreamOptions extends StreamHooks<ReadingStream> {
  hub: ReadingHub
  sink: Pick<
    SseSink,
    'kind' | 'unsentBytes' | 'events' | 'reset' | 'expiring' | 'caughtUp' | 'heartbeat' | 'drained' | 'end' | 'cut'
  >
  mayFollow: () => Promise<boolean>
  expiresAt?: number | undefined
  wants: (reading: FoundReading) => boolean
  /** As those outside see it: JSON. For all streams of a hub the same. */
  encode: (reading: FoundReading) => string
  /** The cursor that came last, of one who comes back. */
  since: string | undefined
}

/** What a stream is sent in a second on average, and at once after some quiet. */
const perSecond = 300
const mostAtOnce = 1000
const snapshotUrl = '/api/v1/readings'

/**
 * One reader of a tenant's readings as they are committed: each of those that it wants once and in order, or, where they are more
 * than it can be sent, the newest of them and how many it was not sent. It never falls behind. On rights as stream.ts: nothing is
 * sent on what was found out longer than `rightsMs` ago.
 */
export class ReadingStream implements KeptStream, TailReader {
  readonly #options: ReadingStreamOptions
  #waiting: TailedReading[] = []
  #skipped = 0
  /** What came before it was opened has been put before all that waits. */
  #begun = false
  #ended = false
  #rightsUntil = 0
  #asking: Promise<void> | undefined
  #draining = false
  #allowed = mostAtOnce
  #allowedAt = performance.now()

  constructor(options: ReadingStreamOptions) {
    this.#options = options
  }

  get kind(): SseSink['kind'] {
    return this.#options.sink.kind
  }

  get expiresAt(): number | undefined {
    return this.#options.expiresAt
  }

  /** Begins to follow. Never rejects. */
  async follow(): Promise<void> {
    const { hub, limits, onTrouble } = this.#options
    while (!this.#begun && !this.#ended) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- until it has begun
        await this.#begin()
      } catch (error) {
        onTrouble(error)
        // It begins anew, and has the same to be told then.
        hub.leave(this)
        this.#waiting = []
        this.#skipped = 0
        // oxlint-disable-next-line no-await-in-loop -- until it has begun
        await pause(limits.retryMs, undefined, { ref: false })
      }
    }
    this.#send()
  }

  offer({ readings, before }: Told): void {
    const wanted = readings.filter(({ reading }) => this.#options.wants(reading))
    this.#skipped += before
    this.#waiting.push(...wanted)
    const surplus = this.#waiting.length - mostAtOnce
    if (surplus > 0) this.#skip(surplus)
    this.#send()
  }

  heartbeat(): void {
    const { sink, hub } = this.#options
    if (sink.unsentBytes > 0) return
    const isDone = this.#begun && this.#waiting.length === 0 && this.#skipped === 0
    sink.heartbeat(isDone ? hub.cursorOf() : undefined)
  }

  warnOfExpiry(at: Date): void {
    this.#options.sink.expiring(at)
  }

  async checkRights(): Promise<void> {
    this.#asking ??= this.#askForRights().finally(() => {
      this.#asking = undefined
    })
    await this.#asking
    // Where that could not be found out it is asked again in a while, and not at once.
    if (performance.now() < this.#rightsUntil) this.#send()
  }

  end(reason: EndReason): void {
    if (this.#ended) return
    this.#close(reason)
    this.#options.sink.end(reason)
  }

  /** The connection is to be gone at once, or is already. */
  gone(how: EndReason | 'gone' = 'gone'): void {
    if (this.#ended) return
    this.#close(how)
    this.#options.sink.cut()
  }

  async #begin(): Promise<void> {
    const { hub, sink, since } = this.#options
    const place = await hub.follow(this, { fresh: since !== undefined })
    if (this.#ended) return hub.leave(this)
    const cursor = hub.cursorOf(place) ?? ''
    if (since === undefined) sink.caughtUp(cursor)
    else await this.#replay(since, { place, cursor })
    this.#begun = true
  }

  async #replay(since: string, { place, cursor }: { place: TailedReading['mark']; cursor: string }): Promise<void> {
    const { hub, sink, wants } = this.#options
    const gap = await hub.between(since, place)
    if (this.#ended) return
    if (gap === undefined) return sink.reset({ room: 'tenant', id: cursor, snapshotUrl })
    this.#skipped += gap.before
    this.#waiting.unshift(...gap.readings.filter(({ reading }) => wants(reading)))
  }

  #send(): void {
    const { sink, limits } = this.#options
    const isIdle = this.#waiting.length === 0 && this.#skipped === 0
    if (!this.#begun || this.#ended || isIdle) return
    if (performance.now() >= this.#rightsUntil) {
      if (this.#asking === undefined) void this.checkRights()
    } else if (sink.unsentBytes > limits.unsentBytes) {
      void this.#sendWhenDrained()
    } else {
      this.#write()
    }
  }

  /** Stops where too much is unsent: the rest waits here, where it is there once for all, and the oldest of it are skipped. */
  #write(): void {
    const { sink, limits } = this.#options
    const surplus = this.#waiting.length - this.#take()
    if (surplus > 0) this.#skip(surplus)
    if (this.#skipped > 0) sink.events({ sse: Buffer.from(`event: skipped\ndata: {"count":${this.#skipped}}\n\n`) })
    this.#skipped = 0
    let sent = 0
    for (const one of this.#waiting) {
      if (sink.unsentBytes > limits.unsentBytes) break
      sink.events({ sse: one.sse(() => this.#block(one)) })
      sent += 1
    }
    this.#allowed -= sent
    this.#waiting.splice(0, sent)
    if (this.#waiting.length > 0) void this.#sendWhenDrained()
  }

  /** JSON has no line breaks, and neither have cursors. */
  #block({ reading, mark }: TailedReading): string {
    const { hub, encode } = this.#options
    return `id: ${hub.cursorOf(mark)}\nevent: reading\ndata: ${encode(reading)}\n\n`
  }

  #skip(count: number): void {
    this.#waiting.splice(0, count)
    this.#skipped += count
  }

  /** How many may be sent now. */
  #take(): number {
    const now = performance.now()
    const grown = this.#allowed + ((now - this.#allowedAt) / 1000) * perSecond
    this.#allowed = Math.min(mostAtOnce, grown)
    this.#allowedAt = now
    return Math.floor(this.#allowed)
  }

  async #sendWhenDrained(): Promise<void> {
    if (this.#draining) return
    this.#draining = true
    await this.#options.sink.drained()
    this.#draining = false
    this.#send()
  }

  async #askForRights(): Promise<void> {
    const { mayFollow, limits, onTrouble } = this.#options
    const asked = performance.now()
    try {
      if (await mayFollow()) this.#rightsUntil = asked + limits.rightsMs
      else this.end('forbidden')
    } catch (error) {
      onTrouble(error)
    }
  }

  #close(how: EndReason | 'gone'): void {
    this.#ended = true
    this.#waiting = []
    this.#options.hub.leave(this)
    this.#options.onEnd(this, how)
  }
}
