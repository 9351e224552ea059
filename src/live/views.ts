import { LRUCache } from 'lru-cache'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { tenantFacts, type TenantFacts } from '../store/live-places.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import type { Feeds } from './feeds.ts'
import { FollowedView } from './followed-view.ts'
import type { TenantView } from './tenant-view.ts'

export interface ViewsOptions {
  tenants: Pick<TenantDatabase, 'withTenant' | 'withAccounts' | 'tenantBySlug'>
  feeds: Pick<Feeds, 'of'>
  log: Log
  elapsed?: () => number
  /** How often it is asked which tenants are public, and which places have changed. */
  beatMs?: number
  /** Most tenants in memory, and most spaces of them together. */
  mostViews?: number
  mostSpaces?: number
}

const defaultBeatMs = 1000
/** From a wake until it is asked what has changed: many wakes are one question. */
const wakeMs = 50
const defaultMostViews = 1000
const defaultMostSpaces = 500_000
/** A tenant that nobody has asked for in this time is forgotten. */
const idleMs = 3_600_000
/** What could not be compared with the database for so long is not shown any more: sensors may have been silent since. */
const mostBehindMs = 900_000

/**
 * The views of the tenants that are asked for, each read once and then kept right. What is in memory is answered without the
 * database; whether a tenant is public, and the version of its places, is asked for all of them in one statement, once a
 * second and when woken. While the database cannot be asked, what is here is good for a while.
 */
export class Views {
  readonly #options: Required<ViewsOptions>
  readonly #views: LRUCache<string, FollowedView>
  readonly #opening = new Map<string, Promise<FollowedView | undefined>>()
  /** Of tenants that are public, and of no others: these alone are answered without asking. */
  readonly #slugs = new Map<string, string>()
  readonly #asking = new Map<string, Promise<TenantView | undefined>>()
  #timer: NodeJS.Timeout | undefined
  /** The next beat comes soon: somebody was woken. */
  #hurries = false
  #beating: Promise<void> | undefined
  #tending: Promise<void> | undefined
  #started = false

