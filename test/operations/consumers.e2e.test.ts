/**
 * Two ingest processes share the readings of one Mosquitto, and one of them is killed again and again: the spaces end
 * as with one process that nobody kills, and each reading counts once. In full size, with the recorded log of a city:
 * `BAYWIRE_CONSUMER_REPEAT=20 BAYWIRE_CONSUMER_KILLS=10 npx vitest run --project e2e consumers`.
 */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { eventually, type Program } from '../support/program.ts'
import { AckLog } from '../e2e/support/acknowledged.ts'
import { expectSound, type Simulated } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'
import { compareWithLog } from '../e2e/support/log.ts'
import { spacesOf } from '../e2e/support/spaces.ts'

const repeat = Number(process.env['BAYWIRE_CONSUMER_REPEAT'] ?? 5)
const kills = Number(process.env['BAYWIRE_CONSUMER_KILLS'] ?? 3)
const limitMs = 60_000 + kills * 15_000
const recorded = fileURLToPath(new URL('../../../shared/data/occupancy/ladot-events-2026-05-12.csv', import.meta.url))
const columns = '--device SpaceID --at EventTime_UTC --state OccupancyState --occupied OCCUPIED --vacant VACANT'
const shareGroup = 'a-group-that-nobody-can-guess'
const tenants = { alone: 'alone', shared: 'shared' }
const own = (name: string) => ({ username: `baywire-${name}`, secret: `secret-of-${name}` })
const gateway = (tenant: string) => ({ username: `${tenant}/gateways/simulator-1`, secret: 'simulator-secret' })

