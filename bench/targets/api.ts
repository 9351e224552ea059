import { connect } from '../../src/store/client.ts'
import { inTenant, provision } from '../../src/store/provision.ts'
import { tenantDatabase } from '../../src/store/transactions.ts'
import { Helper } from '../helper.ts'
import type { HttpAnswer, HttpOrder } from '../load/http.ts'
import { startUse, untilQuiet, type Window } from '../measure.ts'
import { meterOf } from '../processes.ts'
import type { ApiOrder, ApiPorts } from './api-server.ts'
import type { Run } from './target.ts'

/** Requests per second that the API answers from memory, beside what the same process answers without doing anything. */
export const apiNames = ['hello', 'counts', 'not_modified', 'list', 'constant', 'queried'] as const
export type ApiName = (typeof apiNames)[number]

export interface ApiResults {
  windows: Record<ApiName, Window[]>
  /** Of the list. */
  bytes: number
}

const tenant = 'bench-api'
const site = 'main'
const spaces = 500
const connections = 32
const prefix = '/api/v1/public'

type Asked = Pick<HttpOrder, 'port' | 'path' | 'headers' | 'status'>

export async function measureApi(run: Run, { repeats }: { repeats: number }): Promise<ApiResults> {
  const { database, lifecycle, onProgress, warmUpS, seconds } = run
  await provisionSite(database.url)
  const server = await lifecycle.start(
    'api',
    () => Helper.start<ApiOrder, ApiPorts>('targets/api-server.ts'),
    (started) => started.close(),
  )
  const load = await lifecycle.start(
    'http load',
    () => Helper.start<HttpOrder, HttpAnswer>('load/http.ts'),
    (started) => started.close(),
  )
  const ports = await server.ask({ databaseUrl: database.url, tenant, site })
  const asked = await askedOf(ports)
  const results: ApiResults = {
    windows: { hello: [], counts: [], not_modified: [], list: [], constant: [], queried: [] },
    bytes: 0,
  }
  const measure = async (name: ApiName) => {
    await database.settle()
    await untilQuiet(onProgress)
    const usedSince = await startUse({
      api: meterOf(server.pid),
      load: meterOf(load.pid),
      postgres: await database.meter(),
    })
    const answer = await load.ask({ ...asked[name], connections, warmUpS, seconds })
    if (name === 'list') results.bytes = answer.bytes
    results.windows[name].push({
      seconds: answer.seconds,
      rate: answer.requests / answer.seconds,
      ...(await usedSince()),
    })
  }
  /* oxlint-disable no-await-in-loop -- one after the other, so that none takes from another */
  for (let round = 1; round <= repeats; round++) {
    for (const name of apiNames) {
      onProgress(`api, ${name}: ${round} of ${repeats}`)
      await measure(name)
    }
  }
  /* oxlint-enable no-await-in-loop */
  return results
}

async function askedOf({ api, plain }: ApiPorts): Promise<Record<ApiName, Asked>> {
  const counts = { port: api, path: `${prefix}/${tenant}/sites/${site}/availability`, headers: {}, status: 200 }
  const { headers } = await fetch(`http://127.0.0.1:${api}${counts.path}`)
  const beside = (path: string) => ({ port: plain, path: `${prefix}/${path}`, headers: {}, status: 200 })
  return {
    hello: beside('hello'),
    counts,
    not_modified: { ...counts, headers: { 'If-None-Match': headers.get('etag') ?? '' }, status: 304 },
    list: { port: api, path: `${prefix}/${tenant}/sites/${site}/spaces`, headers: {}, status: 200 },
    constant: beside('constant'),
    queried: beside('queried'),
  }
}

/** A site as it is on an ordinary day: of its spaces some are free, most are taken, and of a few nothing is known. */
async function provisionSite(url: string): Promise<void> {
  const tenants = tenantDatabase({ url, max: 1, statementTimeoutMs: 60_000, name: 'baywire bench' })
  const owner = connect({ url, max: 1, statementTimeoutMs: 60_000, name: 'baywire bench' })
  try {
    const create = { name: tenant, public: true }
    const planned = Array.from({ length: spaces }, (_, n) => ({
      site,
      code: `A-${String(n).padStart(3, '0')}`,
      name: `Space ${n}`,
      level: String(n % 3),
      lat: 53.5 + n / 1e5,
      lon: 9.9 + n / 1e5,
      features: n % 10 === 0 ? ['charging'] : [],
    }))
    await inTenant(tenants, { slug: tenant, create }, (tx) =>
      provision(tx, { sites: [{ code: site }], spaces: planned }),
    )
    await owner`
      UPDATE space_states SET observed_at = now(), since = now(), input_seq = 1,
        status = CASE WHEN random() < 0.2 THEN 'free' ELSE 'occupied' END
      WHERE tenant_id = (SELECT id FROM tenants WHERE slug = ${tenant})`
  } finally {
    await Promise.all([tenants.close(), owner.end({ timeout: 5 })])
  }
}
