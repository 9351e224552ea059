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
}

const timeouts = { sensor_timeout_s: 600, unknown_after_s: 1500 }

export async function randomLog(baywire: TestIngest, { slug, chance, steps, debounce }: Wanted): Promise<SpaceLog> {
  const tenantId = await baywire.tenant(slug, ['A1', 'A2', 'ELSEWHERE'])
  const spaceId = await spaceOf(baywire, { tenantId, code: 'A1' })
  await baywire.sql`
    UPDATE device_assignments SET space_id = ${spaceId} WHERE tenant_id = ${tenantId}
      AND device_id = (SELECT id FROM devices WHERE tenant_id = ${tenantId} AND code = 'A2')`
  await setPolicy(baywire, { tenantId, fields: { ...timeouts, debounce } })
  const log = new Log(baywire, { tenantId, spaceId, slug, chance })
  for (let n = 0; n < steps; n++) {
    // oxlint-disable-next-line no-await-in-loop -- in order
    await log.next()
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

interface Sent {
  device: string
  body: object
}

class Log {
  readonly shown: Shown[] = []
  readonly start: number
  readonly #baywire: TestIngest
  readonly #of: { tenantId: string; spaceId: string; slug: string; chance: Chance }
  readonly #sent: Sent[] = []
  readonly #counters = { A1: 0, A2: 0 }
  #reservation: string | undefined
  #reservations = 0

  constructor(baywire: TestIngest, of: { tenantId: string; spaceId: string; slug: string; chance: Chance }) {
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
    const at = this.#baywire.clock.now()
    if (kind === 'override') {
      const override = chance.pick(['none', 'blocked', 'out_of_service'] as const)
      return await this.#step({ kind: 'override', override, at, user: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55' })
    }
    this.#reservation ??= `r${++this.#reservations}`
    const phase = chance.pick(['soon', 'started', 'checked_in', 'no_show', 'overstayed', 'released'] as const)
    await this.#step({ kind: 'reservation', phase, reservation: this.#reservation, at })
    if (phase === 'released' || phase === 'no_show') this.#reservation = undefined
  }

  /** Measured up to so many seconds before now; some devices count, some readings have no time. */
  #reading(secondsBefore: number): Sent {
    const { chance } = this.#of
    const device = chance.pick(['A1', 'A1', 'A2'] as const)
    const at = this.#baywire.clock.now() - chance.below(1 + secondsBefore * 1000)
    const body: Record<string, unknown> = { occupied: chance.below(2) === 0 }
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
