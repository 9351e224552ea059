import { availabilityTopic, stateTopic } from '../mqtt/topics.ts'
import type { OutboxPlace, OutboxSpace, OutboxTenant, PublishedTopic, ReachedPosition } from '../store/outbox.ts'

/** A space as it was last published; version -1 where it was not, or the broker may have lost it. */
export interface BoardSpace {
  readonly siteId: string
  readonly topic: string
  version: number
  observedAt: number | null
}

/** What a broker has, and is to have, of one tenant. */
export class TenantBoard {
  readonly id: string
  slug: string | undefined
  /** Of the places below; undefined before they were first read. */
  placesVersion: number | undefined
  /** What the tenant's places and events were at the last look. */
  seen: { placesVersion: number; head: number } = { placesVersion: 0, head: 0 }
  /** The spaces of all events up to here were taken in. */
  taken = 0
  spaces = new Map<string, BoardSpace>()
  /** Topics by site. */
  sites = new Map<string, string>()
  /** Topics that the broker may have something retained on. */
  readonly published = new Set<string>()
  /**
   * What is to be published because of events, the oldest first, each with the position behind which its events began; and
   * what is to be published without one, behind it.
   */
  readonly dueSpaces = new Map<string, number>()
  readonly dueSites = new Map<string, number>()
  readonly fill = new Set<string>()
  #fillFrom = 0

  constructor(id: string) {
    this.id = id
  }

  /** Up to here all events are published. */
  get reached(): number {
    const firstSpace = this.dueSpaces.values().next().value ?? Infinity
    const firstSite = this.dueSites.values().next().value ?? Infinity
    return Math.min(firstSpace, firstSite, this.fill.size > 0 ? this.#fillFrom : Infinity, this.taken)
  }

  get isDue(): boolean {
    return this.dueSpaces.size + this.dueSites.size + this.fill.size > 0 || this.seen.head > this.taken
  }

  /** To be called before `taken` is raised, and before the places were read for the first time: then nothing is published. */
  fillWith(spaceIds: Iterable<string>): void {
    const from = this.placesVersion === undefined ? 0 : this.reached
    if (this.fill.size === 0) this.#fillFrom = from
    for (const spaceId of spaceIds) if (this.spaces.has(spaceId) && !this.dueSpaces.has(spaceId)) this.fill.add(spaceId)
  }

  /** What is due because of an event too is published with those. */
  *fillOnly(): Generator<string> {
    for (const spaceId of this.fill) if (!this.dueSpaces.has(spaceId)) yield spaceId
  }

  siteIsDue(siteId: string, since: number): void {
    if (!this.dueSites.has(siteId)) this.dueSites.set(siteId, since)
  }

  /** The space was published, or need not be. */
  settle(spaceId: string): void {
    this.dueSpaces.delete(spaceId)
    this.fill.delete(spaceId)
  }
}

/** What a broker has, and is to have, of all tenants: kept in memory, and bounded by the number of their spaces. */
export class Board {
  readonly tenants = new Map<string, TenantBoard>()
  /** Topics to be cleared, each with its tenant. */
  readonly orphans = new Map<string, string>()

  /** What an earlier process published, or was about to. */
  load(topics: readonly PublishedTopic[]): void {
    for (const { tenantId, topic } of topics) this.#tenant(tenantId).published.add(topic)
  }

  /** Tenants that are gone, suspended or renamed leave their topics behind. */
  see(tenants: readonly OutboxTenant[]): void {
    const slugs = new Map(tenants.map(({ id, slug }) => [id, slug]))
    for (const tenant of this.tenants.values()) {
      const slug = slugs.get(tenant.id)
      if (slug !== undefined && (tenant.slug === undefined || tenant.slug === slug)) continue
      for (const topic of tenant.published) this.orphans.set(topic, tenant.id)
      this.tenants.delete(tenant.id)
    }
    for (const { id, slug, placesVersion, head } of tenants) {
      const tenant = this.#tenant(id)
      // All of it is published, as it is after these events.
      if (tenant.slug === undefined) tenant.taken = head
      tenant.slug = slug
      tenant.seen = { placesVersion, head }
    }
  }

  /** Whose places are others than those that are known here. */
  moved(): TenantBoard[] {
    return [...this.tenants.values()].filter((tenant) => tenant.placesVersion !== tenant.seen.placesVersion)
  }

