import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { eventHead, eventsBehind } from '../store/events.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import { Feed } from './feed.ts'

export interface FeedsOptions {
  tenants: Pick<TenantDatabase, 'withTenant'>
  log: Log
  /** How often a feed looks by itself, for what it was not woken for; rarer where there are many. */
  pollMs?: number
}

const defaultPollMs = 2000
/** Looks of all feeds together, at most. */
const mostLooksPerSecond = 20
/** Events that one statement reads. */
export const feedPageSize = 1000

/** A feed for each tenant that somebody asked for. They stay until `close`: a tenant costs its position and nothing else. */
export class Feeds {
  readonly #options: FeedsOptions
  readonly #feeds = new Map<string, Promise<Feed>>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: FeedsOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        if (!this.#closed) this.start()
      })
    }, this.#pauseMs())
    this.#timer.unref()
  }

  /** Rejects where the database cannot be asked where the tenant's events stand; whoever asks again tries again. */
  async of(tenantId: string): Promise<Feed> {
    const known = this.#feeds.get(tenantId)
    if (known !== undefined) return await known
    const opened = this.#open(tenantId)
    this.#feeds.set(tenantId, opened)
    try {
      return await opened
    } catch (error) {
      this.#feeds.delete(tenantId)
      throw error
    }
  }

  /** What a NOTIFY said: the id of a tenant, or nothing where listening began anew. */
  notified(tenantId?: string): void {
    if (tenantId === undefined) void this.#look()
    else
      void this.#feeds
        .get(tenantId)
        ?.then((feed) => feed.wake())
        .catch(() => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const feeds = await Promise.allSettled(this.#feeds.values())
    for (const feed of feeds) if (feed.status === 'fulfilled') feed.value.close()
  }

  async #look(): Promise<void> {
    for (const opening of this.#feeds.values()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other: they share a few connections
      await opening.then((feed) => feed.wake()).catch(() => {})
    }
  }

  #pauseMs(): number {
    const { pollMs = defaultPollMs } = this.#options
    return Math.max(pollMs, (this.#feeds.size * 1000) / mostLooksPerSecond)
  }

  async #open(tenantId: string): Promise<Feed> {
    const { tenants, log } = this.#options
    const position = await tenants.withTenant(tenantId, (tx) => eventHead(tx))
    return new Feed({
      position,
      pageSize: feedPageSize,
      read: (after) => tenants.withTenant(tenantId, (tx) => eventsBehind(tx, { after, limit: feedPageSize })),
      onTrouble: (error) =>
        log.warn({ reason: describeError(error) }, 'events could not be read, next try in a moment'),
    })
  }
}
