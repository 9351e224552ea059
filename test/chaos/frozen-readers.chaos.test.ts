/** Readers that stand still as a whole, with their connections open: they cost little, are cut, and miss nothing. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { eventually } from '../support/program.ts'
import { fault } from './support/fault.ts'
import { inHome } from './support/in-home.ts'
import { makeTenant } from './support/stream-tenants.ts'

const readers = { long: 200, short: 10 }
/** More than the buffers of the system take, of 700 bytes each. */
const [commits, eventsPerCommit] = [10, 2000]
const mostMiB = 100
const settings = { BAYWIRE_STREAM_REPLAY_EVENTS: '1000000', BAYWIRE_LIMIT_ADDRESS_PER_MINUTE: '0' }
const script = fileURLToPath(new URL('support/frozen-readers.ts', import.meta.url))

interface Report {
  ids: number
  connections: number
  resets: number
  last: string
}

fault(
  {
    id: 'F16',
    title: 'readers of streams stand still',
    times: { perHundred: 1, short: 1 },
    messages: { part: 0, short: 0 },
  },
  async ({ long, say }) =>
    await inHome(settings, async (home) => {
      const program = await home.start()
      const sql = connect({ url: await home.databaseUrl(), max: 1, statementTimeoutMs: 60_000, name: 'chaos' })
      const count = long ? readers.long : readers.short
      const tenant = await makeTenant(home, { sql, slug: 'frozen' })
      const child = spawn(
        process.execPath,
        [
          '--import',
          import.meta.resolve('tsx'),
          script,
          String(home.httpPort),
          tenant.key,
          tenant.start,
          String(count),
        ],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      )
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const report = async (): Promise<Report[]> => {
        child.stdin.write('\n')
        return JSON.parse(String((await lines.next()).value)) as Report[]
      }
      const streams = () => home.metric('baywire_streams')
      try {
        await eventually('all follow', async () => (await streams()) === count, { withinMs: 60_000 })
        const before = residentMiB(program.pid)
        child.kill('SIGSTOP')
        // oxlint-disable-next-line no-await-in-loop -- commit after commit
        for (let n = 0; n < commits; n++) await commitEvents(sql, tenant.id)
        const frozenAt = performance.now()
        await eventually('all are cut', async () => (await streams()) === 0, { withinMs: 90_000 })
        const cutAfterS = Math.round((performance.now() - frozenAt) / 1000)
        const more = residentMiB(program.pid) - before
        say(`${count} cut after ${cutAfterS} s, ${more} MiB more`)
        expect(more, 'MiB of memory').toBeLessThan(mostMiB)
        child.kill('SIGCONT')
        const events = commits * eventsPerCommit
        const all = await eventually(
          'all have everything',
          async () => {
            const found = await report()
            return found.every(({ ids }) => ids >= events) && found
          },
          { withinMs: 120_000 },
        )
        expect(all.map(({ ids, resets }) => [ids, resets])).toEqual(all.map(() => [events, 0]))
        expect(new Set(all.map(({ last }) => last)).size).toBe(1)
        const findings = { sent: 0, acknowledged: 0, stored: 0, missing: 0, appliedTwice: 0, duplicates: 0 }
        return { ...findings, notes: { readers: count, 'cut after s': cutAfterS, 'MiB more': more, events } }
      } finally {
        child.kill('SIGKILL')
        await sql.end()
      }
    }),
)

function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kib) / 1024)
}

/** Written as they are: what is asked for here is what becomes of events, and not where they come from. */
async function commitEvents(sql: ReturnType<typeof connect>, tenantId: string): Promise<void> {
  const fact = { status: 'free', occupancy: 'vacant', reservation: 'none', override: 'none', stale: false, version: 1 }
  const state = JSON.stringify({ ...fact, since: null, observed_at: null, padding: 'x'.repeat(200) })
  await sql`
    WITH head AS (
      INSERT INTO event_heads AS h (tenant_id, position) VALUES (${tenantId}, ${eventsPerCommit})
      ON CONFLICT (tenant_id) DO UPDATE SET position = h.position + excluded.position RETURNING position
    )
    INSERT INTO space_events
      (tenant_id, position, space_id, input_seq, ordinal, event_time, recorded_at, kind, cause, rule, state)
    SELECT ${tenantId}, head.position - ${eventsPerCommit}::int + n, gen_random_uuid(), n, 0, now(), now(), 'vacated',
      '{"type":"timer"}', 'reading', ${state}::text::json
    FROM head, generate_series(1, ${eventsPerCommit}::int) AS n`
  await sql`SELECT pg_notify('baywire_events', ${tenantId})`
}
