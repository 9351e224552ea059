import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { effectivePolicy, type Policy } from '../../src/occupancy/policy.ts'
import { initialState, visibleState, type SpaceState } from '../../src/occupancy/state.ts'
import { fold, policyOf, readingAt, second, stepFrozen, sweep, t0 } from './support/space.ts'

/** A sensor's own heartbeats say after what silence it is lost: but for a few of them, and never others than its own. */
const policy = policyOf()
const minute = 60

interface Plan {
  by?: Policy
  device?: string
  heartbeat?: boolean
  occupied?: boolean
  /** Without a time of its own. */
  arrival?: boolean
}

let state: SpaceState
let counter = 0

/** Readings after these pauses, in seconds, behind the last; answers after what silence the space is stale then. */
function heard(pauses: readonly number[], { by = policy, device = 'd', heartbeat = true, ...plan }: Plan = {}): number {
  for (const pause of pauses) {
    const at = (state.newest?.at ?? t0) + pause * second
    const reading = readingAt(at, plan.occupied ?? false, {
      device,
      counter: ++counter,
      session: '1',
      ...(plan.arrival === true ? { at: null, receivedAt: at } : {}),
      ...(heartbeat ? { heartbeat } : {}),
    })
    state = stepFrozen(state, reading, by).state
  }
  return ((state.staleAt ?? 0) - (state.newest?.at ?? 0)) / second
}
const every = (seconds: number, times: number) => Array.from({ length: times }, () => seconds)
const anew = (): void => {
  state = initialState
}

describe('a sensor that sends heartbeats', () => {
  it.each([
    ['eight', every(10 * minute, 8), policy.sensor_timeout_s],
    ['nine, which are eight intervals', every(10 * minute, 9), 15 * minute],
    ['one a day', every(24 * 60 * minute, 9), 36 * 60 * minute],
    ['of which one was lost', [...every(10 * minute, 6), 20 * minute, ...every(10 * minute, 6)], 30 * minute],
    [
      'of which one was lost among many',
      [...every(10 * minute, 6), 20 * minute, ...every(10 * minute, 15)],
      15 * minute,
    ],
    ['of which one was lost long ago', [0, 20 * minute, ...every(10 * minute, 20)], 15 * minute],
    ['more often now than before', [...every(60 * minute, 30), ...every(10 * minute, 20)], 15 * minute],
    ['more rarely now than before', [...every(10 * minute, 30), ...every(60 * minute, 2)], 90 * minute],
    ['behind a long silence', [...every(10 * minute, 9), policy.unknown_after_s + 1], 15 * minute],
    ['every few seconds', every(5, 30), 5 * minute],
    ['so rarely that nothing would be known before', every(60 * 60 * minute, 9), policy.unknown_after_s],
  ])('%s', (_name, pauses, expected) => {
    anew()
    expect(heard(pauses)).toBe(expected)
  })

  it('with changes in between, which teach nothing', () => {
    anew()
    const pairs = Array.from({ length: 9 }, () => {
      heard([10 * minute])
      return heard([1], { heartbeat: false, occupied: true })
    })
    expect(pairs.at(-2)).toBe(policy.sensor_timeout_s)
    expect(pairs.at(-1)).toBe(Math.ceil((10 * minute + 1) * 1.5))
  })

  it('is lost when it falls silent, and known again when it speaks', () => {
    anew()
    heard(every(10 * minute, 9))
    const at = state.newest?.at ?? 0
    expect(sweep(state, at + 15 * minute * second - 1, policy).steps).toEqual([])
    const { state: lost, steps } = sweep(state, at + 15 * minute * second, policy)
    expect(steps.flatMap(({ events }) => events)).toMatchObject([{ kind: 'sensor_lost', state: { status: 'unknown' } }])
    state = lost
    expect(heard([20 * minute])).toBe(30 * minute)
    expect(state.facts).toMatchObject({ occupancy: 'vacant', stale: false })
  })

  it('that were held up and came at once are no sign of haste', () => {
    anew()
    heard(every(60 * minute, 9), { arrival: true })
    expect(heard(every(1, 40), { arrival: true })).toBe(90 * minute)
  })

  it('is not another one at the same space', () => {
    anew()
    heard(every(10 * minute, 9), { device: 'd1' })
    expect(heard([1], { device: 'd2', heartbeat: false })).toBe(policy.sensor_timeout_s)
    expect(heard([1], { device: 'd1', heartbeat: false })).toBe(15 * minute)
  })
})

