import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { columnOf } from '../../src/csv.ts'
import { readCsv } from '../../src/cli/csv.ts'
import { connect, type Sql } from '../../src/store/client.ts'
import { expectSound, type Simulated } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'

/**
 * Stays of cars at charging stations over years, through MQTT into Postgres: each comes out as one parking session, in
 * whatever order its two readings arrived. The file's licence is not stated, so it is not here.
 */
const file = fileURLToPath(new URL('../../../shared/data/occupancy/acn-sessions-spaces-a.csv', import.meta.url))
const here = existsSync(file)
if (!here) process.stderr.write(`skipped: stays of cars are tried where ${file} is\n`)

const columns = { space: 'spaceID', arrival: 'connectionTime', departure: 'disconnectTime' }
const recorded = ['--csv', file, '--device', columns.space, '--from', columns.arrival, '--to', columns.departure]
const simulate = ['simulate', ...recorded, '--provision', '--speed', 'max']

interface Stay {
  space: string
  from: string
  to: string | null
}

describe.skipIf(!here)('stays of cars', () => {
  let home: Home
  let sql: Sql
  let stays: Stay[]

  beforeAll(async () => {
    stays = await readStays()
    home = await Home.create()
    await home.start()
    sql = connect({ url: await home.databaseUrl(), max: 1, statementTimeoutMs: 10_000, name: 'e2e' })
  })

  afterAll(async () => {
    await sql.end({ timeout: 1 })
    await home.remove()
  })

  const sessionsOf = async (tenant: string): Promise<Stay[]> => {
    const rows = await sql<{ space: string; started_at: Date; ended_at: Date | null; uncertain: boolean }[]>`
      SELECT s.code AS space, p.started_at, p.ended_at, p.uncertain FROM parking_sessions p
      JOIN spaces s ON s.tenant_id = p.tenant_id AND s.id = p.space_id JOIN tenants t ON t.id = p.tenant_id
      WHERE t.slug = ${tenant}`
    expect(rows.filter(({ uncertain }) => uncertain)).toEqual([])
    return Array.from(rows, ({ space, started_at: from, ended_at: to }) => {
      return { space, from: from.toISOString(), to: to?.toISOString() ?? null }
    }).toSorted(byPlace)
  }

  it('has a car that arrives in the second in which another leaves', () => {
    expect(stays).toHaveLength(1601)
    const touching = stays.filter(({ space, to }, i) => stays[i + 1]?.space === space && stays[i + 1]?.from === to)
    expect(touching).toHaveLength(1)
  })

  it.each([
    { tenant: 'acn', options: [] },
    { tenant: 'acn-shuffled', options: ['--shuffle'] },
    { tenant: 'acn-twice', options: ['--shuffle', '--repeat', '2', '--batch', '100', '--gateways', '4'] },
  ])('are the parking sessions of $tenant, none overlapping', async ({ tenant, options }) => {
    const sent = await home.json<Simulated>([...simulate, '--tenant', tenant, ...options])
    expect(sent.acknowledged).toBe(sent.published)
    const sessions = await sessionsOf(tenant)
    expect(sessions).toEqual(stays)
    for (const [i, { space, to }] of sessions.entries()) {
      const next = sessions[i + 1]
      if (next?.space === space) expect(next.from >= (to ?? '9999'), `${space} ${to}`).toBe(true)
    }
    const { ledger } = await expectSound(home, tenant)
    expect(ledger.received - ledger.duplicate).toBe(2 * stays.length)
  })
})

function time(cell: string | undefined): string {
  return new Date(cell ?? '').toISOString()
}

async function readStays(): Promise<Stay[]> {
  const csv = await readCsv(file)
  const [space, arrival, departure] = [columns.space, columns.arrival, columns.departure].map((name) =>
    columnOf(csv, name),
  )
  return csv.rows
    .map(({ cells }) => ({
      space: cells[space ?? -1] ?? '',
      from: time(cells[arrival ?? -1]),
      to: time(cells[departure ?? -1]),
    }))
    .toSorted(byPlace)
}

function byPlace(a: Stay, b: Stay): number {
  if (a.space !== b.space) return a.space < b.space ? -1 : 1
  return a.from < b.from ? -1 : 1
}