  /** What stands where, as read at or after the last look. */
  place(tenant: TenantBoard, rows: readonly OutboxPlace[]): void {
    const { slug = '', spaces: before } = tenant
    const spaces = new Map<string, BoardSpace>()
    const sites = new Map<string, string>()
    for (const { siteId, site, spaceId, space } of rows) {
      if (!sites.has(siteId)) sites.set(siteId, availabilityTopic(slug, site))
      if (spaceId === null || space === null) continue
      const topic = stateTopic(slug, site, space)
      const known = before.get(spaceId)
      spaces.set(spaceId, known?.topic === topic ? known : { siteId, topic, version: -1, observedAt: null })
    }
    const wanted = new Set([...sites.values(), ...Array.from(spaces.values(), ({ topic }) => topic)])
    for (const topic of tenant.published) if (!wanted.has(topic)) this.orphans.set(topic, tenant.id)
    tenant.spaces = spaces
    tenant.sites = sites
    for (const spaceId of [...tenant.dueSpaces.keys(), ...tenant.fill]) if (!spaces.has(spaceId)) tenant.settle(spaceId)
    for (const siteId of tenant.dueSites.keys()) if (!sites.has(siteId)) tenant.dueSites.delete(siteId)
    const anew = Array.from(spaces).filter(([, { version }]) => version < 0)
    const since = tenant.placesVersion === undefined ? 0 : tenant.reached
    tenant.fillWith(anew.map(([spaceId]) => spaceId))
    for (const siteId of sites.keys()) tenant.siteIsDue(siteId, since)
    tenant.placesVersion = tenant.seen.placesVersion
  }

  /** The broker may have lost everything: all of it is published, as it is after the events of the last look. */
  again(): void {
    for (const tenant of this.tenants.values()) {
      for (const space of tenant.spaces.values()) space.version = -1
      const since = tenant.reached
      tenant.fillWith(tenant.spaces.keys())
      for (const siteId of tenant.sites.keys()) tenant.siteIsDue(siteId, since)
      tenant.taken = tenant.seen.head
    }
  }

  /** Events that were not taken in yet: some of each tenant, `most` of all together. */
  ranges(most: number): { tenantId: string; after: number; until: number }[] {
    const behind = [...this.tenants.values()].filter(({ taken, seen }) => seen.head > taken)
    const share = Math.max(1, Math.floor(most / Math.max(1, behind.length)))
    return behind.map(({ id, taken, seen }) => ({
      tenantId: id,
      after: taken,
      until: Math.min(seen.head, taken + share),
    }))
  }

  /** The spaces that the events of these ranges are of. */
  changed(ranges: readonly { tenantId: string; after: number; until: number }[], spaces: readonly OutboxSpace[]): void {
    const after = new Map(ranges.map((range) => [range.tenantId, range.after]))
    for (const { tenantId, spaceId } of spaces) {
      const tenant = this.tenants.get(tenantId)
      // One that is not known any more was deleted.
      if (tenant?.spaces.has(spaceId) !== true || tenant.dueSpaces.has(spaceId)) continue
      tenant.dueSpaces.set(spaceId, after.get(tenantId) ?? 0)
    }
    for (const { tenantId, until } of ranges) {
      const tenant = this.tenants.get(tenantId)
      if (tenant !== undefined) tenant.taken = until
    }
  }

  /** What was heard of them lately may be newer than what is published. */
  heard(spaces: readonly OutboxSpace[]): void {
    for (const { tenantId, spaceId } of spaces) this.tenants.get(tenantId)?.fillWith([spaceId])
  }

  /**
   * What to publish next: because of events before all else but for a tenth, or what only is to be published again would wait as
   * long as enough happens; and of no tenant so much that the others get nothing.
   */
  next(most: number): OutboxSpace[] {
    const filling = this.#pick(Math.ceil(most / 10), (tenant) => tenant.fillOnly())
    const urgent = this.#pick(most - filling.length, (tenant) => tenant.dueSpaces.keys())
    const room = most - urgent.length
    return [...urgent, ...(room > filling.length ? this.#pick(room, (tenant) => tenant.fillOnly()) : filling)]
  }

  get isDue(): boolean {
    return this.orphans.size > 0 || this.moved().length > 0 || [...this.tenants.values()].some(({ isDue }) => isDue)
  }

  get reached(): ReachedPosition[] {
    return Array.from(this.tenants.values(), ({ id, reached }) => ({ tenantId: id, position: reached }))
  }

  #pick(most: number, of: (tenant: TenantBoard) => Iterator<string>): OutboxSpace[] {
    const waiting = [...this.tenants.values()].filter((tenant) => of(tenant).next().done !== true)
    const picked: OutboxSpace[] = []
    const share = Math.max(1, Math.ceil(most / Math.max(1, waiting.length)))
    for (const tenant of waiting) {
      if (picked.length >= most) break
      for (const spaceId of take(of(tenant), Math.min(share, most - picked.length))) {
        picked.push({ tenantId: tenant.id, spaceId })
      }
      // Whose turn it was, comes last the next time.
      this.tenants.delete(tenant.id)
      this.tenants.set(tenant.id, tenant)
    }
    return picked
  }

  #tenant(id: string): TenantBoard {
    const known = this.tenants.get(id)
    if (known !== undefined) return known
    const tenant = new TenantBoard(id)
    this.tenants.set(id, tenant)
    return tenant
  }
}

function take<T>(items: Iterator<T>, most: number): T[] {
  const taken: T[] = []
  while (taken.length < most) {
    const item = items.next()
    if (item.done === true) break
    taken.push(item.value)
  }
  return taken
}