describe.skipIf(mosquittoProgram === undefined)('two consumers of one broker (needs mosquitto)', () => {
  let mosquitto: Mosquitto
  let home: Home
  let sql: ReturnType<typeof connect>
  let log: string
  let second: { MQTT_URL: string; BAYWIRE_INSTANCE: string }

  beforeAll(async () => {
    mosquitto = await startMosquitto([own('one'), own('two'), ...Object.values(tenants).map(gateway)])
    home = await Home.create({
      MQTT_URL: mosquitto.url(own('one')),
      BAYWIRE_INSTANCE: 'one',
      BAYWIRE_SHARE_GROUP: shareGroup,
      // Small, so that there is always something on the way when a process is killed.
      BAYWIRE_BATCH_READINGS: '20',
      BAYWIRE_RECEIVE_MAXIMUM: '40',
    })
    second = { MQTT_URL: mosquitto.url(own('two')), BAYWIRE_INSTANCE: 'two' }
    await home.start()
    sql = connect({ url: await home.databaseUrl(), max: 1, statementTimeoutMs: 10_000, name: 'e2e' })
    log = existsSync(recorded) ? recorded : await makeLog(home.directory)
  })

  afterAll(async () => {
    await sql.end()
    await home.remove()
    await mosquitto.stop()
  })

  async function simulate(tenant: string): Promise<{ sent: Simulated; ackLog: AckLog }> {
    const ackLog = new AckLog(join(home.directory, `${tenant}.ndjson`))
    const how = ['--timezone', 'UTC', '--rebase', '--provision', '--speed', 'max', '--shuffle', '--repeat', `${repeat}`]
    const what = ['--tenant', tenant, '--csv', log, ...columns.split(' '), '--ack-log', ackLog.path]
    const env = { MQTT_URL: mosquitto.url(gateway(tenant)) }
    return { sent: await home.json<Simulated>(['simulate', ...what, ...how], { env }), ackLog }
  }

  /** Of a tenant, or of those that an instance has committed. */
  async function committed({ tenant, writer = '%' }: { tenant: string; writer?: string }): Promise<number> {
    const [row] = await sql<{ received: number }[]>`
      SELECT coalesce(sum(l.received), 0)::int AS received FROM ledger_entries l JOIN tenants t ON t.id = l.tenant_id
      WHERE t.slug = ${tenant} AND l.writer LIKE ${writer}`
    return row?.received ?? 0
  }

  async function allCommitted(tenant: string, deliveries: number): Promise<void> {
    const enough = async () => (await committed({ tenant })) >= deliveries
    await eventually('all of it', enough, { withinMs: limitMs })
  }

  async function startSecond(): Promise<Program> {
    const program = home.spawn(['start', 'ingest'], second)
    await eventually('the second consumer', () => program.stderr.includes('consuming from'))
    return program
  }

  /** What a driver sees, with the times of the log. */
  async function shown(tenant: string, { rebase_offset_ms: offsetMs }: Simulated): Promise<Record<string, unknown>> {
    const spaces = await spacesOf(home, { tenant, site: 'main' })
    return Object.fromEntries(
      Array.from(spaces.values(), ({ code, status, occupancy, stale, observed_at }) => [
        code,
        { status, occupancy, stale, observed: Date.parse(observed_at ?? '') - offsetMs },
      ]),
    )
  }

  it(`end as one does, though one of them is killed ${kills} times`, { timeout: limitMs }, async () => {
    const alone = await simulate(tenants.alone)
    const { published } = alone.sent
    await allCommitted(tenants.alone, published)
    await expectSound(home, tenants.alone)

    let program = await startSecond()
    const sending = simulate(tenants.shared)
    for (let kill = 1; kill <= kills; kill++) {
      // oxlint-disable no-await-in-loop -- one life after the other
      const enough = (kill * published) / 2 / (kills + 1)
      const progress = () => committed({ tenant: tenants.shared, writer: 'two/%' })
      await eventually('a part of its share', async () => (await progress()) >= enough, { withinMs: limitMs })
      await program.kill()
      if (kill < kills) program = await startSecond()
      // oxlint-enable no-await-in-loop
    }
    const { sent, ackLog } = await sending
    expect(sent).toMatchObject({ published, acknowledged: published })
    expect(await committed({ tenant: tenants.shared }), 'its share waits for it').toBeLessThan(published)

    // It will not come back.
    const { messages } = await home.json<{ messages: number }>(['mosquitto', 'drain'], { env: second })
    expect(messages).toBeGreaterThan(0)
    await allCommitted(tenants.shared, published)

    const { ledger, verification } = await expectSound(home, tenants.shared)
    const compared = await compareWithLog(await home.databaseUrl(), {
      tenant: tenants.shared,
      acknowledged: ackLog.readings(),
    })
    expect(compared).toMatchObject({ missing: [], appliedTwice: [], neverApplied: [] })
    expect(compared.identities).toBe(published / repeat)
    expect(ledger).toMatchObject({ received: compared.deliveries, malformed: 0, unknown_device: 0 })
    expect(ledger.received - ledger.duplicate).toBe(compared.identities)
    expect(verification.inputs).toBe(compared.identities)
    expect(await committed({ tenant: tenants.shared, writer: 'one/%' })).toBeGreaterThan(published / 4)
    expect(await shown(tenants.shared, sent)).toEqual(await shown(tenants.alone, alone.sent))
  })

  it('one goes on alone after that, and misses nothing', async () => {
    const before = await committed({ tenant: tenants.alone })
    const { sent } = await simulate(tenants.alone)
    await allCommitted(tenants.alone, before + sent.published)
    await expectSound(home, tenants.alone)
  })
})

/** Where the recorded log is not: as many changes of as many spaces within a day, each of another length. */
async function makeLog(directory: string): Promise<string> {
  const rows = ['SpaceID,EventTime_UTC,OccupancyState']
  for (let space = 0; space < 100; space++) {
    for (let change = 0; change < 5; change++) {
      const minute = (space * 37 + change * (61 + space)) % (24 * 60)
      const time = new Date(Date.UTC(2026, 4, 12, 0, minute)).toISOString()
      rows.push(`S${space},${time},${change % 2 === 0 ? 'OCCUPIED' : 'VACANT'}`)
    }
  }
  const path = join(directory, 'made.csv')
  await writeFile(path, `${rows.join('\n')}\n`)
  return path
}
