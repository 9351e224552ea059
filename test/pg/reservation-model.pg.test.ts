import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newId } from '../../src/ids.ts'
import { defaultPolicy, type Policy } from '../../src/occupancy/policy.ts'
import { isLive, type Reservation } from '../../src/occupancy/reservation-calendar.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { anyAct } from '../unit/support/reserved-acts.ts'
import { ReservedWorld, type Act } from '../unit/support/reserved-world.ts'
import { ReservedTenant } from './support/reserved.ts'

/**
 * What test/unit/reservation-properties.test.ts shows of the rules is true of Postgres too: readings by ingest, rows by SQL, jobs
 * now and then, and in the end the same as a calendar in memory that looked each minute.
 */
let baywire: TestIngest
let number = 0
beforeAll(async () => {
  baywire = await startTestIngest()
})
afterAll(async () => {
  await baywire.expectSound()
  await baywire.close()
})

const minutes = 120
const script = fc.array(fc.tuple(fc.integer({ min: 0, max: minutes }), anyAct), { minLength: 10, maxLength: 30 })

class Kept {
  readonly tenant: ReservedTenant
  readonly ids: string[] = []
  #readings = 0

  constructor(tenant: ReservedTenant) {
    this.tenant = tenant
  }

  async act(minute: number, act: Act): Promise<void> {
    if (act.kind === 'read') return await this.#read(minute, act.occupied)
    await this.tenant.change(minute, async ({ tx, writer, space, now }) => {
      if (act.kind === 'book') {
        const id = newId()
        const startsAt = new Date(now + act.ahead * 60_000)
        const endsAt = new Date(startsAt.getTime() + act.length * 60_000)
        const made = await tx`
          INSERT INTO reservations (tenant_id, id, space_id, holder_kind, holder_id, state, starts_at, ends_at,
            hold_expires_at, next_due_at, created_at)
          VALUES (${this.tenant.id}, ${id}, ${space.spaceId}, 'user', ${newId()},
            ${act.hold === null ? 'confirmed' : 'pending'}, ${startsAt}, ${endsAt},
            ${act.hold === null ? null : new Date(now + act.hold * 60_000)}, ${new Date(now)}, ${new Date(now)})
          ON CONFLICT DO NOTHING RETURNING id`
        if (made.length > 0) this.ids.push(id)
        return
      }
      const id = this.ids[act.which]
      if (id === undefined) return
      const [row] = await tx`SELECT state, checked_in_at FROM reservations WHERE id = ${id}`
      const isInForce = space.state.reservation.id === id
      if (!isLive(row as Pick<Reservation, 'state'>)) return
      if (act.kind === 'cancel') {
        if (isInForce) writer.step(space, { kind: 'reservation', phase: 'released', reservation: id, at: now })
        await tx`
          UPDATE reservations SET state = 'cancelled', ended_at = ${new Date(now)}, next_due_at = NULL WHERE id = ${id}`
      } else if (act.kind === 'confirm' && row?.['state'] === 'pending') {
        await tx`UPDATE reservations SET state = 'confirmed', next_due_at = ${new Date(now)} WHERE id = ${id}`
      } else if (act.kind === 'check in' && isInForce && row?.['checked_in_at'] === null) {
        writer.step(space, { kind: 'reservation', phase: 'checked_in', reservation: id, at: now })
        await tx`
          UPDATE reservations SET checked_in_at = ${new Date(now)}, next_due_at = ${new Date(now)} WHERE id = ${id}`
      }
    })
  }

  async #read(minute: number, occupied: boolean): Promise<void> {
    baywire.clock.set(this.tenant.at(minute).getTime())
    const reading = { occupied, at: this.tenant.at(minute).toISOString(), seq: ++this.#readings, boot: 1 }
    await baywire.deliver(`parking/v1/${this.tenant.slug}/devices/A1/reading`, reading)
  }

  async rows(): Promise<object[]> {
    const found = await Promise.all(this.ids.map((id) => this.tenant.reservation(id)))
    return found.map(({ next_due_at: _, ...row }) => row)
  }
}

function shown(row: Reservation): object {
  const { state, checkedInAt, checkedOutAt, arrivedAt, contestedAt, overstayedAt, endedAt } = row
  const times = {
    checked_in_at: checkedInAt,
    checked_out_at: checkedOutAt,
    arrived_at: arrivedAt,
    contested_at: contestedAt,
    overstayed_at: overstayedAt,
    ended_at: endedAt,
  }
  const known = Object.entries(times).flatMap(([name, at]) => (at === null ? [] : [[name, at / 60_000] as const]))
  return { state, ...Object.fromEntries(known) }
}

const plain: Policy = { ...defaultPolicy, no_show_after_s: 600 }
const silent: Policy = { ...plain, sensor_timeout_s: 2400, unknown_after_s: 5400 }

it('Postgres and memory end the same, however often somebody looks', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      script,
      fc.constantFrom(plain, silent),
      fc.integer({ min: 15, max: 80 }),
      async (given, policy, every) => {
        const tenant = await ReservedTenant.create(baywire, `model-${++number}`)
        const { no_show_after_s, sensor_timeout_s, unknown_after_s } = policy
        await tenant.policy({ no_show_after_s, sensor_timeout_s, unknown_after_s })
        const world = new ReservedWorld(policy)
        const kept = new Kept(tenant)
        for (let minute = 0; minute <= minutes + 160; minute++) {
          for (const [at, act] of given) {
            if (at !== minute) continue
            world.act(minute, act)
            await kept.act(minute, act)
          }
          world.turn(minute)
          if (minute % every === 0) await tenant.turn(minute)
        }
        await tenant.turn(minutes + 160)
        expect(await kept.rows()).toEqual(world.rows.map(shown))
      },
    ),
    { numRuns: Number(process.env['TEST_RUNS'] ?? 4) },
  )
})
