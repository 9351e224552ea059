import * as fc from 'fast-check'
import type { Input, ReadingInput } from '../../../src/occupancy/input.ts'
import { effectivePolicy, type Policy } from '../../../src/occupancy/policy.ts'
import { policyOf, second, t0 } from './space.ts'

/** What a network, clocks and counters do to the readings of one to three devices at one space. */

/** null but for one in so many. */
function rarely<T>(oneIn: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })
}

/**
 * Short times, so that readings, deadlines and sweeps fall among each other. Raw: a hold may be longer than the
 * patience with silence, as it can become when a policy is edited while a change waits.
 */
export const rawPolicy: fc.Arbitrary<Policy> = fc
  .record({
    debounce: fc.option(
      fc.record({ readings: fc.integer({ min: 1, max: 4 }), hold_s: fc.integer({ min: 0, max: 40 }) }),
    ),
    sensor_timeout_s: fc.integer({ min: 1, max: 60 }),
    learn_freshness: fc.boolean(),
    beyond_s: fc.integer({ min: 0, max: 60 }),
    max_clock_skew_s: fc.integer({ min: 0, max: 30 }),
  })
  .map(({ beyond_s, ...fields }) => policyOf({ ...fields, unknown_after_s: fields.sensor_timeout_s + beyond_s }))

/** As `effectivePolicy` puts it together: from fields in any order, set by one, two or three scopes. */
export const clampedPolicy: fc.Arbitrary<Policy> = fc
  .array(
    fc.record(
      {
        debounce: fc.option(
          fc.record({ readings: fc.integer({ min: 1, max: 4 }), hold_s: fc.integer({ min: 0, max: 40 }) }),
        ),
        unknown_after_s: fc.integer({ min: 1, max: 120 }),
      },
      { requiredKeys: [] },
    ),
    { maxLength: 2 },
  )
  .chain((scopes) =>
    fc
      .record({ sensor_timeout_s: fc.integer({ min: 1, max: 60 }), max_clock_skew_s: fc.integer({ min: 0, max: 30 }) })
      .map((short) => effectivePolicy({ ...short, unknown_after_s: 60 }, ...scopes)),
  )

export const anyPolicy: fc.Arbitrary<Policy> = fc.oneof(rawPolicy, clampedPolicy)

/**
 * Readings by trusted clocks in the order in which each device made them: `at` strictly increasing per device, a
 * counter within sessions that restart it, or no counter at all.
 */
export const trustedReadings: fc.Arbitrary<ReadingInput[]> = fc
  .array(
    fc.record({
      counts: fc.boolean(),
      made: fc.array(
        fc.record({ gap: fc.integer({ min: 1, max: 5 }), occupied: fc.boolean(), restarts: fc.boolean() }),
        { minLength: 1, maxLength: 8 },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((devices) =>
    devices.flatMap(({ counts, made }, index) => {
      let at = t0
      let session = 8
      let counter = -1
      return made.map(({ gap, occupied, restarts }, number) => {
        // Whole seconds, so that devices often measure at the same time; boots 8, 9, 10: text order is not theirs.
        at += gap * second
        counter = restarts ? 0 : counter + 1
        session += restarts ? 1 : 0
        return {
          kind: 'reading',
          id: `d${index}`,
          part: number,
          device: `d${index}`,
          occupied,
          at,
          session: counts ? String(session) : null,
          counter: counts ? counter : null,
          receivedAt: at,
        }
      })
    }),
  )

/** Everything at least once, some of it up to three times, in any order, received at any pace after the last. */
export function deliveriesOf(readings: readonly ReadingInput[]): fc.Arbitrary<ReadingInput[]> {
  const end = Math.max(...readings.map(({ receivedAt }) => receivedAt))
  const copies = readings.map((reading) =>
    fc.integer({ min: 1, max: 3 }).map((times) => Array.from({ length: times }, () => reading)),
  )
  return fc
    .tuple(...copies)
    .map((groups) => groups.flat())
    .chain((all) =>
      fc.tuple(fc.shuffledSubarray(all, { minLength: all.length }), fc.array(fc.integer({ min: 0, max: 20 }))),
    )
    .map(([all, gaps]) =>
      all.map((reading, i) => ({
        ...reading,
        receivedAt: end + i * 100 + (gaps[i % (gaps.length || 1)] ?? 0) * second,
      })),
    )
}

/**
 * Deliveries by clocks that jump, run backwards, are years off or silent, and counters that restart, repeat or are
 * missing; most in order, some again, some late. The arrival clock may stand still and, rarely, step back.
 */
export const faultyDeliveries: fc.Arbitrary<ReadingInput[]> = fc
  .array(
    fc.record({
      device: fc.constantFrom('d0', 'd1', '__proto__'),
      occupied: fc.boolean(),
      clock: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: -20_000, max: 0 }) },
        { weight: 2, arbitrary: fc.constant(null) },
        { weight: 2, arbitrary: fc.integer({ min: -200_000, max: 200_000 }) },
        { weight: 1, arbitrary: fc.constantFrom(-t0, 1e12, 30_000, 30_001) },
      ),
      session: fc.constantFrom(null, '1', '2', '10'),
      counter: fc.option(fc.integer({ min: 0, max: 12 }), { freq: 3 }),
      gap: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
        { weight: 1, arbitrary: fc.integer({ min: -15_000, max: 0 }) },
        { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 200_000 }) },
      ),
      /** Send an earlier delivery again instead of this one. */
      again: rarely(4, fc.nat(30)),
      elsewhere: rarely(12, fc.constant(true)),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((plans) => {
    const sent: ReadingInput[] = []
    let wall = t0
    for (const { device, occupied, clock, session, counter, gap, again, elsewhere } of plans) {
      wall += gap
      const earlier = again === null ? undefined : sent.at(-1 - again)
      sent.push({
        kind: 'reading',
        id: `m${sent.length}`,
        part: 0,
        ...(earlier ?? { device, occupied, session, counter, at: clock === null ? null : Math.max(0, wall + clock) }),
        ...(elsewhere === true ? { clockBackwardsElsewhere: true } : {}),
        receivedAt: wall,
      })
    }
    return sent
  })

export const calendarInput: fc.Arbitrary<Input> = fc.oneof(
  fc.record({
    kind: fc.constant('reservation' as const),
    phase: fc.constantFrom(
      'soon' as const,
      'started' as const,
      'checked_in' as const,
      'check_in_overdue' as const,
      'no_show' as const,
      'overstayed' as const,
      'released' as const,
    ),
    reservation: fc.constantFrom('A', 'B'),
    at: fc.integer({ min: t0, max: t0 + 300_000 }),
  }),
  fc.record({
    kind: fc.constant('override' as const),
    override: fc.constantFrom('none' as const, 'blocked' as const, 'out_of_service' as const),
    at: fc.integer({ min: t0, max: t0 + 300_000 }),
    user: fc.constantFrom('u', null),
  }),
)
