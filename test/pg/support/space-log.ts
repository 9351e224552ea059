import type { Input } from '../../../src/occupancy/input.ts'
import type { SpaceState } from '../../../src/occupancy/state.ts'
import { restored } from '../../../src/occupancy/state.ts'
import { sweepDeadlines } from '../../../src/jobs/deadlines.ts'
import { PolicyCache } from '../../../src/store/policies.ts'
import { SpaceMemory } from '../../../src/store/space-lock.ts'
import { SpaceWriter } from '../../../src/store/writer.ts'
import type { Chance } from '../../support/seeded.ts'
import type { TestIngest } from '../../support/ingest.ts'

/** A space with two sensors and all that may befall it, and what was shown after each moment. */
export interface SpaceLog {
  readonly tenantId: string
  readonly spaceId: string
  /** What was shown from a time on, the oldest first. */
  readonly shown: readonly Shown[]
  readonly start: number
}

export interface Shown {
  readonly at: number
  readonly columns: Record<string, unknown>
  readonly state: SpaceState
}

export interface Wanted {
  readonly slug: string
  readonly chance: Chance
  readonly steps: number
  readonly debounce: { readings: number; hold_s: number } | null
  /** What else may befall it, each as likely as an override. */
  readonly also?: readonly Turn[]
  /** Whether heartbeats teach anything, until the policy says otherwise. */
  readonly learns?: boolean
  /** Done when half of it has happened. */
  readonly halfWay?: (space: { tenantId: string; spaceId: string }) => Promise<void>
}

/** Its policy changes; a sensor is moved away or back; a gateway sends several at once; a sensor says that it is a heartbeat. */
export type Turn = 'policy' | 'move' | 'gateway' | 'heartbeat'

export const policyTimeouts = { sensor_timeout_s: 600, unknown_after_s: 1500 }

export async function randomLog(baywire: TestIngest, wanted: Wanted): Promise<SpaceLog> {
  const { slug, chance, steps, debounce, also = [], learns = true, halfWay } = wanted
  const tenantId = await baywire.tenant(slug, ['A1', 'A2', 'ELSEWHERE'])
  const spaceId = await spaceOf(baywire, { tenantId, code: 'A1' })
  await baywire.sql`
    UPDATE device_assignments SET space_id = ${spaceId} WHERE tenant_id = ${tenantId}
      AND device_id = (SELECT id FROM devices WHERE tenant_id = ${tenantId} AND code = 'A2')`
  await setPolicy(baywire, { tenantId, fields: { ...policyTimeouts, debounce, learn_freshness: learns } })
  const log = new Log(baywire, { tenantId, spaceId, slug, chance, also })
  for (let n = 0; n < steps; n++) {
    // oxlint-disable-next-line no-await-in-loop -- in order
    await log.next()
    // oxlint-disable-next-line no-await-in-loop
    if (n === Math.floor(steps / 2)) await halfWay?.({ tenantId, spaceId })
  }
  return { tenantId, spaceId, shown: log.shown, start: log.start }
}

export async function spaceOf(
  baywire: TestIngest,
  { tenantId, code }: { tenantId: string; code: string },
): Promise<string> {
  const [row] = await baywire.sql<{ id: string }[]>`
    SELECT id FROM spaces WHERE tenant_id = ${tenantId} AND code = ${code}`
  if (row === undefined) throw new Error(`no space ${code}`)
  return row.id
}

export async function setPolicy(
  baywire: TestIngest,
  { tenantId, fields, version = 1 }: { tenantId: string; fields: object; version?: number },
): Promise<void> {
  await baywire.sql`
    INSERT INTO policies (tenant_id, version, scope, fields)
    VALUES (${tenantId}, ${version}, 'tenant', ${JSON.stringify(fields)}::text::jsonb)`
  await baywire.sql`UPDATE tenants SET policy_version = ${version} WHERE id = ${tenantId}`
}

/** Steps a space by something that is no reading, as the calendar and operators do. */
export async function stepSpace(
  baywire: TestIngest,
  key: { tenantId: string; spaceId: string },
  input: Exclude<Input, { kind: 'reading' }>,
): Promise<void> {
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  await baywire.system.withSystem(async (tx) => {
    const writer = await SpaceWriter.lock(tx, memory, [key])
    const space = writer.space(key.spaceId)
    if (space === undefined) throw new Error('no space')
    writer.step(space, input)
    await writer.writeStates(baywire.clock.now())
    await writer.writeEvents(baywire.clock.now())
  })
}

export async function sweep({ system, clock }: TestIngest): Promise<void> {
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  await sweepDeadlines({ database: system, memory, clock })
}

interface LogOf {
  readonly tenantId: string
  readonly spaceId: string
  readonly slug: string
  readonly chance: Chance
  readonly also: readonly Turn[]
}

interface Sent {
  device: string
  body: object
}

class Log {
  readonly shown: Shown[] = []
  readonly start: number
  readonly #baywire: TestIngest
  readonly #of: LogOf
  readonly #sent: Sent[] = []
  readonly #counters = { A1: 0, A2: 0 }
  #reservation: string | undefined
  #reservations = 0

  #policies = 1
  #isAway = false

  constructor(baywire: TestIngest, of: LogOf) {
    this.#baywire = baywire
    this.#of = of
    this.start = baywire.clock.now()
  }

  async next(): Promise<void> {
    const { chance } = this.#of
    this.#baywire.clock.advance(1 + chance.below(chance.pick([1000, 20_000, 200_000, 900_000])))
    const kind = chance.pick([
      'reading',
      'reading',
      'reading',
      'burst',
      'again',
      'late',
      'sweep',
      'override',
      'reservation',
      ...this.#of.also,
    ])
    await this.#do(kind)
    await this.#look()
  }

