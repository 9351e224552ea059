import { pino } from 'pino'
import { publicFace } from '../../../src/api/faces.ts'
import { PlaceAnswers } from '../../../src/api/place-answers.ts'
import { Feeds } from '../../../src/live/feeds.ts'
import { Views } from '../../../src/live/views.ts'
import type { Sql } from '../../../src/store/client.ts'
import { availability, publicSites, publicSpaces, siteIdByCode } from '../../../src/store/public.ts'
import { tenantDatabase, type TenantDatabase } from '../../../src/store/transactions.ts'

/** What a process keeps in memory, on a connection of its own that can fail, with a clock that is told. Nothing else wakes it. */
export interface Follower {
  views: Views
  feeds: Feeds
  tenants: TenantDatabase
  /** How often its database was asked since. */
  asked: () => number
  /** From now on each question to the database fails, or none does. */
  fail(failing: boolean): void
  /** What its own clock says passes at once. */
  pass(milliseconds: number): void
  close(): Promise<void>
}

const name = 'test follower'

/** @param options `pollMs` from one look of its own to the next: of the feeds, and of the views */
export function startFollower(url: string, options: { mostViews?: number; pollMs?: number } = {}): Follower {
  const { pollMs = 5, ...bounds } = options
  const database = tenantDatabase({ url, max: 2, statementTimeoutMs: 10_000, name })
  const state = { asked: 0, failing: false, elapsedMs: 0 }
  const ask = <T>(work: () => Promise<T>): Promise<T> => {
    state.asked += 1
    return state.failing ? Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })) : work()
  }
  const tenants: TenantDatabase = {
    ...database,
    withTenant: (id, work) => ask(() => database.withTenant(id, work)),
    withAccounts: (work) => ask(() => database.withAccounts(work)),
    tenantBySlug: (slug) => ask(() => database.tenantBySlug(slug)),
  }
  const log = pino({ level: 'silent' })
  const feeds = new Feeds({ tenants, log, pollMs })
  const elapsed = () => performance.now() + state.elapsedMs
  const views = new Views({ tenants, feeds, log, elapsed, beatMs: pollMs, ...bounds })
  feeds.start()
  views.start()
  return {
    views,
    feeds,
    tenants,
    asked: () => state.asked,
    fail: (failing) => (state.failing = failing),
    pass: (milliseconds) => (state.elapsedMs += milliseconds),
    async close() {
      await views.close()
      await feeds.close()
      await database.close()
    },
  }
}

/** The connections of all followers are lost. */
export async function loseConnections(owner: Sql): Promise<void> {
  await owner`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = ${name}`
}

const everySite = { after: undefined, limit: 1000 }
const timeOf = (time: Date | null) => time?.toISOString() ?? null
const seconds = (from: Date | null, to: Date | null) =>
  from === null || to === null ? null : Math.max(0, Math.floor((to.getTime() - from.getTime()) / 1000))

/** Of a tenant, as the database answers when it is asked each time: what the memory has to agree with. */
export async function databaseAnswer(tenants: TenantDatabase, tenantId: string): Promise<unknown> {
  return await tenants.withTenant(tenantId, async (tx) => {
    const sites = await publicSites(tx, everySite)
    const spaces: Record<string, unknown> = {}
    for (const { code } of sites) {
      // oxlint-disable-next-line no-await-in-loop -- in one transaction
      const rows = await publicSpaces(tx, { ...everySite, siteId: (await siteIdByCode(tx, code)) ?? '' })
      spaces[code] = rows.map(({ since, observedAt, ...space }) => ({
        ...space,
        since: timeOf(since),
        observed_at: timeOf(observedAt),
      }))
    }
    const { asOf, sites: counted } = await availability(tx)
    const counts = counted.map(({ oldestEvidenceAt, ...site }) => ({
      ...site,
      free: { known: site.status.free, possible: site.status.free + site.status.unknown },
      oldest_evidence_s: seconds(oldestEvidenceAt, asOf),
    }))
    return { sites, spaces, counts: { as_of: timeOf(asOf), sites: counts } }
  })
}

const answers = new PlaceAnswers(publicFace)
const read = ({ bytes }: { bytes: Uint8Array }) => JSON.parse(Buffer.from(bytes).toString())

/** The same out of memory; undefined where there is no such tenant there. */
export async function memoryAnswer(views: Views, tenantId: string): Promise<unknown> {
  const view = await views.of(tenantId)
  if (view === undefined) return undefined
  const spaces = view.sites.map((site) => [site.code, read(answers.allSpaces(site)).items])
  return {
    sites: read(answers.allSites(view)).items,
    spaces: Object.fromEntries(spaces),
    counts: read(answers.allCounts(view)),
  }
}
