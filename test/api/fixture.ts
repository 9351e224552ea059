import { pino } from 'pino'
import type { Access } from '../../src/auth/access.ts'
import { createApi, type Api, type ApiOptions } from '../../src/api/app.ts'
import { newId } from '../../src/ids.ts'
import { createMetrics } from '../../src/metrics.ts'
import { connect, type Sql } from '../../src/store/client.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { testAccess, testSecret } from '../support/access.ts'
import { createLive, type Live } from '../../src/live/live.ts'
import { createTestDatabase } from '../support/database.ts'
import { upToDate } from '../support/up-to-date.ts'

/** A database of one's own with the API on it, as the role that the API has in production. */
export interface ApiFixture {
  app: Api
  url: string
  /** Who may ask it; others than its own come with `otherApi`. */
  access: Access
  /** What its app has in memory: as the database has it before each request that is answered from it. */
  live: Live
  /** What the API reads through: the role `baywire_api`, one tenant per transaction. */
  tenants: TenantDatabase
  /** As the owner, whom row level security does not hold here: for fixtures. */
  owner: Sql
  /** Of the database, as its owner. */
  ownerUrl: string
  /** The same API with other options. */
  otherApi(options: OtherOptions): Api
  drop(): Promise<void>
}

const STATEMENT_TIMEOUT_MS = 10_000

interface OtherOptions extends Partial<ApiOptions> {
  statementTimeoutMs?: number
}

export async function apiFixture(): Promise<ApiFixture> {
  const database = await createTestDatabase()
  const owner = connect({ url: database.ownerUrl, max: 2, statementTimeoutMs: 10_000, name: 'test owner' })
  const opened: TenantDatabase[] = []

  function tenantsWith(statementTimeoutMs: number): TenantDatabase {
    const tenants = tenantDatabase({ url: database.ownerUrl, max: 2, statementTimeoutMs, name: 'test api' })
    opened.push(tenants)
    return tenants
  }

  const shared = tenantsWith(STATEMENT_TIMEOUT_MS)
  const access = testAccess({ tenants: shared })
  await access.maintenance.run()

  function apiWith({ statementTimeoutMs = STATEMENT_TIMEOUT_MS, ...options }: OtherOptions = {}): Api {
    const log = pino({ level: 'silent' })
    const tenants = options.tenants ?? tenantsWith(statementTimeoutMs)
    const live = options.live ?? createLive({ tenants, secret: testSecret, log, metrics: createMetrics() })
    const app = createApi({
      ...access,
      tenants,
      metrics: createMetrics(),
      log,
      readiness: () => Promise.resolve({ ready: true, parts: {} }),
      ...options,
      live,
    })
    return upToDate(app, live)
  }

  return {
    url: database.ownerUrl,
    access,
    live: access.live,
    app: apiWith({ tenants: shared, live: access.live }),
    tenants: shared,
    owner,
    ownerUrl: database.ownerUrl,
    otherApi: apiWith,
    async drop() {
      await access.authenticator.settled()
      await Promise.all([owner.end({ timeout: 1 }), ...opened.map((tenants) => tenants.close())])
      await database.drop()
    },
  }
}

export async function insertTenant(
  owner: Sql,
  { slug, open = true }: { slug: string; open?: boolean },
): Promise<string> {
  const id = newId()
  await owner`insert into tenants (id, slug, name, public) values (${id}, ${slug}, ${slug}, ${open})`
  return id
}

export async function insertSite(owner: Sql, site: { tenantId: string; code: string; name?: string }): Promise<string> {
  const id = newId()
  await owner`
    insert into sites (tenant_id, id, code, name, lat, lon)
    values (${site.tenantId}, ${id}, ${site.code}, ${site.name ?? site.code}, 53.5, 9.9)`
  return id
}

export interface SpaceFixture {
  tenantId: string
  siteId: string
  code: string
  /** None: a space that was never heard. */
  state?: Partial<StateFixture>
}

interface StateFixture {
  status: string
  occupancy: string
  stale: boolean
  since: string
  observedAt: string | null
  updatedAt: string
}

export async function insertSpace(owner: Sql, { tenantId, siteId, code, state }: SpaceFixture): Promise<void> {
  const id = newId()
  await owner`
    insert into spaces (tenant_id, id, site_id, code, name, level, lat, lon, features)
    values (${tenantId}, ${id}, ${siteId}, ${code}, ${`Space ${code}`}, '-1', 53.5, 9.9, array['ev', 'disabled'])`
  if (state === undefined) return
  const { status = 'free', occupancy = 'vacant', stale = false, since = '2026-11-20T08:00:00.120Z' } = state
  const { observedAt = '2026-11-20T08:30:00Z', updatedAt = '2026-11-20T09:00:00.250Z' } = state
  await owner`
    insert into space_states
      (tenant_id, space_id, status, occupancy, reservation, override, stale, since, observed_at, input_seq, version, state, updated_at)
    values
      (${tenantId}, ${id}, ${status}, ${occupancy}, 'none', 'none', ${stale}, ${since}, ${observedAt}, 1, 1, '{}', ${updatedAt})`
}