  async #do(kind: string): Promise<void> {
    const { chance } = this.#of
    if (kind === 'reading') return await this.#send([this.#reading(0)])
    if (kind === 'burst') return await this.#send(Array.from({ length: 2 + chance.below(4) }, () => this.#reading(5)))
    if (kind === 'late') return await this.#send([this.#reading(400)])
    if (kind === 'again') return await this.#send(this.#sent.slice(-1 - chance.below(3)))
    if (kind === 'sweep') return await sweep(this.#baywire)
    if (kind === 'policy') return await this.#changePolicy()
    if (kind === 'move') return await this.#move()
    if (kind === 'gateway') return await this.#sendTogether(Array.from({ length: 3 }, () => this.#reading(50)))
    if (kind === 'heartbeat') return await this.#send([this.#reading(0, { kind: 'heartbeat' })])
    const at = this.#baywire.clock.now()
    if (kind === 'override') {
      const override = chance.pick(['none', 'blocked', 'out_of_service'] as const)
      // Where its own end came, nobody did it.
      const user = override === 'none' && chance.below(2) === 0 ? null : '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55'
      return await this.#step({ kind: 'override', override, at, user })
    }
    this.#reservation ??= `r${++this.#reservations}`
    const phase = chance.pick([
      'soon',
      'started',
      'checked_in',
      'check_in_overdue',
      'no_show',
      'overstayed',
      'released',
    ] as const)
    // A moment on the calendar may be fed late.
    const fed = at - (chance.below(3) === 0 ? chance.below(300_000) : 0)
    await this.#step({ kind: 'reservation', phase, reservation: this.#reservation, at: fed })
    if (phase === 'released' || phase === 'no_show') this.#reservation = undefined
  }

  /** Measured up to so many seconds before now; some devices count, some readings have no time. */
  #reading(secondsBefore: number, more: { kind?: string } = {}): Sent {
    const { chance } = this.#of
    const device = chance.pick(['A1', 'A1', 'A2'] as const)
    const at = this.#baywire.clock.now() - chance.below(1 + secondsBefore * 1000)
    const body: Record<string, unknown> = { occupied: chance.below(2) === 0, ...more }
    if (chance.below(8) > 0) body['at'] = new Date(chance.below(20) === 0 ? at + 7_200_000 : at).toISOString()
    if (device === 'A1') Object.assign(body, { seq: ++this.#counters.A1, boot: 1 + Math.floor(this.#counters.A1 / 25) })
    const sent = { device, body }
    this.#sent.push(sent)
    return sent
  }

  async #send(readings: readonly Sent[]): Promise<void> {
    const delivered = readings.map(({ device, body }) =>
      this.#baywire.deliver(`parking/v1/${this.#of.slug}/devices/${device}/reading`, body),
    )
    await Promise.all(delivered)
  }

  async #sendTogether(readings: readonly Sent[]): Promise<void> {
    const topic = `parking/v1/${this.#of.slug}/gateways/gw-1/readings`
    await this.#baywire.deliver(topic, { readings: readings.map(({ device, body }) => ({ device, ...body })) })
  }

  async #changePolicy(): Promise<void> {
    const { chance, tenantId } = this.#of
    const debounce = chance.pick([null, { readings: 2, hold_s: 30 }, { readings: 3, hold_s: 120 }])
    const sensorTimeout = chance.pick([300, 600, 900])
    const fields = {
      sensor_timeout_s: sensorTimeout,
      unknown_after_s: sensorTimeout + chance.pick([0, 900]),
      learn_freshness: chance.below(4) > 0,
      debounce,
    }
    await setPolicy(this.#baywire, { tenantId, fields, version: ++this.#policies })
  }

  /** The second sensor leaves for another space, or comes back. */
  async #move(): Promise<void> {
    const { tenantId } = this.#of
    const at = new Date(this.#baywire.clock.now())
    this.#isAway = !this.#isAway
    await this.#baywire.sql`
      UPDATE device_assignments a SET unassigned_at = ${at} FROM devices d
      WHERE d.tenant_id = a.tenant_id AND d.id = a.device_id AND d.code = 'A2' AND a.tenant_id = ${tenantId}
        AND a.unassigned_at IS NULL`
    await this.#baywire.sql`
      INSERT INTO device_assignments (tenant_id, id, device_id, space_id, assigned_at)
      SELECT d.tenant_id, gen_random_uuid(), d.id, p.id, ${at} FROM devices d JOIN spaces p ON p.tenant_id = d.tenant_id
      WHERE d.tenant_id = ${tenantId} AND d.code = 'A2' AND p.code = ${this.#isAway ? 'ELSEWHERE' : 'A1'}`
  }

  async #step(input: Exclude<Input, { kind: 'reading' }>): Promise<void> {
    await stepSpace(this.#baywire, this.#of, input)
  }

  async #look(): Promise<void> {
    const [row] = await this.#baywire.sql<{ state: Partial<SpaceState>; columns: Record<string, unknown> }[]>`
      SELECT state, jsonb_build_object('status', status, 'occupancy', occupancy, 'reservation', reservation,
        'override', override, 'stale', stale, 'since', extract(epoch FROM since) * 1000,
        'observed_at', extract(epoch FROM observed_at) * 1000, 'version', version) AS columns
      FROM space_states WHERE space_id = ${this.#of.spaceId}`
    if (row === undefined) throw new Error('no state')
    this.shown.push({ at: this.#baywire.clock.now(), columns: row.columns, state: restored(row.state) })
  }
}
