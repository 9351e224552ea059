/** Those who follow a tenant's events while the process that they follow them at is killed, and those who stop reading. */
import { expect } from 'vitest'
import { connect } from '../../src/store/client.ts'
import type { Home } from '../e2e/support/home.ts'
import { eventually, freePort, type Program } from '../support/program.ts'
import { check } from './support/checker.ts'
import { fault } from './support/fault.ts'
import { inHome } from './support/in-home.ts'
import { moments } from './support/random.ts'
import { StreamClient } from './support/stream-clients.ts'
import { makeTenant, type Tenant } from './support/stream-tenants.ts'
import { Traffic } from './support/traffic.ts'

const slugs = ['acme', 'bravo', 'civic']
/** From one kill to the next, in seconds: longer than a start takes, and than it takes to come back. */
const lifeS = 4
const clients = { long: 50, short: 12 }
const settings = Object.fromEntries(
  ['ADDRESS_PER_MINUTE', 'OPEN_PER_MINUTE', 'API_PER_MINUTE', 'API_PER_HOUR', 'API_PER_DAY', 'TENANT_PER_MINUTE'].map(
    (name) => [`BAYWIRE_LIMIT_${name}`, '0'],
  ),
)

fault(
  {
    id: 'G-T9',
    title: 'the process that streams is killed, while many follow',
    times: { perHundred: 50, short: 3 },
    // About a fifth of the readings change something.
    messages: { part: 2.6, short: 15_000 },
  },
  async ({ random, times, messages, long, say }) =>
    await inHome(settings, async (home) => {
      await startIngest(home)
      let api = await home.start(['start', 'api'])
      const tenants = await makeTenants(home)
      const each = long ? clients.long : clients.short
      const followers = (['sse', 'ws'] as const).flatMap((kind) =>
        Array.from({ length: each }, (_, n) => {
          const tenant = tenants[n % tenants.length] as Tenant
          return { tenant, client: new StreamClient(kind, { port: home.httpPort, ...tenant }) }
        }),
      )
      const traffic = new Traffic(home, { messages, tenants: slugs, rate: messages / (times * lifeS) })
      for (const [kill, moment] of moments(random, { times, of: traffic.messages }).entries()) {
        // oxlint-disable no-await-in-loop -- one life after the other
        await traffic.reach(moment)
        await eventually('all follow', () => followers.every(({ client }) => client.connections > kill), {
          withinMs: 60_000,
        })
        await api.kill()
        api = await home.start(['start', 'api'])
        say(`${kill + 1} of ${times} kills, ${traffic.acknowledged()} of ${traffic.messages} acknowledged`)
        // oxlint-enable no-await-in-loop
      }
      const findings = await check(home, traffic)
      const events = await expectComplete(home, { tenants, followers })
      await Promise.all(followers.map(({ client }) => client.stop()))
      await expect(api.stop()).resolves.toMatchObject({ code: 0 })
      const connections = followers.reduce((sum, { client }) => sum + client.connections, 0)
      const resets = followers.reduce((sum, { client }) => sum + client.resets, 0)
      return { ...findings, notes: { events, clients: followers.length, connections, resets } }
    }),
)

interface Following {
  tenants: readonly Tenant[]
  followers: readonly { tenant: Tenant; client: StreamClient }[]
}

/** Every event of the tenant once and in order, none of another's; or a `reset`, and behind it the same. */
async function expectComplete(home: Home, { tenants, followers }: Following): Promise<number> {
  let events = 0
  const allSites = new Map<string, Set<string>>()
  for (const tenant of tenants) {
    // oxlint-disable no-await-in-loop -- one tenant after the other
    const { ids, sites } = await changesOf(home, tenant)
    events += ids.length
    allSites.set(tenant.id, sites)
    const own = followers.filter((one) => one.tenant === tenant).map(({ client }) => client)
    await eventually('all have the last event', () => own.every(({ last }) => last === ids.at(-1)), {
      withinMs: 60_000,
    })
    // oxlint-enable no-await-in-loop
    for (const client of own) {
      expect([...client.sites].filter((site) => !sites.has(site))).toEqual([])
      if (client.resets === 0) expect(client.ids).toEqual(ids)
      else expectInOrder(client.ids, ids)
    }
  }
  const sites = [...allSites.values()].flatMap((of) => [...of])
  expect(new Set(sites).size, 'no site is of two tenants').toBe(sites.length)
  return events
}

function expectInOrder(heard: readonly string[], ids: readonly string[]): void {
  const places = new Map(ids.map((id, place) => [id, place]))
  const found = heard.map((id) => places.get(id) ?? -1)
  expect(found.every((place, n) => place >= 0 && place > (found[n - 1] ?? -1))).toBe(true)
}

async function changesOf(home: Home, { key, start }: Tenant): Promise<{ ids: string[]; sites: Set<string> }> {
  const ids: string[] = []
  const sites = new Set<string>()
  for (let since = start; ;) {
    const path = `/api/v1/changes?limit=1000&since=${since}`
    // oxlint-disable-next-line no-await-in-loop -- page after page
    const response = await fetch(home.url(path), { headers: { Authorization: `Bearer ${key}` } })
    // oxlint-disable-next-line no-await-in-loop
    const { items, next } = (await response.json()) as { items: { id: string; site_id: string }[]; next: string }
    for (const item of items) sites.add(item.site_id)
    ids.push(...items.map(({ id }) => id))
    if (items.length === 0) return { ids, sites }
    since = next
  }
}

/** The database and the broker are another process's: the one that streams has nothing to keep. */
async function startIngest(home: Home): Promise<Program> {
  const port = await freePort()
  const program = home.spawn(['start', 'ingest', 'jobs'], {
    BAYWIRE_MONITOR_PORT: String(port),
    BAYWIRE_INSTANCE: 'ingest',
  })
  await eventually(
    'ingest is ready',
    async () => !program.running || (await fetch(`http://127.0.0.1:${port}/ready`)).ok,
    { withinMs: 60_000 },
  )
  if (!program.running) throw new Error(program.describe())
  return program
}

async function makeTenants(home: Home): Promise<Tenant[]> {
  const sql = connect({ url: await home.databaseUrl(), max: 1, statementTimeoutMs: 20_000, name: 'chaos' })
  try {
    const tenants: Tenant[] = []
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    for (const slug of slugs) tenants.push(await makeTenant(home, { sql, slug }))
    return tenants
  } finally {
    await sql.end()
  }
}
