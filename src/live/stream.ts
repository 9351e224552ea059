import { setTimeout as pause } from 'node:timers/promises'
import { Batch, type EncodedEvent } from './event-body.ts'
import { roomsOf, snapshotUrl, type Room } from './rooms.ts'
import type { LiveReader, StreamHub } from './stream-hub.ts'
import type { EndReason, Sink } from './stream-sink.ts'

export interface StreamOptions {
  hub: StreamHub
  sink: Sink
  /** Whether whoever opened it may follow now. Rejects where that cannot be found out. */
  mayFollow: () => Promise<boolean>
  /** End of the access token or key, in epoch milliseconds. */
  expiresAt?: number | undefined
  limits: StreamLimits
  onTrouble: (error: unknown) => void
  onEnd: (stream: Stream, how: EndReason | 'gone') => void
}

export interface StreamLimits {
  /** Events that are replayed at most: whoever missed more gets `reset`. */
  replayedEvents: number
  /** With more unsent than this a reader is not written to any more; it reads on when it has taken what there is. */
  unsentBytes: number
  /** For how long an answer to `mayFollow` is good; while there is none, nothing is delivered. */
  rightsMs: number
  /** Between two tries of what failed. */
  retryMs: number
}

/** How far one room was followed: what is behind `from` and up to `position` has been sent. */
interface Subscription {
  from: number
  position: number
}

/**
 * One reader of a tenant's events: of one room or several, each event once and in order. It is either live, and is offered
 * events as they come, or it catches up, page by page, as fast as it takes them.
 *
 * S1  Nothing is skipped: it goes live in the tick in which it has all that the hub has; and what it is offered and cannot
 *     take it reads again later.
 * S2  Nothing is sent on rights that were found out longer than `rightsMs` ago.
 * S3  No more than `unsentBytes`, a page, and what one commit made wait in memory for a reader, however slow.
 */
export class Stream implements LiveReader {
  readonly #options: StreamOptions
  readonly #rooms = new Map<Room, Subscription>()
  #live = false
  #catchingUp = false
  /** Somebody waits to hear that they have all that there was. */
  #awaited = false
  #ended = false
  #rightsUntil = 0
  #asking: Promise<void> | undefined

  constructor(options: StreamOptions) {
    this.#options = options
  }

  get kind(): Sink['kind'] {
    return this.#options.sink.kind
  }

  get expiresAt(): number | undefined {
    return this.#options.expiresAt
  }

  get rooms(): number {
    return this.#rooms.size
  }

  /** Has all that there is. */
  get live(): boolean {
    return this.#live
  }

  /**
   * Follows a room from now on, or from behind `since`; once more is of no effect. A cursor that is none, or another tenant's, is
   * one whose gap cannot be told: `reset`.
   */
  subscribe(room: Room, since?: string): void {
    if (this.#ended || this.#rooms.has(room)) return
    this.#leaveLive(this.#options.hub.position)
    const { hub } = this.#options
    const known = since === undefined ? hub.position : hub.positionOf(since)
    const position = known ?? hub.position
    const subscription = { from: position, position }
    this.#rooms.set(room, subscription)
    this.#awaited = true
    if (known === undefined) this.#reset(room, subscription)
    void this.#catchUp()
  }

  unsubscribe(room: Room): void {
    const wasLive = this.#live
    if (wasLive) this.#leaveLive(this.#options.hub.position)
    this.#rooms.delete(room)
    if (wasLive) void this.#catchUp()
  }

  offer(batch: Batch, before: number): void {
    if (!this.#live) return
    const { sink, limits } = this.#options
    if (sink.unsentBytes <= limits.unsentBytes && performance.now() < this.#rightsUntil) {
      sink.events(batch)
    } else {
      this.#leaveLive(before)
      void this.#catchUp()
    }
  }

  heartbeat(): void {
    const { sink, hub } = this.#options
    if (sink.unsentBytes === 0) sink.heartbeat(this.#live ? hub.cursor : undefined)
  }

  warnOfExpiry(at: Date): void {
    this.#options.sink.expiring(at)
  }

  /** Ends the stream where its rights are gone. Never rejects. */
  async checkRights(): Promise<void> {
    this.#asking ??= this.#askForRights().finally(() => {
      this.#asking = undefined
    })
    await this.#asking
  }

  /** Tells why, where there is a way to. */
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
    this.#leaveLive(this.#options.hub.position)
    this.#ended = true
    this.#options.onEnd(this, how)
  }