describe('a sensor that reports changes alone', () => {
  it('is judged by the policy, however regular it is', () => {
    anew()
    expect(heard(every(10 * minute, 50), { heartbeat: false })).toBe(policy.sensor_timeout_s)
  })
})

describe('a policy', () => {
  it('may keep to its own time, and forgets what was learned', () => {
    anew()
    heard(every(10 * minute, 9))
    expect(heard([1], { by: policyOf({ learn_freshness: false }) })).toBe(policy.sensor_timeout_s)
    expect(state.sources).toEqual([expect.not.objectContaining({ heartbeats: expect.anything() })])
    expect(heard([1])).toBe(policy.sensor_timeout_s)
  })

  it.each([
    [{ sensor_timeout_s: 60 }, every(5, 9), 60],
    [{ debounce: { readings: 2, hold_s: 1200 } }, every(10 * minute, 9), 1200],
    [{ unknown_after_s: 25 * 3600 }, every(20 * 60 * minute, 9), 25 * 3600],
  ])('%o bounds it', (fields, pauses, expected) => {
    anew()
    expect(heard(pauses, { by: effectivePolicy(fields) })).toBe(expected)
  })
})

const anyPolicy = fc
  .record({
    debounce: fc.option(
      fc.record({ readings: fc.integer({ min: 1, max: 3 }), hold_s: fc.integer({ min: 0, max: 900 }) }),
    ),
    sensor_timeout_s: fc.integer({ min: 1, max: 7200 }),
    unknown_after_s: fc.integer({ min: 1, max: 14_400 }),
    learn_freshness: fc.boolean(),
  })
  .map((fields) => effectivePolicy(fields))
const anyReadings = fc
  .array(
    fc.record({
      device: fc.constantFrom('d1', 'd2'),
      pause: fc.oneof(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 20_000 })),
      occupied: fc.boolean(),
      heartbeat: fc.boolean(),
      late: fc.boolean(),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((plans) => {
    let at = t0
    return plans.map(({ device, pause, occupied, heartbeat, late }, n) => {
      at += pause * second
      const sent = late ? at - 1000 * second : at
      return readingAt(sent, occupied, { device, counter: n, session: '1', receivedAt: at, heartbeat })
    })
  })

describe('for any heartbeats', () => {
  it('stale comes before unknown, behind a change that waits, and silence is never free', () => {
    fc.assert(
      fc.property(anyReadings, anyPolicy, (readings, by) => {
        for (const { state: after } of fold(readings, by)) {
          const at = after.newest?.at ?? 0
          expect(after.staleAt).toBeLessThanOrEqual(after.unknownAt ?? 0)
          expect(after.staleAt).toBeGreaterThanOrEqual(at + Math.floor(by.debounce?.hold_s ?? 0) * second)
          if (!by.learn_freshness) expect(after.staleAt).toBe(at + by.sensor_timeout_s * second)
        }
        const last = fold(readings, by).at(-1)?.state ?? initialState
        expect(visibleState(sweep(last, Infinity, by).state).status).not.toBe('free')
      }),
      { numRuns: 300 },
    )
  })

  it('what is kept of them steps on through JSON as before', () => {
    fc.assert(
      fc.property(anyReadings, anyPolicy, (readings, by) => {
        let stored = initialState
        for (const reading of readings)
          stored = JSON.parse(JSON.stringify(stepFrozen(stored, reading, by).state)) as SpaceState
        expect(stored).toEqual(fold(readings, by).at(-1)?.state)
        for (const { heartbeats } of stored.sources) expect(heartbeats?.intervals.length ?? 0).toBeLessThanOrEqual(20)
      }),
      { numRuns: 200 },
    )
  })
})
