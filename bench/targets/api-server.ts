import { createApi, createMonitor, type Api } from '../../src/api/app.ts'
import { timeOf } from '../../src/api/faces.ts'
import { openToAll } from '../../src/api/public-part.ts'
import { rateLimits } from '../../src/api/rate-limits.ts'
import { PREFIX } from '../../src/api/routes/public-descriptions.ts'
import { startApi } from '../../src/api/server.ts'
import { createAccess } from '../../src/auth/access.ts'
import { systemClock } from '../../src/clock.ts'
import { createLive } from '../../src/live/live.ts'
import { createLog } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import { publicSpaces, siteIdByCode } from '../../src/store/public.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { answerOrders } from '../helper.ts'

/**
 * The API in a process of its own, and beside it, in the same process and behind the same middleware, what it is compared
 * with: a hello world, a constant body of the size of the list, and the list as it would be if each request queried it.
 */
export interface ApiOrder {
  databaseUrl: string
  tenant: string
  site: string
}

export interface ApiPorts {
  api: number
  plain: number
}

const log = createLog({ level: 'warn' })
const parts = { metrics: createMetrics(), log, readiness: () => Promise.resolve({ ready: true, parts: {} }) }
const noLimits = {
  addressPerMinute: 0,
  openPerMinute: 0,
  apiPerMinute: 0,
  apiPerHour: 0,
  apiPerDay: 0,
  tenantPerMinute: 0,
  loginsPerMinute: 0,
}
const limits = rateLimits({
  settings: noLimits,
  store: { take: () => Promise.reject(new Error('nothing is limited')) },
  databaseWaitMs: 1000,
})

answerOrders(async (options: ApiOrder): Promise<ApiPorts> => {
  const { databaseUrl: url } = options
  const tenants = tenantDatabase({ url, max: 10, statementTimeoutMs: 10_000, name: 'baywire bench api' })
  const secret = 'of the benchmark, which lets nobody in'
  const live = createLive({ tenants, secret, log, metrics: createMetrics() })
  live.feeds.start()
  live.views.start()
  const settings = {
    tokens: { issuer: 'bench', minutes: 15 },
    limits: { idleDays: 7, days: 30, hoursWithoutRemember: 24, retryS: 10, perUser: 20 },
    signingKeyDays: 90,
    onOtherSecret: 'refuse' as const,
  }
  const access = createAccess({ tenants, secret, settings, clock: systemClock, log })
  const api = createApi({ ...access, ...parts, tenants, live, limits })
  const port = await listen(api)
  const list = await fetch(`http://127.0.0.1:${port}${PREFIX}/${options.tenant}/sites/${options.site}/spaces`)
  const bytes = (await list.arrayBuffer()).byteLength
  return { api: port, plain: await listen(plainApi(tenants, { ...options, bytes })) }
})

async function listen(app: Api): Promise<number> {
  return (await startApi({ app, host: '127.0.0.1', port: 0, log })).port
}

function plainApi(tenants: TenantDatabase, { tenant, site, bytes }: ApiOrder & { bytes: number }): Api {
  const app = createMonitor(parts)
  app.use(`${PREFIX}/*`, openToAll)
  app.use(`${PREFIX}/*`, limits.perAddress)
  app.get(`${PREFIX}/hello`, (c) => c.text('Hello, world!'))
  const constant = new Uint8Array(bytes).fill('x'.charCodeAt(0))
  app.get(`${PREFIX}/constant`, (c) => c.body(constant, 200, { 'Content-Type': 'application/json' }))
  app.get(`${PREFIX}/queried`, async (c) => {
    const found = await tenants.tenantBySlug(tenant)
    const rows = await tenants.withTenant(found?.id ?? '', async (tx) => {
      const siteId = (await siteIdByCode(tx, site)) ?? ''
      return await publicSpaces(tx, { siteId, after: undefined, limit: 1001 })
    })
    const items = rows.map(({ since, observedAt, ...space }) => ({
      ...space,
      since: timeOf(since?.getTime() ?? null),
      observed_at: timeOf(observedAt?.getTime() ?? null),
    }))
    return c.json({ items, next: null })
  })
  return app
}