  #leaveLive(position: number): void {
    if (!this.#live) return
    this.#live = false
    this.#options.hub.leave(this, this.#rooms.keys())
    for (const subscription of this.#rooms.values()) subscription.position = position
  }

  async #catchUp(): Promise<void> {
    if (this.#catchingUp) return
    this.#catchingUp = true
    try {
      // oxlint-disable-next-line no-await-in-loop -- page after page
      while (!this.#ended && !this.#goLive()) await this.#step()
    } finally {
      this.#catchingUp = false
    }
  }

  /** In one tick with the look at where the hub is. */
  #goLive(): boolean {
    const { hub } = this.#options
    if (this.#rooms.size === 0) return true
    const positions = Array.from(this.#rooms.values(), ({ position }) => position)
    if (positions.some((position) => position !== hub.position)) return false
    this.#live = true
    hub.join(this, this.#rooms.keys())
    if (this.#awaited) this.#options.sink.caughtUp(hub.cursor)
    this.#awaited = false
    return true
  }

  /** One page, or one wait for what stands in its way. */
  async #step(): Promise<void> {
    const { hub, sink, limits, onTrouble } = this.#options
    try {
      if (performance.now() >= this.#rightsUntil) {
        await this.checkRights()
        if (performance.now() >= this.#rightsUntil && !this.#ended) await pause(limits.retryMs)
        return
      }
      if (sink.unsentBytes > limits.unsentBytes) return await sink.drained()
      const position = Math.min(...Array.from(this.#rooms.values(), (room) => room.position))
      const following = await hub.following(position)
      if (this.#ended) return
      if (following === 'unknown' || following.head - position > limits.replayedEvents) return this.#giveUp(position)
      this.#send(following.events, { from: position, upTo: following.upTo })
      if (following.upTo === position) await this.#awaitHub(position)
    } catch (error) {
      onTrouble(error)
      await pause(limits.retryMs)
    }
  }

  /** What the database had, and the hub has not yet. */
  async #awaitHub(position: number): Promise<void> {
    const { hub, limits } = this.#options
    await hub.awaitFeed()
    if (hub.position < position) await pause(limits.retryMs)
  }

  /**
   * Some of these rooms may have had some of these events: while another room was ahead of the one that they are read for. And
   * one that was joined further back while they were read has not had those before them: it stays where it is.
   */
  #send(page: Batch, { from, upTo }: { from: number; upTo: number }): void {
    if (performance.now() >= this.#rightsUntil) return
    const reading = new Set([...this.#rooms.values()].filter(({ position }) => position >= from))
    const wanted = page.events.filter((event) => this.#wants(event, reading))
    for (const room of reading) room.position = Math.max(room.position, upTo)
    if (wanted.length === 0) return
    this.#options.sink.events(wanted.length === page.events.length ? page : new Batch(wanted))
  }

  #wants({ event, position }: EncodedEvent, reading: ReadonlySet<Subscription>): boolean {
    const rooms = roomsOf(event).flatMap((room) => this.#rooms.get(room) ?? [])
    const sent = rooms.some((room) => room.from < position && position <= room.position)
    return !sent && rooms.some((room) => reading.has(room) && room.position < position)
  }

  /** Of a reader that has just come it is told; one that fell so far behind is cut, and is told when it comes back. */
  #giveUp(position: number): void {
    for (const [room, subscription] of this.#rooms) {
      if (subscription.position > position) continue
      if (subscription.position !== subscription.from) return this.gone('too_slow')
      this.#reset(room, subscription)
    }
  }

  #reset(room: Room, subscription: Subscription): void {
    const { hub, sink } = this.#options
    subscription.from = hub.position
    subscription.position = hub.position
    sink.reset({ room, id: hub.cursor, snapshotUrl: snapshotUrl(room) })
  }
}
