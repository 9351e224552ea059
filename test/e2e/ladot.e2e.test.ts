import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { expectSound, type Simulated } from './support/books.ts'
import { Home } from './support/home.ts'
import { spacesOf } from './support/spaces.ts'

/** A city's log of one day, through MQTT into Postgres and out of the API. Its licence is not stated, so it is not here. */
const data = fileURLToPath(new URL('../../../shared/data/occupancy/', import.meta.url))
const log = 'ladot-events-2026-05-12.csv'
const here = existsSync(`${data}${log}`)
if (!here) process.stderr.write(`skipped: the recorded log of a city is tried where ${data} is\n`)

interface Expected {
  state: 'OCCUPIED' | 'VACANT'
  since: string
  lastEvent: string
  events: number
  changes: number
}

const statusOf = { OCCUPIED: 'occupied', VACANT: 'free' }
const recorded = ['--csv', `${data}${log}`, '--device', 'SpaceID', '--at', 'EventTime_UTC', '--state', 'OccupancyState']
const meaning = ['--occupied', 'OCCUPIED', '--vacant', 'VACANT', '--timezone', 'UTC']
const simulate = ['simulate', ...recorded, ...meaning, '--rebase', '--provision', '--speed', 'max']

describe.skipIf(!here)('the log of a city', () => {
  let home: Home
  let expected: [string, Expected][]

  beforeAll(async () => {
    const all = JSON.parse(readFileSync(`${data}ladot-expected.json`, 'utf8')) as Record<
      string,
      Record<string, Expected>
    >
    expected = Object.entries(all[log] ?? {})
    home = await Home.create()
    await home.start()
  })

  afterAll(() => home.remove())

  it('is read to the last of its 119 spaces', async () => {
    expect(expected).toHaveLength(119)
    const sent = await home.json<Simulated>([...simulate, '--tenant', 'ladot'])
    expect(sent).toMatchObject({ published: 490, acknowledged: 490, readings: 490 })

    const { ledger, verification } = await expectSound(home, 'ladot')
    expect(ledger).toMatchObject({ received: 490, applied: 482, unchanged: 8 })
    expect(verification).toMatchObject({ spaces: 119, inputs: 490 })

    const spaces = await spacesOf(home, { tenant: 'ladot', site: 'main', limit: 50 })
    const shown = Array.from(spaces.values(), ({ code, status, since, observed_at, stale }) => {
      return { code, status, since, observed_at, stale }
    })
    const wanted = expected.map(([code, { state, since, lastEvent }]) => {
      const times = { since: moved(since, sent), observed_at: moved(lastEvent, sent) }
      return { code, status: statusOf[state], ...times, stale: false }
    })
    expect(shown.toSorted(byCode)).toEqual(wanted.toSorted(byCode))
  })

  it('has 363 changes and 119 first readings in it, each where the log has it', async () => {
    const sql = connect({ url: await home.databaseUrl(), max: 1, statementTimeoutMs: 10_000, name: 'e2e' })
    try {
      const rows = await sql<{ code: string; events: number; applied: number; first: number }[]>`
        SELECT s.code, count(*)::int AS events, count(*) FILTER (WHERE r.outcome = 'applied')::int AS applied,
          (min(r.input_seq) FILTER (WHERE r.outcome = 'applied') = min(r.input_seq))::int AS first
        FROM readings r JOIN spaces s ON s.id = r.space_id JOIN tenants t ON t.id = r.tenant_id
        WHERE t.slug = 'ladot' GROUP BY s.code`
      const wanted = expected.map(([code, { events, changes }]) => ({ code, events, applied: changes + 1, first: 1 }))
      expect(Array.from(rows).toSorted(byCode)).toEqual(wanted.toSorted(byCode))
      expect(wanted.reduce((sum, { applied }) => sum + applied - 1, 0)).toBe(363)
    } finally {
      await sql.end()
    }
  })

  it('ends the same when it is sent twice, in any order', async () => {
    const sent = await home.json<Simulated>([...simulate, '--tenant', 'ladot-again', '--shuffle', '--repeat', '2'])
    expect(sent).toMatchObject({ published: 980, acknowledged: 980 })

    const { ledger } = await expectSound(home, 'ladot-again')
    expect(ledger).toMatchObject({ received: 980, duplicate: 490 })
    expect(ledger.applied).toBeLessThanOrEqual(482)
    expect(ledger.applied + ledger.unchanged + ledger.late).toBe(490)

    const spaces = await spacesOf(home, { tenant: 'ladot-again', site: 'main' })
    const shown = Array.from(spaces.values(), ({ code, status, observed_at }) => ({ code, status, observed_at }))
    const wanted = expected.map(([code, { state, lastEvent }]) => {
      return { code, status: statusOf[state], observed_at: moved(lastEvent, sent) }
    })
    expect(shown.toSorted(byCode)).toEqual(wanted.toSorted(byCode))
  })

  it('shows in the counts what it shows space by space', async () => {
    const occupied = expected.filter(([, { state }]) => state === 'OCCUPIED').length
    const site = {
      site: 'main',
      total: 119,
      status: { occupied, free: 119 - occupied, unknown: 0, reserved: 0, blocked: 0, out_of_service: 0 },
      stale: 0,
      free: { known: 119 - occupied, possible: 119 - occupied },
    }
    for (const tenant of ['ladot', 'ladot-again']) {
      // oxlint-disable-next-line no-await-in-loop -- two of them
      const { sites } = await home.get<{ sites: unknown[] }>(`/api/v1/public/${tenant}/availability`)
      expect(sites).toEqual([expect.objectContaining(site)])
    }
  })
})

function moved(time: string, { rebase_offset_ms: offsetMs }: Simulated): string {
  return new Date(Date.parse(time) + offsetMs).toISOString()
}

function byCode(a: { code: string }, b: { code: string }): number {
  return a.code < b.code ? -1 : 1
}
