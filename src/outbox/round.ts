import type { Metrics } from '../metrics.ts'
import type { Outlet, RetainedMessage } from '../mqtt/outlet.ts'
import {
  advanceCursors,
  changedSpaces,
  databaseNow,
  forgetTopics,
  heardSpaces,
  outboxTenants,
  placesOfTenant,
  publishedTopics,
  rememberTopics,
  sitesNow,
  spacesNow,
  type OutboxSpace,
  type PublishedTopic,
  type SpaceNow,
} from '../store/outbox.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { Board, type BoardSpace, type TenantBoard } from './board.ts'
import { availabilityPayload, statePayload } from './payloads.ts'

export interface RoundOptions {
  database: SystemDatabase
  outlet: Outlet
  broker: 'own' | 'shared'
  metrics: Pick<Metrics, 'outboxPublished'>
  evidenceMs: number
  againMs: number
  lease: { name: string; holder: string } | undefined
  mayGoOn: () => boolean
}

/** The name of the follower of the events. */
export const outboxFollower = 'mqtt'
const mostEvents = 5000
/** Spaces of one round, of one statement, and of one page of those that were heard. */
const mostSpaces = 2000
const spacesAtOnce = 500
const heardAtOnce = 5000
const clearedAtOnce = 500
/**
 * What whoever published before us had sent into a connection that stood still may reach the broker after what we publish: once
 * nobody can take that connection for alive any more, all is published again.
 */
const afterTakeoverMs = 150_000
/** What processes stamp by clocks that differ so much is still found. */
const overlapMs = 30_000
const nothing = Buffer.alloc(0)

interface Shown {
  tenant: TenantBoard
  space: BoardSpace
  now: SpaceNow
}

/**
 * What one who publishes knows of the broker, and the rounds that bring it up to date. A round looks which events are new, then
 * reads how the spaces of these are now: so what it publishes is never older than the events that it took in, and those
 * count as published once the broker has acknowledged all of it.
 */
export class Round {
  readonly #options: RoundOptions
  readonly #board = new Board()
  readonly #written = new Map<string, number>()
  #heardUntil: Date
  #evidenceAt: number
  #againAt: number
  #isAgain = false
  #published = 0

  private constructor(options: RoundOptions, now: Date) {
    this.#options = options
    this.#heardUntil = now
    this.#evidenceAt = performance.now() + options.evidenceMs
    const againMs = options.broker === 'shared' ? Math.min(options.againMs, afterTakeoverMs) : options.againMs
    this.#againAt = performance.now() + againMs
  }

  static async open(options: RoundOptions): Promise<Round> {
    const { database, broker } = options
    const { now, topics } = await database.withSystem(async (tx) => ({
      now: await databaseNow(tx),
      topics: broker === 'shared' ? await publishedTopics(tx) : [],
    }))
    const round = new Round(options, now)
    round.#board.load(topics)
    return round
  }

  /** The broker may have lost everything. */
  startAgain(): void {
    this.#isAgain = true
  }

  /** @returns how many messages it published, and whether there is more to do */
  async run(): Promise<{ published: number; isDue: boolean }> {
    this.#published = 0
    await this.#look()
    await this.#clear()
    await this.#takeEvidence()
    await this.#takeEvents()
    await this.#publishSpaces()
    await this.#publishSites()
    await this.#keepPositions()
    return { published: this.#published, isDue: this.#board.isDue }
  }

  async #look(): Promise<void> {
    const { database, againMs } = this.#options
    this.#board.see(await database.withSystem((tx) => outboxTenants(tx)))
    if (performance.now() >= this.#againAt) this.#isAgain = true
    if (this.#isAgain) {
      this.#board.again()
      this.#isAgain = false
      this.#againAt = performance.now() + againMs
    }
    for (const tenant of this.#board.moved()) {
      // oxlint-disable-next-line no-await-in-loop -- one tenant in memory after the other
      this.#board.place(tenant, await database.withSystem((tx) => placesOfTenant(tx, tenant.id)))
    }
  }

  /** Before anything is published: a topic may have a new owner. */
  async #clear(): Promise<void> {
    const { orphans, tenants } = this.#board
    while (orphans.size > 0) {
      const some = Array.from(orphans, ([topic, tenantId]) => ({ topic, tenantId })).slice(0, clearedAtOnce)
      // oxlint-disable no-await-in-loop -- so many at a time
      await this.#publish(
        'cleared',
        some.map(({ topic }) => ({ topic, payload: nothing })),
      )
      if (this.#remembers) await this.#options.database.withSystem((tx) => forgetTopics(tx, some))
      // oxlint-enable no-await-in-loop
      for (const { topic, tenantId } of some) {
        orphans.delete(topic)
        tenants.get(tenantId)?.published.delete(topic)
      }
    }
  }