  constructor(options: ViewsOptions) {
    this.#options = {
      elapsed: () => performance.now(),
      beatMs: defaultBeatMs,
      mostViews: defaultMostViews,
      mostSpaces: defaultMostSpaces,
      ...options,
    }
    this.#views = new LRUCache({ max: this.#options.mostViews, dispose: (followed) => followed.close() })
  }

  start(): void {
    this.#started = true
    this.#beatIn(this.#options.beatMs)
  }

  async close(): Promise<void> {
    this.#started = false
    clearTimeout(this.#timer)
    await Promise.allSettled([this.#beating, this.#tending, ...this.#opening.values()])
    this.#views.clear()
    this.#slugs.clear()
  }

  /** Of a tenant that is in memory and public; undefined says nothing. */
  knownPublic(slug: string): TenantView | undefined {
    const id = this.#slugs.get(slug)
    return id === undefined ? undefined : this.#known(id)
  }

  /** Undefined for a tenant that is not public, as for one that there is not. Rejects while the database cannot be asked. */
  async publicOne(slug: string): Promise<TenantView | undefined> {
    const known = this.knownPublic(slug)
    if (known !== undefined) return known
    return await once(this.#asking, slug, async () => {
      const tenant = await this.#options.tenants.tenantBySlug(slug)
      if (tenant?.public !== true) {
        this.#slugs.delete(slug)
        return undefined
      }
      const view = await this.of(tenant.id)
      if (view !== undefined) this.#slugs.set(slug, tenant.id)
      return view
    })
  }

  /** Undefined where there is no such tenant. Rejects where it is not in memory and cannot be read. */
  async of(tenantId: string): Promise<TenantView | undefined> {
    const known = this.#known(tenantId)
    if (known !== undefined) return known
    return (await once(this.#opening, tenantId, () => this.#open(tenantId)))?.view
  }

  /** What a NOTIFY said: the id of a tenant, or nothing where listening began anew. */
  notified(tenantId?: string): void {
    const followed = tenantId === undefined ? undefined : this.#views.peek(tenantId)
    if (tenantId !== undefined && followed === undefined) return
    followed?.woken()
    if (this.#hurries) return
    this.#hurries = true
    if (this.#started && this.#beating === undefined) this.#beatIn(wakeMs)
  }

  /**
   * What is in memory as the database has it now, whatever it was woken for: of the public tenant of a slug, or of all. Rejects
   * where it cannot be asked.
   */
  async refresh(slug?: string): Promise<void> {
    const facts = await this.#ask()
    const ids = slug === undefined ? [...this.#views.keys()] : [this.#slugs.get(slug) ?? '']
    for (const id of ids) {
      const placesVersion = facts.get(id)?.placesVersion
      const followed = this.#views.peek(id)
      if (placesVersion === undefined || followed === undefined) continue
      const isOld = placesVersion !== followed.view.placesVersion
      // oxlint-disable-next-line no-await-in-loop -- one after the other: they share a few connections
      await (isOld ? followed.reload() : followed.look({ whole: true }))
    }
  }

  #known(tenantId: string): TenantView | undefined {
    const followed = this.#views.get(tenantId)
    if (followed === undefined) return undefined
    const now = this.#options.elapsed()
    followed.usedAt = now
    return this.#started && now - followed.rightAt > mostBehindMs ? undefined : followed.view
  }

  async #open(tenantId: string): Promise<FollowedView | undefined> {
    const { feeds, tenants, elapsed, mostSpaces } = this.#options
    // One that is too far behind: it comes back, or the database's own answer is why not.
    this.#views.delete(tenantId)
    const feed = await feeds.of(tenantId)
    const followed = await FollowedView.open({ tenantId, feed, tenants, elapsed })
    if (followed === undefined) return undefined
    this.#views.set(tenantId, followed)
    while (this.#views.size > 1 && this.#spaces() > mostSpaces) this.#views.pop()
    return followed
  }

  #spaces(): number {
    let spaces = 0
    for (const { view } of this.#views.values()) spaces += view.spaces
    return spaces
  }

  #beatIn(pauseMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#hurries = false
      this.#beating = this.#beat().finally(() => {
        this.#beating = undefined
        if (this.#started) this.#beatIn(this.#hurries ? wakeMs : this.#options.beatMs)
      })
    }, pauseMs)
    this.#timer.unref()
  }

  async #beat(): Promise<void> {
    this.#forgetIdle()
    try {
      const facts = await this.#ask()
      // What takes longer does not keep anybody from learning that a tenant is not public any more.
      this.#tending ??= this.#tend(facts).finally(() => {
        this.#tending = undefined
      })
    } catch (error) {
      this.#tell(error)
    }
  }

  async #ask(): Promise<ReadonlyMap<string, TenantFacts>> {
    const ids = [...this.#views.keys()]
    const rows = ids.length === 0 ? [] : await this.#options.tenants.withAccounts((tx) => tenantFacts(tx, ids))
    const facts = new Map(rows.map((row) => [row.id, row]))
    for (const id of ids) if (!facts.has(id)) this.#views.delete(id)
    for (const [slug, id] of this.#slugs) {
      // One that was opened meanwhile was not asked about.
      if (!this.#views.has(id) || facts.get(id)?.public === false) this.#slugs.delete(slug)
    }
    return facts
  }

  async #tend(facts: ReadonlyMap<string, TenantFacts>): Promise<void> {
    for (const [id, { placesVersion }] of facts) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one after the other: they share a few connections
        await this.#views.peek(id)?.tend(placesVersion)
      } catch (error) {
        this.#tell(error)
      }
    }
  }

  #forgetIdle(): void {
    const since = this.#options.elapsed() - idleMs
    const idle = [...this.#views.entries()].filter(([, { usedAt }]) => usedAt < since)
    for (const [id] of idle) this.#views.delete(id)
  }

  #tell(error: unknown): void {
    this.#options.log.warn({ reason: describeError(error) }, 'places could not be read, next try in a moment')
  }
}

/** Whoever asks while somebody already does gets the same answer. */
function once<Value>(running: Map<string, Promise<Value>>, key: string, work: () => Promise<Value>): Promise<Value> {
  const before = running.get(key)
  if (before !== undefined) return before
  const answer = work().finally(() => running.delete(key))
  running.set(key, answer)
  return answer
}
