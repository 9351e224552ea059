import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { Refusal } from '../refusal.ts'
import { gapBehind } from '../store/events.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import type { Cursors } from './cursor.ts'
import type { Feeds } from './feeds.ts'
import { StreamHub } from './stream-hub.ts'
import type { EndReason, Sink } from './stream-sink.ts'
import { Stream, type StreamLimits } from './stream.ts'
import { Turns } from './turns.ts'

export interface StreamSettings extends StreamLimits {
  /** Open at a time, of this process; 0 here and below is without limit. */
  perProcess: number
  perTenant: number
  perUser: number
  heartbeatMs: number
  /** How often the rights of each stream are looked at, besides when something is delivered. */
  lookMs: number
  /** How long before the end of the access token its stream says so. */
  warningMs: number
  /** Without a byte taken by the other end for so long a connection is cut. */
  stuckMs: number
}

export const defaultStreamSettings: StreamSettings = {
  perProcess: 20_000,
  perTenant: 10_000,
  perUser: 1000,
  replayedEvents: 10_000,
  unsentBytes: 262_144,
  heartbeatMs: 15_000,
  // Of what was revoked, 2 s are the cache of who may what: with them it is 5 s until nothing is delivered.
  lookMs: 1500,
  rightsMs: 3000,
  warningMs: 60_000,
  // Node looks twice before it says so: it is less than a minute in all, and longer than from one heartbeat to the next.
  stuckMs: 28_000,
  retryMs: 500,
}

/** An API key is used by many at once. */
const apiKeyTimes = 10
const tickMs = 500
const gapsAtOnce = 2
const retryAfterS = 30

export interface StreamsOptions {
  tenants: Pick<TenantDatabase, 'withTenant'>
  feeds: Feeds
  cursors: Cursors
  metrics: Pick<Metrics, 'streams' | 'streamsEnded'>
  log: Log
  settings?: Partial<StreamSettings>
  /** Wall clock, for the ends of access tokens. */
  now: () => number
}

/** Who follows, and what a stream of theirs counts as. */
export interface Follower {
  tenantId: string
  kind: 'user' | 'api_key'
  id: string
}

export interface OpenStream {
  follower: Follower
  /** Made for the stream, which it reports to. */
  sink: (stream: () => Stream) => Sink
  mayFollow: () => Promise<boolean>
  expiresAt?: number | undefined
}

/** What all streams have, whatever they carry: they are counted and looked after alike. */
export interface KeptStream {
  readonly kind: Sink['kind']
  /** End of the access token or key, in epoch milliseconds. */
  readonly expiresAt: number | undefined
  heartbeat(): void
  warnOfExpiry(at: Date): void
  /** Never rejects. */
  checkRights(): Promise<void>
  end(reason: EndReason): void
}

export interface StreamHooks<Kept> {
  limits: StreamLimits
  onTrouble: (error: unknown) => void
  onEnd: (stream: Kept, how: EndReason | 'gone') => void
}

interface Entry {
  follower: Follower
  openedAt: number
  beats: number
  looked: number
  warned: boolean
}

/** All streams of this process: how many there may be, and what each needs from time to time. */
export class Streams {
  readonly settings: StreamSettings
  readonly #options: StreamsOptions
  readonly #hubs = new Map<string, Promise<StreamHub>>()
  readonly #open = new Map<KeptStream, Entry>()
  readonly #counts = new Map<string, number>()
  readonly #turns = new Turns(gapsAtOnce)
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #troubleAt = Number.NEGATIVE_INFINITY

