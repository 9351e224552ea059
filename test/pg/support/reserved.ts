import { newId } from '../../../src/ids.ts'
import { sweepDeadlines } from '../../../src/jobs/deadlines.ts'
import { sweepOverrides } from '../../../src/jobs/overrides.ts'
import { followEvidence } from '../../../src/jobs/reservation-evidence.ts'
import { sweepReservations } from '../../../src/jobs/reservations.ts'
import { PolicyCache } from '../../../src/store/policies.ts'
import { settleReservations } from '../../../src/store/reservation-calendar.ts'
import { SpaceMemory, type SpaceKey } from '../../../src/store/space-lock.ts'
import type { SystemDatabase, SystemTransaction } from '../../../src/store/transactions.ts'
import { SpaceWriter, type SteppedSpace } from '../../../src/store/writer.ts'
import type { TestIngest } from '../../support/ingest.ts'

const minuteMs = 60_000

/** What a process with the jobs role does at each of its turns, by a memory of its own. */
export async function turn(baywire: TestIngest, database: SystemDatabase = baywire.system): Promise<number> {
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  const context = { database, memory, clock: baywire.clock }
  await sweepDeadlines(context)
  await sweepOverrides(context)
  const swept = await sweepReservations(context)
  const followed = await followEvidence(context)
  return swept.changed + followed.changed
}

export interface Booking {
  /** Minutes. */
  from: number
  to: number
  made?: number
  /** A hold until then. */
  hold?: number
  space?: string
}

export interface Change {
  tx: SystemTransaction
  writer: SpaceWriter
  space: SteppedSpace
  now: number
}

/** A tenant with one or more spaces, whose times are minutes since it was made. */
export class ReservedTenant {
  readonly slug: string
  readonly id: string
  readonly start: number
  readonly #baywire: TestIngest

  private constructor(baywire: TestIngest, { slug, id }: { slug: string; id: string }) {
    this.#baywire = baywire
    this.slug = slug
    this.id = id
    this.start = baywire.clock.now()
  }

  static async create(baywire: TestIngest, slug: string, devices: readonly string[] = ['A1']) {
    return new ReservedTenant(baywire, { slug, id: await baywire.tenant(slug, devices) })
  }

  at(minute: number): Date {
    return new Date(this.start + minute * minuteMs)
  }

  async policy(fields: object): Promise<void> {
    const { sql } = this.#baywire
    await sql`UPDATE tenants SET policy_version = policy_version + 1 WHERE id = ${this.id}`
    await sql`
      INSERT INTO policies (tenant_id, version, scope, fields)
      SELECT id, policy_version, 'tenant', ${sql.json(fields as never)} FROM tenants WHERE id = ${this.id}`
  }

  /** A reading of `minute`, counted by when it was taken; it arrives now, or then, whichever is later. */
  async read(minute: number, occupied: boolean, device = 'A1'): Promise<void> {
    const { clock } = this.#baywire
    clock.set(Math.max(clock.now(), this.at(minute).getTime()))
    const reading = { occupied, at: this.at(minute).toISOString(), seq: Math.round(minute * 10) + 1, boot: 1 }
    await this.#baywire.deliver(`parking/v1/${this.slug}/devices/${device}/reading`, reading)
  }

  async book({ from, to, made = from - 24 * 60, hold, space = 'A1' }: Booking): Promise<string> {
    const id = newId()
    const state = hold === undefined ? 'confirmed' : 'pending'
    const holdExpiresAt = hold === undefined ? null : this.at(hold)
    await this.#baywire.sql`
      INSERT INTO reservations (tenant_id, id, space_id, holder_kind, holder_id, state, starts_at, ends_at,
        hold_expires_at, next_due_at, created_at)
      SELECT ${this.id}, ${id}, id, 'user', ${newId()}, ${state}, ${this.at(from)}, ${this.at(to)}, ${holdExpiresAt},
        ${this.at(made)}, ${this.at(made)}
      FROM spaces WHERE tenant_id = ${this.id} AND code = ${space}`
    return id
  }

  /** As a verb does it: with the space locked, and with all that is due settled before and after. */
  async change(minute: number, work: (change: Change) => Promise<void>): Promise<void> {
    const { clock, system } = this.#baywire
    clock.set(Math.max(clock.now(), this.at(minute).getTime()))
    const now = clock.now()
    await system.withSystem(async (tx) => {
      const keys = await tx<SpaceKey[]>`
        SELECT tenant_id AS "tenantId", id AS "spaceId" FROM spaces WHERE tenant_id = ${this.id} AND code = 'A1'`
      const writer = await SpaceWriter.lock(tx, { policies: new PolicyCache(), spaces: new SpaceMemory() }, keys)
      const [space] = writer.spaces
      if (space === undefined) throw new Error('no such space')
      await settleReservations(tx, { writer, now })
      await work({ tx, writer, space, now })
      await settleReservations(tx, { writer, now })
      await writer.writeStates(now)
      await writer.writeEvents(now)
    })
  }

  /** The jobs role takes its turn at that minute. */
  async turn(minute: number): Promise<number> {
    const { clock } = this.#baywire
    clock.set(Math.max(clock.now(), this.at(minute).getTime()))
    return await turn(this.#baywire)
  }

  /** Times in minutes; what is null is left out. */
  async reservation(id: string): Promise<Record<string, string | number>> {
    const [row] = await this.#baywire.sql`
      SELECT state, checked_in_at, checked_out_at, arrived_at, contested_at, overstayed_at, ended_at, next_due_at
      FROM reservations WHERE id = ${id}`
    const known = Object.entries(row ?? {}).filter(([, value]) => value !== null)
    return Object.fromEntries(
      known.map(([name, value]) => [name, value instanceof Date ? this.#minute(value) : String(value)]),
    )
  }

  /** Of the calendar alone, or of the evidence too: kind and minute, in the order of the commits. */
  async events({ all = false } = {}): Promise<string[]> {
    const rows = await this.#baywire.sql<{ kind: string; event_time: Date; type: string }[]>`
      SELECT kind, event_time, cause ->> 'type' AS type FROM space_events WHERE tenant_id = ${this.id} ORDER BY position`
    return rows
      .filter(({ type }) => all || type === 'reservation')
      .map(({ kind, event_time: at }) => `${kind} ${this.#minute(at)}`)
  }

  async shown(): Promise<object> {
    const [row] = await this.#baywire.sql<{ status: string; reservation: string }[]>`
      SELECT status, occupancy, reservation FROM space_states WHERE tenant_id = ${this.id} ORDER BY space_id LIMIT 1`
    return { ...row }
  }

  #minute(time: Date): number {
    return (time.getTime() - this.start) / minuteMs
  }
}
