import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { sweepReservations } from '../../src/jobs/reservations.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { makePlaces, placesFixture, type Answer, type PlacesFixture, type TestTenant } from './places-fixture.ts'
import { BookingModel, minute } from './support/booking-model.ts'

/** Random sequences of what drivers and operators do and of time passing: everything is as the rules alone say. */
let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterAll(() => fixture.close())

const people = ['ann', 'bob', 'operator'] as const
const person = fc.constantFrom(...people)
const which = fc.nat(9)
const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      who: person,
      /** One of three, or any of them. */
      space: fc.constantFrom(0, 1, 2, undefined),
      from: fc.integer({ min: 0, max: 90 }),
      minutes: fc.integer({ min: 1, max: 120 }),
      hold: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('confirm', 'cancel', 'check-in', 'check-out', 'move'),
      who: person,
      which,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('extend' as const),
      who: person,
      which,
      minutes: fc.integer({ min: 0, max: 120 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      minutes: fc.integer({ min: 1, max: 40 }),
      /** Whether the jobs role came by: nothing depends on it. */
      swept: fc.boolean(),
    }),
  },
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

class World {
  readonly #tenant: TestTenant
  readonly #callers
  readonly #siteId: string
  readonly #model: BookingModel

  private constructor(tenant: TestTenant, siteId: string, spaceIds: readonly string[]) {
    this.#tenant = tenant
    this.#siteId = siteId
    this.#callers = { ann: tenant.driver, bob: tenant.another('driver'), operator: tenant.operator }
    this.#model = new BookingModel(spaceIds)
  }

  static async make(): Promise<World> {
    const tenant = await fixture.tenant()
    const { siteId, spaceIds } = await makePlaces(tenant.owner, { spaces: ['A1', 'A2', 'A3'] })
    return new World(tenant, siteId, spaceIds)
  }

  async run(one: Command): Promise<void> {
    const { clock } = fixture.baywire
    this.#model.pass(clock.now())
    if (one.kind === 'pass') {
      clock.advance(one.minutes * minute)
      this.#model.pass(clock.now())
      if (one.swept) await sweep()
    } else if (one.kind === 'reserve') await this.#reserve(one)
    else if ('which' in one) await this.#act(one)
  }

  async #reserve({ who, space, from, minutes, hold }: Extract<Command, { kind: 'reserve' }>): Promise<void> {
    const begins = fixture.baywire.clock.now() + from * minute
    const [start, end] = [new Date(begins).toISOString(), new Date(begins + minutes * minute).toISOString()]
    const where = space === undefined ? { site_id: this.#siteId } : { space_id: this.#model.spaces[space] }
    const answer = await this.#callers[who]('POST', '/reservations', {
      json: { ...where, start, end, hold },
      headers: { 'Idempotency-Key': newId() },
    })
    this.#model.reserved({ who, space, from: begins, to: begins + minutes * minute, hold }, answer)
  }

  async #act(one: Extract<Command, { which: number }>): Promise<void> {
    const booking = this.#model.at(one.which)
    if (booking === undefined) return
    const end = one.kind === 'extend' ? booking.to + one.minutes * minute : undefined
    const sent = end === undefined ? {} : { json: { end: new Date(end).toISOString() } }
    const answer = await this.#callers[one.who]('PUT', `/reservations/${booking.id}/${one.kind}`, sent)
    const mayAct = one.who === 'operator' || one.who === booking.who
    if (!mayAct) return expect(answer.status).toBe(404)
    this.#model.acted(booking, { action: one.kind, end, answer })
  }

  /** All rows are what the model says, and the intervals that are told follow from them. */
  async compare(): Promise<void> {
    await sweep()
    const { items } = (await this.#tenant.operator('GET', '/reservations?limit=1000')).body
    expect(items.map(shortly).toSorted()).toEqual(this.#model.shortly())
    const now = fixture.baywire.clock.now()
    const query = `from=${new Date(now).toISOString()}&to=${new Date(now + 24 * 60 * minute).toISOString()}`
    for (const [index, id] of this.#model.spaces.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- space by space
      const { intervals } = (await this.#tenant.driver('GET', `/spaces/${id}/availability?${query}`)).body
      for (const { from, to, state } of intervals) {
        const middle = (Date.parse(from) + Date.parse(to)) / 2
        expect(state).toBe(this.#model.stateOf(index, middle))
      }
    }
  }
}

const shortly = (body: Answer['body']) =>
  [body.id, body.space_id, body.state, Date.parse(body.start), Date.parse(body.end), body.checked_in_at !== null].join(
    ' ',
  )

const sweep = async () => {
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  await sweepReservations({ database: fixture.baywire.system, memory, clock: fixture.baywire.clock })
}

test('over random sequences no two live ones overlap, and each state follows from the rules', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 40, size: 'max' }), async (commands) => {
      const world = await World.make()
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what a sequence is
      for (const one of commands) await world.run(one)
      await world.compare()
    }),
    { numRuns: 12 },
  )
  await fixture.baywire.expectSound()
}, 120_000)
