import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Sql } from '../../src/store/client.ts'
import { consumerUser, mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { stateOf, Watcher } from '../support/outbox.ts'
import { eventually, type Program } from '../support/program.ts'
import { Home } from '../e2e/support/home.ts'

/** States on a Mosquitto while the processes that publish them are killed, and the broker too. */
const tenant = 'acme'
const gateway = { username: `${tenant}/gateways/simulator-1`, secret: 'simulator-secret' }
const app = { username: `${tenant}/apps/app`, secret: 'app-secret' }
const users = { one: consumerUser, two: { username: 'baywire-two', secret: 'second-secret' } }
type Name = keyof typeof users
const spaces = 50
/** More than a lease lasts, and what a loaded machine takes. */
const takeoverMs = 30_000

describe.skipIf(mosquittoProgram === undefined)('states while processes are killed (needs mosquitto)', () => {
  let mosquitto: Mosquitto
  let home: Home
  let sql: Sql
  let watcher: Watcher
  const ingests = new Map<Name, Program>()

  async function startIngest(name: Name): Promise<void> {
    const env = { MQTT_URL: mosquitto.url(users[name]), BAYWIRE_INSTANCE: name, BAYWIRE_HTTP_PORT: '0' }
    const program = home.spawn(['start', 'ingest'], env)
    ingests.set(name, program)
    await eventually(`ingest ${name}`, () => program.stderr.includes('consuming from') || !program.running)
    expect(program.running, program.describe()).toBe(true)
  }

  async function holder(): Promise<Name | undefined> {
    const [lease] = await sql<{ holder: string }[]>`
      select holder from leases where name = 'outbox' and expires_at > now()`
    return lease?.holder.split('/')[0] as Name | undefined
  }

  /** The tenant's states as they are stored, by topic. */
  async function stored(): Promise<Map<string, { status: string; version: number }>> {
    const rows = await sql<{ site: string; space: string; status: string; version: number }[]>`
      select i.code as site, p.code as space, s.status, s.version from space_states s
      join spaces p on p.id = s.space_id join sites i on i.id = p.site_id`
    return new Map(rows.map(({ site, space, status, version }) => [stateOf(tenant, space, site), { status, version }]))
  }

  async function showsWhatIsStored(): Promise<boolean> {
    const all = await stored()
    return (
      all.size === spaces &&
      [...all].every(([topic, { status, version }]) => {
        const shown = watcher.last(topic)
        return shown?.['status'] === status && shown['version'] === version
      })
    )
  }

  beforeEach(async () => {
    mosquitto = await startMosquitto([gateway, app, users.two])
    home = await Home.create({ BAYWIRE_RETRY_MIN_MS: '100' })
    await home.start(['start', 'api', 'jobs'])
    sql = connect({ url: await home.databaseUrl(), max: 1, statementTimeoutMs: 10_000, name: 'e2e' })
    await Promise.all([startIngest('one'), startIngest('two')])
    const { username, secret } = app
    watcher = await Watcher.open({ port: mosquitto.port, username, secret, filters: [stateOf(tenant, '+', '+')] })
  })

  afterEach(async () => {
    await watcher.close()
    await sql.end({ timeout: 1 })
    await home.remove()
    await mosquitto.stop()
  })

  it(
    'the other takes over each time, the last state of each arrives, and none goes back',
    { timeout: 300_000 },
    async () => {
      const size = `--spaces ${spaces} --rate 300 --duration 45s --give-up 120s`.split(' ')
      const simulation = home.spawn(['simulate', '--tenant', tenant, '--provision', '--json', ...size], {
        MQTT_URL: mosquitto.url(gateway),
      })
      for (let round = 0; round < 4; round++) {
        // oxlint-disable no-await-in-loop -- round after round
        const name = await eventually('somebody publishes', holder, { withinMs: takeoverMs })
        const heard = watcher.heard.length
        await eventually('states', () => watcher.heard.length > heard, { withinMs: takeoverMs })
        // Anywhere in a round of its own.
        await pause(Math.random() * 300)
        await ingests.get(name)?.kill()
        if (round === 2) await mosquitto.restart({ signal: 'SIGKILL' })
        await startIngest(name)
        // oxlint-enable no-await-in-loop
      }
      const { code } = await simulation.end(180_000)
      expect(code).toBe(0)
      await eventually('what is stored is shown', showsWhatIsStored, { withinMs: takeoverMs })
      expect(watcher.wentBack()).toEqual([])
      const retained = await Watcher.open({
        port: mosquitto.port,
        username: app.username,
        secret: app.secret,
        filters: [stateOf(tenant, '+', '+')],
      })
      await eventually('retained', () => new Set(retained.heard.map(({ topic }) => topic)).size === spaces)
      const all = await stored()
      for (const { topic, body } of retained.heard) expect(body).toMatchObject(all.get(topic) ?? {})
      await retained.close()
      await eventually('nothing is missing', async () => {
        const [row] = await sql<{ missing: number }[]>`
        select count(*)::int as missing from event_heads h left join event_cursors c
          on c.tenant_id = h.tenant_id and c.follower = 'mqtt' where coalesce(c.position, 0) < h.position`
        return row?.missing === 0
      })
    },
  )
})