  constructor(options: StreamsOptions) {
    this.#options = options
    this.settings = { ...defaultStreamSettings, ...options.settings }
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), tickMs)
    this.#timer.unref()
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * Before anything is done for a stream; `keep` looks again.
   * @throws Refusal `too_many_requests`, `busy` where there is no room for one more stream
   */
  admit(follower: Follower): void {
    const refusal = this.#refusalOf(follower)
    if (refusal !== undefined) throw refusal
  }

  /** Rejects where the database cannot be asked where the tenant's events stand. */
  async hub(tenantId: string): Promise<StreamHub> {
    const known = this.#hubs.get(tenantId)
    if (known !== undefined) return await known
    const opened = this.#openHub(tenantId)
    this.#hubs.set(tenantId, opened)
    try {
      return await opened
    } catch (error) {
      this.#hubs.delete(tenantId)
      throw error
    }
  }

  /** A stream that follows nothing yet. It is open until its sink, its rights or this process ends it. */
  open(hub: StreamHub, { follower, sink, mayFollow, expiresAt }: OpenStream): Stream {
    hub.opened()
    return this.keep(follower, ({ onEnd, ...hooks }) => {
      const ended: typeof onEnd = (stream, how) => {
        onEnd(stream, how)
        hub.closed()
      }
      const stream: Stream = new Stream({ hub, sink: sink(() => stream), mayFollow, expiresAt, onEnd: ended, ...hooks })
      return stream
    })
  }

  /**
   * Looks after a stream of any kind until it says that it has ended, which it does once: at once where there is no room for it
   * any more, as others who were admitted at the same time came first.
   */
  keep<Kept extends KeptStream>(follower: Follower, make: (hooks: StreamHooks<Kept>) => Kept): Kept {
    const refusal = this.#refusalOf(follower)
    const stream = make({
      limits: this.settings,
      onTrouble: (error) => this.#note(error),
      onEnd: (ended, how) => this.#ended(ended, how),
    })
    const openedAt = performance.now()
    this.#open.set(stream, { follower, openedAt, beats: 0, looked: openedAt, warned: false })
    this.#count(followerKey(follower), 1)
    this.#count(follower.tenantId, 1)
    this.#options.metrics.streams.inc({ kind: stream.kind })
    if (this.#closed) stream.end('stopping')
    else if (refusal !== undefined) stream.end(refusal.code === 'busy' ? 'full' : 'too_busy')
    return stream
  }

  /** Ends all of them, and takes no more. Their connections are gone soon after: see `end` of the sinks. */
  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    for (const stream of this.#open.keys()) stream.end('stopping')
  }

  #refusalOf(follower: Follower): Refusal | undefined {
    const { perProcess, perTenant, perUser } = this.settings
    if (this.#closed || isFull(perProcess, this.#open.size)) {
      return new Refusal('busy', 'This server has no room for one more stream.', { retryAfterS })
    }
    const ofFollower = perUser * (follower.kind === 'api_key' ? apiKeyTimes : 1)
    if (isFull(ofFollower, this.#countOf(followerKey(follower)))) {
      return new Refusal('too_many_requests', `You have ${ofFollower} streams open: close one.`, { retryAfterS })
    }
    if (isFull(perTenant, this.#countOf(follower.tenantId))) {
      return new Refusal('too_many_requests', `Your tenant has ${perTenant} streams open.`, { retryAfterS })
    }
    return undefined
  }

  #openHub(tenantId: string): Promise<StreamHub> {
    const { tenants, feeds, cursors } = this.#options
    return feeds.of(tenantId).then(
      (feed) =>
        new StreamHub({
          tenantId,
          feed,
          cursors,
          readGap: (behind) => this.#turns.take(() => tenants.withTenant(tenantId, (tx) => gapBehind(tx, behind))),
        }),
    )
  }

  #ended(stream: KeptStream, how: EndReason | 'gone'): void {
    const entry = this.#open.get(stream)
    if (entry === undefined) return
    this.#open.delete(stream)
    this.#count(followerKey(entry.follower), -1)
    this.#count(entry.follower.tenantId, -1)
    this.#options.metrics.streams.dec({ kind: stream.kind })
    this.#options.metrics.streamsEnded.inc({ kind: stream.kind, reason: how })
  }

  #tick(): void {
    const [elapsed, now] = [performance.now(), this.#options.now()]
    for (const [stream, entry] of this.#open) this.#tend(stream, entry, { elapsed, now })
  }

  #tend(stream: KeptStream, entry: Entry, { elapsed, now }: { elapsed: number; now: number }): void {
    const { heartbeatMs, lookMs, warningMs } = this.settings
    const { expiresAt } = stream
    if (expiresAt !== undefined && now >= expiresAt) {
      stream.end('expired')
      return
    }
    if (expiresAt !== undefined && now >= expiresAt - warningMs && !entry.warned) {
      entry.warned = true
      stream.warnOfExpiry(new Date(expiresAt))
    }
    if (elapsed - entry.looked >= lookMs) {
      entry.looked = elapsed
      void stream.checkRights()
    }
    // Counted from when it was opened, so that they are not all due at once.
    const beats = Math.floor((elapsed - entry.openedAt) / heartbeatMs)
    if (beats === entry.beats) return
    entry.beats = beats
    stream.heartbeat()
  }

  /** Thousands of streams have the same trouble at once. */
  #note(error: unknown): void {
    const now = performance.now()
    if (now - this.#troubleAt < 1000) return
    this.#troubleAt = now
    this.#options.log.warn({ reason: describeError(error) }, 'streams wait for the database, next try in a moment')
  }

  #countOf(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  #count(key: string, by: 1 | -1): void {
    const count = this.#countOf(key) + by
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }
}

function isFull(limit: number, open: number): boolean {
  return limit > 0 && open >= limit
}

function followerKey({ tenantId, kind, id }: Follower): string {
  return `${tenantId} ${kind} ${id}`
}
