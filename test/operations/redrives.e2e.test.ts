/** A redrive asked for over HTTP: it waits for a process with the ingest role, and outlives one that is killed over it. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, type Sql } from '../../src/store/client.ts'
import { inTenant, provision } from '../../src/store/provision.ts'
import { tenantDatabase } from '../../src/store/transactions.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'
import { Sender } from '../e2e/support/sender.ts'
import { makeTenant } from '../e2e/support/tenant.ts'
import { eventually, freePort, type Program } from '../support/program.ts'

interface Redrive {
  id: string
  status: string
  reason: string | null
  requested_at: string
  started_at: string | null
  letters_total: number | null
  letters_done: number
  report: Record<string, number> | null
}

const devices = Array.from({ length: 10 }, (_, n) => `G${n}`)
const messages = 150
const readingsPerMessage = 20
const readings = messages * readingsPerMessage

let home: Home
let sql: Sql
beforeAll(async () => {
  home = await Home.create()
  await home.start(['start', 'api', 'jobs'])
  sql = connect({ url: await home.databaseUrl(), max: 2, statementTimeoutMs: 10_000, name: 'e2e' })
})
afterAll(async () => {
  await sql.end({ timeout: 5 })
  await home.remove()
})

/** Its letters are taken in small bites, so that it can be killed between two. */
async function startIngest(name: string, port: number): Promise<Program> {
  const monitorPort = await freePort()
  const env = { BAYWIRE_INSTANCE: name, BAYWIRE_MQTT_PORT: String(port), BAYWIRE_BATCH_READINGS: '20' }
  const program = home.spawn(['start', 'ingest'], { ...env, BAYWIRE_MONITOR_PORT: String(monitorPort) })
  await eventually(`/ready of ${name}`, async () => {
    if (!program.running) throw new Error(program.describe())
    return (await fetch(`http://127.0.0.1:${monitorPort}/ready`)).ok
  })
  return program
}

function payloads(): string[] {
  const start = Date.now() - readings * 1000
  return Array.from({ length: messages }, (_, message) =>
    JSON.stringify({
      readings: Array.from({ length: readingsPerMessage }, (__, part) => {
        const n = message * readingsPerMessage + part
        const at = new Date(start + n * 1000).toISOString()
        return { device: devices[n % devices.length], occupied: (n * 7) % 3 === 0, at, seq: n, boot: 1 }
      }),
    }),
  )
}

async function send(): Promise<void> {
  const { gateway } = await makeTenant(await home.databaseUrl(), { tenant: 'lost', devices: [], gateway: 'gw' })
  const sender = await Sender.connect({ port: home.mqttPort, identity: gateway })
  await sender.publish('parking/v1/lost/gateways/gw/readings', payloads())
  await sender.close()
}

async function claim(): Promise<void> {
  const url = await home.databaseUrl()
  const database = tenantDatabase({ url, max: 1, statementTimeoutMs: 10_000, name: 'e2e claim' })
  await inTenant(database, { slug: 'lost' }, (tx) =>
    provision(tx, {
      spaces: devices.map((code) => ({ site: 'main', code })),
      devices: devices.map((code) => ({ code, at: { site: 'main', space: code } })),
    }),
  )
  await database.close()
}

/** As an operator of the tenant. */
async function signIn(): Promise<(method: string, path: string, body?: unknown) => Promise<Redrive>> {
  const email = 'ada@example.org'
  const words = ['user', 'add', '--email', email, '--name', 'Ada', '--tenant', 'lost', '--role', 'operator']
  const { password } = await home.json<{ password: string }>(words)
  const ask = async (method: string, path: string, sent: { body?: unknown; token?: string }) => {
    const response = await fetch(home.url(`/api/v1${path}`), {
      method,
      headers: {
        ...(sent.body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(sent.token === undefined ? {} : { Authorization: `Bearer ${sent.token}` }),
      },
      ...(sent.body === undefined ? {} : { body: JSON.stringify(sent.body) }),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Record<string, unknown>
  }
  const login = { email, password, new_password: 'plinth gravel otter' }
  const { access_token: token } = await ask('POST', '/auth/login', { body: login })
  return async (method, path, body) => (await ask(method, path, { body, token: String(token) })) as unknown as Redrive
}

it('waits for somebody to do it, and each letter is redriven once though one of two is killed', async () => {
  const receiver = await startIngest('receiver', home.mqttPort)
  await send()
  await receiver.stop()
  await claim()
  const ask = await signIn()
  const asked = await ask('POST', '/redrives', { execute: true, expected_letters: readings })
  expect(asked).toMatchObject({ status: 'waiting', started_at: null, requested_at: expect.any(String) })
  expect((await home.readiness()).ready).toBe(true)

  const settled = async () => {
    const [row] = await sql<{ count: number }[]>`SELECT count(outcome)::int AS count FROM redrive_attempts`
    return row?.count ?? 0
  }
  const processes = [await startIngest('one', home.mqttPort), await startIngest('two', await freePort())]
  await eventually('300 redriven', async () => (await settled()) >= 300)
  const begun = processes.filter((program) => `${program.stdout}${program.stderr}`.includes('redrive begun'))
  expect(begun).toHaveLength(1)
  await begun[0]?.kill()
  const before = await settled()
  expect(before).toBeLessThan(readings)
  expect(await ask('GET', `/redrives/${asked.id}`)).toMatchObject({ status: 'running', letters_total: readings })

  // By the table: whoever asks the API so often is told to come later.
  const isOver = async () => (await sql`SELECT FROM redrives WHERE ended_at IS NOT NULL`).length > 0
  await eventually('the other one goes on, and ends it', isOver, { withinMs: 90_000 })
  const done = await ask('GET', `/redrives/${asked.id}`)
  expect(done).toMatchObject({ status: 'done', reason: null, letters_total: readings, letters_done: readings })
  expect(done.report).toMatchObject({ settled: readings, failed: 0, waiting: 0, exhausted: 0, taken: 0 })
  const [counted] = await sql`
    SELECT count(*)::int AS redriven, count(DISTINCT (id, part))::int AS once FROM readings WHERE delivery = 'redrive'`
  expect(counted).toEqual({ redriven: readings, once: readings })
  const { verification } = await expectSound(home, 'lost')
  expect(verification).toMatchObject({ inputs: readings })
})
