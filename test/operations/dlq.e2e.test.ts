/** Dead letters as an operator meets them, and `kill -9` of a redrive on its way. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Sql } from '../../src/store/client.ts'
import { inTenant, provision } from '../../src/store/provision.ts'
import { tenantDatabase } from '../../src/store/transactions.ts'
import { eventually } from '../support/program.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'
import { Sender } from '../e2e/support/sender.ts'
import { makeTenant } from '../e2e/support/tenant.ts'

interface Item {
  id: string
  part: number
  tenant: string
  device: string | null
  outcome: string
  reason: string | null
  attempts: number
}

interface List {
  items: Item[]
  next: string | null
}

interface Redriven {
  executed: boolean
  settled: number
  failed: number
  waiting: number
  exhausted: number
  taken: number
  readings: Record<string, number>
}

const devices = Array.from({ length: 10 }, (_, n) => `G${n}`)
const messages = 150
const readingsPerMessage = 20
const readings = messages * readingsPerMessage

let home: Home
let sql: Sql
beforeAll(async () => {
  home = await Home.create()
  await home.start()
  sql = connect({ url: await home.databaseUrl(), max: 2, statementTimeoutMs: 10_000, name: 'e2e' })
})
afterAll(async () => {
  await sql.end({ timeout: 5 })
  await home.remove()
})

/** Each device's readings in order, those of the last messages newest. */
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

async function send(tenant: string, known: readonly string[], all: readonly string[]): Promise<void> {
  const { gateway } = await makeTenant(await home.databaseUrl(), { tenant, devices: known, gateway: 'gw' })
  const sender = await Sender.connect({ port: home.mqttPort, identity: gateway })
  await sender.publish(`parking/v1/${tenant}/gateways/gw/readings`, all)
  await sender.close()
}

async function claim(tenant: string): Promise<void> {
  const database = tenantDatabase({
    url: await home.databaseUrl(),
    max: 1,
    statementTimeoutMs: 10_000,
    name: 'e2e claim',
  })
  await inTenant(database, { slug: tenant }, (tx) =>
    provision(tx, {
      spaces: devices.map((code) => ({ site: 'main', code })),
      devices: devices.map((code) => ({ code, at: { site: 'main', space: code } })),
    }),
  )
  await database.close()
}

const list = (...options: string[]) => home.json<List>(['dlq', 'list', '--tenant', 'lost', ...options])
const redrive = (...options: string[]) => home.json<Redriven>(['dlq', 'redrive', '--tenant', 'lost', ...options])

async function states(tenant: string) {
  return await sql`
    SELECT p.code, s.status, s.since, s.observed_at FROM space_states s
    JOIN spaces p ON p.tenant_id = s.tenant_id AND p.id = s.space_id JOIN tenants t ON t.id = s.tenant_id
    WHERE t.slug = ${tenant} ORDER BY p.code`
}

describe('readings of devices that nobody had made known', () => {
  const all = payloads()

  beforeAll(async () => {
    await send('known', devices, all)
    await send('lost', [], all)
  })

  it('are listed page by page, and shown with all that is known of them', async () => {
    const first = await list('--oldest-first', '--limit', '1000', '--outcome', 'unknown_device')
    expect(first.items).toHaveLength(1000)
    const second = await list('--oldest-first', '--limit', '1', '--cursor', first.next ?? '')
    expect(second.items[0]?.id).toBeTypeOf('string')
    expect(first.items).not.toContainEqual(second.items[0])
    expect(await list('--topic', 'parking/v1/+/devices/#')).toEqual({ items: [], next: null })

    const [item] = first.items
    expect(item).toMatchObject({ tenant: 'lost', device: 'G0', outcome: 'unknown_device', reason: 'no device G0' })
    const { stdout } = await home.run(['dlq', 'list', '--tenant', 'lost', '--oldest-first', '--limit', '1'])
    expect(stdout).toContain(`${item?.id}/${item?.part}`)
    const shown = await home.json<{ payload_text: string; parts: unknown[] }>(['dlq', 'show', item?.id ?? ''])
    expect(all).toContain(shown.payload_text)
    expect(shown.parts).toHaveLength(readingsPerMessage)
    const part = await home.run(['dlq', 'show', `${item?.id}/3`])
    expect(part.stdout).toContain('unknown_device: no device G3')
  })

  it('cannot be shown or redriven where there is nothing to it', async () => {
    expect(await home.run(['dlq', 'show', '01a1fdda-957a-7509-ab33-19f3f75cd471'])).toMatchObject({ code: 1 })
    const late = await home.run(['dlq', 'redrive', '--tenant', 'lost', '--outcome', 'late,malformed', '--execute'])
    expect(late).toMatchObject({ code: 2, stdout: '' })
    expect(late.stderr).toContain('--outcome: late cannot be redriven')
    for (const wrong of [
      ['list', '--topic', 'a/#/b'],
      ['list', '--cursor', 'x'],
      ['list', '--outcome', 'applied'],
      ['show', '1'],
    ]) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await home.run(['dlq', ...wrong])).toMatchObject({ code: 2 })
    }
  })

  it('wait while nothing has changed', async () => {
    expect(await redrive('--execute')).toMatchObject({ settled: 0, waiting: readings, failed: 0 })
  })

  it('are redriven once each though the redrive is killed on its way, and end as if they had been known', async () => {
    await claim('lost')
    const foreseen = await redrive()
    expect(foreseen).toMatchObject({ executed: false, settled: readings, waiting: 0, failed: 0 })
    const settled = async () => {
      const [row] = await sql<{ count: number }[]>`SELECT count(outcome)::int AS count FROM redrive_attempts`
      return row?.count ?? 0
    }
    for (const enough of [300, 1200]) {
      // oxlint-disable no-await-in-loop -- one life after the other
      const running = home.spawn(['dlq', 'redrive', '--tenant', 'lost', '--execute'], { BAYWIRE_BATCH_READINGS: '20' })
      await eventually(`${enough} redriven`, async () => !running.running || (await settled()) >= enough)
      expect(running.running, running.describe()).toBe(true)
      await running.kill()
      expect(await settled()).toBeLessThan(readings)
      // oxlint-enable no-await-in-loop
    }
    // The server may take a moment to see that the one with the lock is gone.
    const last = await eventually('the lock of the one that was killed', () => redrive('--execute'))
    expect(last).toMatchObject({ executed: true, waiting: 0, failed: 0, exhausted: 0, taken: 0 })

    const [counted] = await sql`
      SELECT count(*)::int AS redriven, count(DISTINCT (r.id, r.part))::int AS once FROM readings r WHERE delivery = 'redrive'`
    expect(counted).toEqual({ redriven: readings, once: readings })
    expect(await states('lost')).toEqual(await states('known'))
    expect(await list()).toEqual({ items: [], next: null })
    const { ledger, verification } = await expectSound(home, 'lost')
    expect(ledger).toMatchObject({ received: readings, unknown_device: readings })
    expect(verification).toMatchObject({ inputs: readings })
    expect(await home.metric('baywire_readings_total', { tenant: 'lost', outcome: 'applied' })).toBe(0)
  })
})
