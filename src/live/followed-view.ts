import { readPlaces, statesAfter } from '../store/live-places.ts'
import type { RecordedEvent } from '../store/events.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import type { Feed } from './feed.ts'
import { TenantView } from './tenant-view.ts'

export interface FollowedViewOptions {
  tenantId: string
  feed: Feed
  tenants: Pick<TenantDatabase, 'withTenant'>
  elapsed: () => number
}

/** At least this often newer evidence is read: a heartbeat emits no event. */
const lookEveryMs = 30_000
/** After a wake no more often than this, and the more rarely the longer it takes. */
const lookPauseMs = 5000
const lookShare = 50
/** From time to time all states are read: whatever was missed in any way is right again. */
const wholeLookEveryMs = 600_000
/** The order of `updated_at` is not that of the commits, and clocks differ: so much older rows are read once more. */
const overlapMs = 60_000
/** Of its time, reading takes at most one part in so many; a read that took very long is no reason to be old for long. */
const restShare = 10
const mostRestMs = 5000

/**
 * The view of one tenant, kept right: by the tenant's feed, by reading its places anew when their version is another, and by
 * looking for newer evidence. What the feed says while a snapshot is read is said again to what was read: each event is
 * in the snapshot or comes after it. One thing is read at a time, so that what is read later is newer.
 */
export class FollowedView {
  /** When somebody last asked for it. */
  usedAt: number
  /** When it was last known to be as the database has it. */
  rightAt: number
  readonly view: TenantView
  readonly #options: FollowedViewOptions
  #unlisten: () => void
  #work: Promise<void> = Promise.resolve()
  /** Since a snapshot began to be read; undefined while none is. */
  #meanwhile: RecordedEvent[] | undefined
  #lookedAt: number
  #lookedAtAllAt: number
  /** Until then it is not read again, unless everything has to be. */
  #restUntil = 0
  /** How long the last reading took. */
  #tookMs = 0
  #awake = false

  private constructor(options: FollowedViewOptions, view: TenantView) {
    this.#options = options
    this.view = view
    this.#unlisten = options.feed.listen((events) => this.#onEvents(events))
    const now = options.elapsed()
    this.usedAt = now
    this.rightAt = now
    this.#lookedAt = now
    this.#lookedAtAllAt = now
  }

  /** Undefined where there is no such tenant. */
  static async open(options: FollowedViewOptions): Promise<FollowedView | undefined> {
    const { feed, tenants, tenantId } = options
    const meanwhile: RecordedEvent[] = []
    const unlisten = feed.listen((events) => meanwhile.push(...events))
    try {
      const snapshot = await tenants.withTenant(tenantId, (tx) => readPlaces(tx))
      if (snapshot === undefined) return undefined
      const view = new TenantView(tenantId, snapshot)
      view.applyEvents(meanwhile)
      return new FollowedView(options, view)
    } finally {
      unlisten()
    }
  }

  /** Something may have been committed: newer evidence may be there as well. */
  woken(): void {
    this.#awake = true
  }

  /** Reads what has to be read by now. Rejects where that fails, and is then as it was. */
  async tend(placesVersion: number): Promise<void> {
    const now = this.#options.elapsed()
    if (now < this.#restUntil) return
    const since = now - this.#lookedAt
    const pauseMs = Math.min(Math.max(lookPauseMs, this.#tookMs * lookShare), lookEveryMs)
    if (placesVersion !== this.view.placesVersion) await this.reload()
    else if (since >= lookEveryMs || (this.#awake && since >= pauseMs)) {
      await this.look({ whole: now - this.#lookedAtAllAt >= wholeLookEveryMs })
    }
    this.rightAt = now
  }

  /** Reads all places and states anew. */
  async reload(): Promise<void> {
    await this.#inTurn(async () => {
      const { tenants, tenantId } = this.#options
      const meanwhile: RecordedEvent[] = []
      this.#meanwhile = meanwhile
      try {
        const snapshot = await tenants.withTenant(tenantId, (tx) => readPlaces(tx))
        if (snapshot === undefined) return
        this.view.replace(snapshot)
        this.view.applyEvents(meanwhile)
      } finally {
        this.#meanwhile = undefined
      }
      this.#looked({ whole: true })
    })
  }

  /** Takes in evidence that is newer than what is here. */
  async look({ whole }: { whole: boolean }): Promise<void> {
    await this.#inTurn(async () => {
      const { tenants, tenantId } = this.#options
      const { asOf } = this.view
      const after = whole || asOf === null ? null : Math.min(asOf, Date.now()) - overlapMs
      this.#awake = false
      this.view.applyStates(await tenants.withTenant(tenantId, (tx) => statesAfter(tx, after)))
      this.#looked({ whole })
    })
  }

  close(): void {
    this.#unlisten()
  }

  #looked({ whole }: { whole: boolean }): void {
    this.#lookedAt = this.#options.elapsed()
    if (whole) this.#lookedAtAllAt = this.#lookedAt
  }

  #onEvents(events: readonly RecordedEvent[]): void {
    this.#meanwhile?.push(...events)
    this.view.applyEvents(events)
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#work.then(() => this.#timed(work))
    this.#work = turn.catch(() => {})
    await turn
  }

  async #timed(work: () => Promise<void>): Promise<void> {
    const { elapsed } = this.#options
    const began = elapsed()
    await work()
    this.#tookMs = elapsed() - began
    this.#restUntil = elapsed() + Math.min(this.#tookMs * restShare, mostRestMs)
  }
}