  /** A heartbeat emits no event. What was published because of one meanwhile is published once. */
  async #takeEvidence(): Promise<void> {
    const { database, evidenceMs } = this.#options
    if (performance.now() < this.#evidenceAt) return
    const now = await database.withSystem((tx) => databaseNow(tx))
    const since = new Date(this.#heardUntil.getTime() - overlapMs)
    let page: OutboxSpace[]
    let behind: OutboxSpace | undefined
    do {
      const after = behind
      // oxlint-disable-next-line no-await-in-loop -- page after page
      page = await database.withSystem((tx) => heardSpaces(tx, { since, behind: after, limit: heardAtOnce }))
      this.#board.heard(page)
      behind = page.at(-1)
    } while (page.length === heardAtOnce)
    this.#heardUntil = now
    this.#evidenceAt = performance.now() + evidenceMs
  }

  async #takeEvents(): Promise<void> {
    const ranges = this.#board.ranges(mostEvents)
    if (ranges.length === 0) return
    this.#board.changed(ranges, await this.#options.database.withSystem((tx) => changedSpaces(tx, ranges)))
  }

  async #publishSpaces(): Promise<void> {
    const keys = this.#board.next(mostSpaces)
    for (let at = 0; at < keys.length; at += spacesAtOnce) {
      const some = keys.slice(at, at + spacesAtOnce)
      // oxlint-disable-next-line no-await-in-loop -- so many in memory at a time
      await this.#publishSome(some)
    }
  }

  async #publishSome(keys: readonly OutboxSpace[]): Promise<void> {
    const rows = await this.#options.database.withSystem((tx) => spacesNow(tx, keys))
    const newer: Shown[] = rows.flatMap((now) => {
      const tenant = this.#board.tenants.get(now.tenantId)
      const space = tenant?.spaces.get(now.spaceId)
      return tenant !== undefined && space !== undefined && isNewer(now, space) ? [{ tenant, space, now }] : []
    })
    await this.#remember(newer.map(({ tenant, space }) => ({ tenant, topic: space.topic })))
    await this.#publish(
      'state',
      newer.map(({ space, now }) => ({ topic: space.topic, payload: statePayload(now) })),
    )
    for (const { tenant, space, now } of newer) {
      tenant.siteIsDue(space.siteId, tenant.reached)
      space.version = now.version
      space.observedAt = now.observedAt?.getTime() ?? null
    }
    for (const { tenantId, spaceId } of keys) this.#board.tenants.get(tenantId)?.settle(spaceId)
  }

  async #publishSites(): Promise<void> {
    for (const tenant of this.#board.tenants.values()) {
      const siteIds = [...tenant.dueSites.keys()].filter((siteId) => tenant.sites.has(siteId))
      // oxlint-disable-next-line no-await-in-loop -- one tenant after the other
      if (siteIds.length > 0) await this.#publishSitesOf(tenant, siteIds)
      tenant.dueSites.clear()
    }
  }

  async #publishSitesOf(tenant: TenantBoard, siteIds: readonly string[]): Promise<void> {
    const { id: tenantId, sites } = tenant
    const rows = await this.#options.database.withSystem((tx) => sitesNow(tx, { tenantId, siteIds }))
    const shown = rows.flatMap((site) => {
      const topic = sites.get(site.siteId)
      return topic === undefined ? [] : [{ topic, payload: availabilityPayload(site) }]
    })
    await this.#remember(shown.map(({ topic }) => ({ tenant, topic })))
    await this.#publish('availability', shown)
  }

  async #keepPositions(): Promise<void> {
    const { database, lease } = this.#options
    const reached = this.#board.reached.filter(
      ({ tenantId, position }) => position > (this.#written.get(tenantId) ?? 0),
    )
    if (reached.length === 0) return
    await database.withSystem((tx) => advanceCursors(tx, { follower: outboxFollower, reached, lease }))
    for (const { tenantId, position } of reached) this.#written.set(tenantId, position)
  }

  get #remembers(): boolean {
    return this.#options.broker === 'shared'
  }

  /** Before it is published for the first time: however we end, what is retained is found again. */
  async #remember(topics: readonly { tenant: TenantBoard; topic: string }[]): Promise<void> {
    const anew = topics.filter(({ tenant, topic }) => !tenant.published.has(topic))
    if (anew.length === 0) return
    const rows: PublishedTopic[] = anew.map(({ tenant, topic }) => ({ tenantId: tenant.id, topic }))
    if (this.#remembers) await this.#options.database.withSystem((tx) => rememberTopics(tx, rows))
    for (const { tenant, topic } of anew) tenant.published.add(topic)
  }

  async #publish(kind: 'state' | 'availability' | 'cleared', messages: readonly RetainedMessage[]): Promise<void> {
    if (messages.length === 0) return
    const { outlet, mayGoOn, metrics } = this.#options
    await outlet.publishRetained(messages, mayGoOn)
    this.#published += messages.length
    metrics.outboxPublished.inc({ kind }, messages.length)
  }
}

function isNewer(now: SpaceNow, { version, observedAt }: BoardSpace): boolean {
  return now.version > version || (now.version === version && (now.observedAt?.getTime() ?? null) !== observedAt)
}
