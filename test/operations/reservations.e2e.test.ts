/** Two processes with the jobs role take reservations on while cars come and go; one of them is killed again and again. */
import postgres from 'postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newId } from '../../src/ids.ts'
import { eventually, type Program } from '../support/program.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'

const spaces = 10
const windows = 8
const windowMs = 3000

let home: Home
let sql: postgres.Sql
beforeAll(async () => {
  home = await Home.create({ BAYWIRE_SWEEP_MS: '50' })
  await home.start(['start', 'ingest', 'api'])
  sql = postgres(await home.databaseUrl(), { max: 2 })
})
afterAll(async () => {
  await sql.end({ timeout: 5 })
  await home.remove()
})

/** Sensors of all spaces, that say something at random. */
const simulate = (messages: number, rate: string) =>
  `simulate --tenant kept --provision --spaces ${spaces} --messages ${messages} --rate ${rate}`.split(' ')

/** One behind the other at each space, touching. */
async function book(): Promise<void> {
  await sql`UPDATE tenants SET policy_version = 1 WHERE slug = 'kept'`
  await sql`
    INSERT INTO policies (tenant_id, version, scope, fields)
    SELECT id, 1, 'tenant', '{"reserved_soon_s": 1, "no_show_after_s": 1, "check_in_grace_s": 1}' FROM tenants`
  const rows = await sql<{ tenant_id: string; id: string }[]>`SELECT tenant_id, id FROM spaces`
  const first = Date.now() + windowMs
  const made = rows.flatMap((space) =>
    Array.from({ length: windows }, (_, index) => ({
      tenant_id: space.tenant_id,
      id: newId(),
      space_id: space.id,
      holder_kind: 'user',
      holder_id: newId(),
      state: 'confirmed',
      starts_at: new Date(first + index * windowMs),
      ends_at: new Date(first + (index + 1) * windowMs),
      next_due_at: new Date(first + index * windowMs - 1000),
    })),
  )
  await sql`INSERT INTO reservations ${sql(made)}`
}

const countLive = async () => {
  const [row] = await sql<{ live: number }[]>`
    SELECT count(*)::int AS live FROM reservations WHERE state IN ('pending', 'confirmed', 'active')`
  return row?.live ?? 0
}

it('takes each of them on once, whoever is killed', { timeout: 180_000 }, async () => {
  await home.json(simulate(spaces, 'max'))
  const survivor = home.spawn(['start', 'jobs'], { BAYWIRE_INSTANCE: 'survivor' })
  await eventually('the jobs', async () => (await sql`SELECT FROM job_runs WHERE job = 'reservations'`).length > 0)
  await book()
  const cars = home.spawn(simulate(spaces * windows * 3, '10'))
  let killed = 0
  let victim: Program | undefined
  while ((await countLive()) > 0) {
    victim = home.spawn(['start', 'jobs'], { BAYWIRE_INSTANCE: `victim-${killed}` })
    const name = `victim-${killed}/%`
    await eventually('its work', async () => {
      if ((await countLive()) === 0) return true
      return (await sql`SELECT FROM job_runs WHERE process LIKE ${name}`).length > 0 || (await working(victim))
    })
    await victim.kill()
    killed += 1
  }
  await cars.end(60_000)
  expect(killed).toBeGreaterThan(0)
  await expectOnce()
  expect(await survivor.stop()).toMatchObject({ code: 0 })
  await expectSound(home, 'kept')
})

/** It has opened connections of the jobs role besides those of the survivor. */
async function working(program: Program | undefined): Promise<boolean> {
  if (program?.running !== true) throw new Error(`not running: ${program?.describe()}`)
  const found = await sql`SELECT FROM pg_stat_activity WHERE application_name = 'baywire jobs listener'`
  return found.length > 1
}

async function expectOnce(): Promise<void> {
  const states = await sql<{ state: string; count: number }[]>`
    SELECT state, count(*)::int AS count FROM reservations GROUP BY state`
  expect(states.reduce((sum, { count }) => sum + count, 0)).toBe(spaces * windows)
  for (const { state } of states) expect(['completed', 'no_show']).toContain(state)
  const wrong = await sql`
    SELECT r.id, r.state, r.checked_in_at, r.starts_at, r.ended_at, e.kinds FROM reservations r
    CROSS JOIN LATERAL (
      SELECT coalesce(jsonb_object_agg(kind, n), '{}') AS kinds FROM (
        SELECT kind, count(*) AS n FROM space_events
        WHERE space_id = r.space_id AND cause ->> 'id' = r.id::text GROUP BY kind) k) e
    WHERE coalesce((kinds ->> 'reserved')::int, 0) <> 1
      OR coalesce((kinds ->> 'released')::int, 0) + coalesce((kinds ->> 'no_show')::int, 0) <> 1
      OR coalesce((kinds ->> 'reserved_soon')::int, 0) > 1
      OR coalesce((kinds ->> 'checked_in')::int, 0) <> (r.checked_in_at IS NOT NULL)::int
      OR coalesce((kinds ->> 'overstayed')::int, 0) > 1 OR coalesce((kinds ->> 'contested')::int, 0) > 2
      OR r.ended_at > r.ends_at OR r.ended_at < r.starts_at`
  expect(wrong).toEqual([])
}
