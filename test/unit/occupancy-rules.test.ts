import { describe, expect, it } from 'vitest'
import type { Input, OverrideInput, ReservationInput } from '../../src/occupancy/input.ts'
import { initialState, nextDeadline, visibleState, type SpaceState } from '../../src/occupancy/state.ts'
import { step } from '../../src/occupancy/step.ts'
import { fold, policyOf, readingAt, second, stepFrozen, sweep, t0, words } from './support/space.ts'

/** The rules of step.ts, one by one. Times are seconds after t0; the policy is short so that they can be read. */

const policy = policyOf({ sensor_timeout_s: 100, unknown_after_s: 300 })
const debouncing = policyOf({ debounce: { readings: 3, hold_s: 20 }, sensor_timeout_s: 100, unknown_after_s: 300 })
const at = (seconds: number) => t0 + seconds * second
const said = (seconds: number, occupied: boolean) => readingAt(at(seconds), occupied)
const phase = (name: ReservationInput['phase'], seconds: number, reservation = 'A'): ReservationInput => ({
  kind: 'reservation',
  phase: name,
  reservation,
  at: at(seconds),
})
const operator = (override: OverrideInput['override'], seconds: number): OverrideInput => ({
  kind: 'override',
  override,
  at: at(seconds),
  user: 'u',
})

/** Folds inputs of all kinds, with the state and all the events at the end. */
function run(inputs: readonly Input[], from: SpaceState = initialState, by = policy) {
  let state = from
  const results = inputs.map((input) => {
    const result = stepFrozen(state, input, by)
    state = result.state
    return result
  })
  return { state, results, events: results.flatMap(({ events }) => events), last: results.at(-1) }
}

describe('readings', () => {
  it('a new space is unknown, since nobody knows when, and has nothing to wait for', () => {
    expect(visibleState(initialState)).toEqual({
      status: 'unknown',
      occupancy: 'unknown',
      reservation: 'none',
      override: 'none',
      stale: false,
      since: null,
      observed_at: null,
      version: 0,
    })
    expect(nextDeadline(initialState)).toBeNull()
  })

  it('O1: what is not newer is late and changes nothing', () => {
    const { state } = run([said(10, true)])
    for (const seconds of [10, 9.999, 0]) {
      const result = stepFrozen(state, said(seconds, false), policy)
      expect(result).toEqual({
        state,
        events: [],
        outcome: 'late',
        observed: { at: at(seconds), clock: 'device' },
      })
      expect(result.state).toBe(state)
    }
  })

  it('O2: a timeout that fired behind a newer reading is withdrawn, and the word holds since when it did before', () => {
    const { state } = run([said(0, true)])
    const lost = sweep(state, at(350), policy).state
    expect(visibleState(lost)).toMatchObject({ status: 'unknown', occupancy: 'unknown', stale: true, since: at(300) })
    const { state: back, events, outcome } = stepFrozen(lost, said(50, true), policy)
    expect(outcome).toBe('unchanged')
    expect(words(events)).toEqual(['sensor_recovered:withdrawn', 'occupied:withdrawn'])
    expect(events.every(({ eventTime, cause }) => eventTime === at(50) && cause.type === 'reading')).toBe(true)
    expect(visibleState(back)).toMatchObject({ status: 'occupied', stale: false, since: at(0), observed_at: at(50) })
    expect(back.fired).toEqual([])
  })

  it('O2: what a correction says people see carries the evidence that corrected it', () => {
    const lost = sweep(run([said(0, true)]).state, at(150), policy).state
    const { events } = stepFrozen(lost, said(50, true), policy)
    expect(words(events)).toEqual(['sensor_recovered:withdrawn'])
    expect(events[0]?.state.observed_at).toBe(at(50))
  })

  it('O3: deadlines before a reading fire first at their own time; one at exactly its time comes after it', () => {
    const { state } = run([said(0, false)])
    const late = stepFrozen(state, said(310, false), policy)
    expect(words(late.events).slice(0, 2)).toEqual(['sensor_lost:sensor_timeout', 'sensor_lost:unknown_after'])
    expect(words(late.events).slice(2).toSorted()).toEqual(['sensor_recovered:evidence_returned', 'vacated:reading'])
    expect(late.events.map(({ eventTime }) => eventTime)).toEqual([at(100), at(300), at(310), at(310)])
    expect(stepFrozen(state, said(100, false), policy).events).toEqual([])
    expect(words(stepFrozen(state, said(100.001, false), policy).events)).toEqual([
      'sensor_lost:sensor_timeout',
      'sensor_recovered:evidence_returned',
    ])
  })

  it('O4: newer evidence ends staleness and sets the deadlines anew, by the policy of its own time', () => {
    const stale = sweep(run([said(0, false)]).state, at(200), policy).state
    const { state, events, outcome } = stepFrozen(stale, said(200, false), policyOf({ sensor_timeout_s: 7 }))
    expect(outcome).toBe('unchanged')
    expect(words(events)).toEqual(['sensor_recovered:evidence_returned'])
    expect(visibleState(state)).toMatchObject({ status: 'free', stale: false, since: at(200), observed_at: at(200) })
    expect(state.staleAt).toBe(at(207))
    expect(nextDeadline(state)).toEqual({ deadline: 'sensor_timeout', at: at(207) })
  })

  it('O4, X1: a reading of occupied shows the space as free to nobody on its way', () => {
    const stale = sweep(run([said(0, false)]).state, at(200), policy).state
    expect(visibleState(stale).status).toBe('unknown')
    const { events } = stepFrozen(stale, said(200, true), policy)
    expect(words(events)).toContain('occupied:reading')
    expect(events.map(({ state }) => state.status)).not.toContain('free')
  })

  it('O4: contradicting, unconfirmed evidence keeps a stale space stale until it is confirmed or agreed to', () => {
    for (const held of [false, true]) {
      const stale = sweep(run([said(0, held)], undefined, debouncing).state, at(150), debouncing).state
      const { status, since } = visibleState(stale)
      const open = run([said(150, !held), said(160, !held)], stale, debouncing)
      expect(open.results.map(({ outcome, events }) => [outcome, ...events])).toEqual([['debouncing'], ['debouncing']])
      expect(visibleState(open.state)).toMatchObject({ status, since, stale: true, observed_at: at(160) })
      expect(nextDeadline(open.state)).toEqual({ deadline: 'debounce_hold', at: at(170) })

      const agreed = stepFrozen(open.state, said(165, held), debouncing)
      expect(words(agreed.events)).toEqual(['sensor_recovered:evidence_returned'])
      expect(agreed.state.facts).toMatchObject({ occupancy: held ? 'occupied' : 'vacant', stale: false })

      const change = held ? 'vacated' : 'occupied'
      const byReading = stepFrozen(open.state, said(165, !held), debouncing)
      expect(words(byReading.events)).toEqual(['sensor_recovered:evidence_returned', `${change}:debounce_readings`])
      const byHold = sweep(open.state, at(170), debouncing).steps.at(-1)
      expect(words(byHold?.events ?? [])).toEqual(['sensor_recovered:evidence_returned', `${change}:debounce_hold`])
      // Both events say what holds from then on, and since when it was first read.
      for (const { eventTime, state } of [...byReading.events, ...(byHold?.events ?? [])]) {
        expect(eventTime).toBe(at(150))
        expect(state).toMatchObject({ status: held ? 'free' : 'occupied', stale: false, since: at(150) })
      }
    }
  })

  it('O5: the same occupancy is unchanged, keeps its since, and forgets an unconfirmed change', () => {
    const { state, results } = run(
      [said(0, false), said(25, false), said(30, true), said(40, false)],
      undefined,
      debouncing,
    )
    expect(results.map(({ outcome }) => outcome)).toEqual(['debouncing', 'unchanged', 'debouncing', 'unchanged'])
    expect(visibleState(state)).toMatchObject({ status: 'free', since: at(0), observed_at: at(40) })
    expect(state.facts.candidate).toBeNull()
  })

  it('O6: another occupancy is applied at the time of the reading', () => {
    const { results } = run([said(0, false), said(10, true), said(20, false)])
    expect(results.map(({ outcome }) => outcome)).toEqual(['applied', 'applied', 'applied'])
    expect(results.flatMap(({ events }) => words(events))).toEqual([
      'vacated:reading',
      'occupied:reading',
      'vacated:reading',
    ])
    expect(results.map(({ state }) => visibleState(state).since)).toEqual([at(0), at(10), at(20)])
  })

  it('O7: n identical readings within the hold confirm, at the time of the first of them', () => {
    const { results, state } = run([said(0, true), said(10, true), said(20, true)], undefined, debouncing)
    expect(results.map(({ outcome }) => outcome)).toEqual(['debouncing', 'debouncing', 'applied'])
    expect(results[2]?.events).toMatchObject([{ kind: 'occupied', rule: 'debounce_readings', eventTime: at(0) }])
    expect(visibleState(state)).toMatchObject({ status: 'occupied', since: at(0), observed_at: at(20) })
  })

  it('O6: a change that waits is at its own time, by rule `reading`, once debouncing is switched off', () => {
    const { state } = run([said(0, false), said(25, false), said(30, true)], undefined, debouncing)
    expect(state.facts.candidate).toMatchObject({ occupancy: 'occupied', since: at(30) })
    const { events, state: next } = stepFrozen(state, said(40, true), policy)
    expect(events).toMatchObject([{ kind: 'occupied', rule: 'reading', eventTime: at(40) }])
    expect(visibleState(next)).toMatchObject({ status: 'occupied', since: at(40) })
    expect(next.facts.candidate).toBeNull()
  })

  it('O7: a contradiction begins again, also where nothing was held', () => {
    const { state } = run([said(0, true), said(1, true), said(2, false), said(3, true)], undefined, debouncing)
    expect(state.facts).toMatchObject({
      occupancy: 'unknown',
      candidate: { occupancy: 'occupied', since: at(3), readings: 1, confirmAt: at(23) },
    })
  })

  it('O8: the hold confirms by itself, and a reading at exactly its end still comes before it', () => {
    const { state } = run([said(0, true)], undefined, debouncing)
    expect(nextDeadline(state)).toEqual({ deadline: 'debounce_hold', at: at(20) })
    const held = sweep(state, at(20), debouncing)
    expect(held.steps.flatMap(({ events }) => events)).toMatchObject([
      { kind: 'occupied', rule: 'debounce_hold', eventTime: at(0), cause: { type: 'timer', at: at(20) } },
    ])
    const contradicted = stepFrozen(held.state, said(20, false), debouncing)
    expect(words(contradicted.events)).toEqual(['sensor_lost:withdrawn'])
    expect(contradicted.state.facts).toMatchObject({ occupancy: 'unknown', candidate: { occupancy: 'vacant' } })
    expect(stepFrozen(state, said(20, false), debouncing).state.facts).toEqual(contradicted.state.facts)
  })

  it('O7, O8: a hold of no seconds and one reading are no debouncing', () => {
    for (const debounce of [
      { readings: 1, hold_s: 60 },
      { readings: 5, hold_s: 0 },
    ]) {
      const result = stepFrozen(initialState, said(0, true), policyOf({ debounce }))
      expect(result.outcome).toBe('applied')
      expect(words(result.events)).toEqual(['occupied:reading'])
    }
  })

  it('O9: a stale vacant space is unknown, a stale occupied one stays occupied, and keeps its since', () => {
    const vacant = sweep(run([said(0, false)]).state, at(100), policy).state
    expect(visibleState(vacant)).toMatchObject({ status: 'unknown', occupancy: 'vacant', stale: true, since: at(100) })
    const occupied = sweep(run([said(0, true)]).state, at(100), policy).state
    expect(visibleState(occupied)).toMatchObject({ status: 'occupied', stale: true, since: at(0) })
  })

  it('O10: after unknown_after nothing is known and nothing more is waited for', () => {
    for (const occupied of [false, true]) {
      const { state, steps } = sweep(run([said(0, occupied)]).state, at(300), policy)
      expect(steps.flatMap(({ events }) => words(events))).toEqual([
        'sensor_lost:sensor_timeout',
        'sensor_lost:unknown_after',
      ])
      expect(visibleState(state)).toMatchObject({ status: 'unknown', occupancy: 'unknown', stale: true })
      expect(nextDeadline(state)).toBeNull()
    }
  })

  it('O10: what waits to be confirmed is dropped without an event where nothing was known', () => {
    const long = policyOf({ debounce: { readings: 3, hold_s: 400 }, sensor_timeout_s: 100, unknown_after_s: 300 })
    const { state: open } = run([said(0, true)], undefined, long)
    const { steps, state } = sweep(open, at(1000), long)
    expect(steps.map(({ events }) => words(events))).toEqual([['sensor_lost:sensor_timeout'], []])
    expect(state.facts).toEqual({ ...open.facts, stale: true, candidate: null })
    expect(nextDeadline(state)).toBeNull()
  })

  it('O8: a hold that ends when its own evidence is old does not end staleness', () => {
    const long = policyOf({ debounce: { readings: 3, hold_s: 101 }, sensor_timeout_s: 100, unknown_after_s: 300 })
    for (const [hold_s, expected] of [
      // At the very end of its timeout the evidence is not older than that.
      [100, ['occupied:debounce_hold', 'sensor_lost:sensor_timeout']],
      [101, ['sensor_lost:sensor_timeout', 'occupied:debounce_hold']],
    ] as const) {
      const by = { ...long, debounce: { readings: 3, hold_s } }
      const { steps, state } = sweep(run([said(0, true)], undefined, by).state, at(150), by)
      expect(steps.flatMap(({ events }) => words(events))).toEqual(expected)
      expect(visibleState(state)).toMatchObject({ status: 'occupied', stale: true, since: at(0) })
    }
  })

  it('O10: no hold that ends later brings back an occupancy that is older than unknown_after', () => {
    const long = policyOf({ debounce: { readings: 3, hold_s: 400 }, sensor_timeout_s: 100, unknown_after_s: 300 })
    const { steps, state } = sweep(run([said(0, true)], undefined, long).state, at(1000), long)
    expect(state.facts).toMatchObject({ occupancy: 'unknown', stale: true })
    expect(steps.flatMap(({ events }) => events.map((event) => event.state.occupancy))).not.toContain('occupied')
  })
})

describe('calendar', () => {
  it('C1: calendar inputs neither fire nor withdraw deadlines of evidence', () => {
    const { state } = run([said(0, false)])
    const lost = sweep(state, at(150), policy).state
    for (const input of [phase('started', 400), operator('blocked', 400), phase('soon', 10), operator('blocked', 10)]) {
      expect(stepFrozen(state, input, policy).state.facts).toBe(state.facts)
      expect(stepFrozen(lost, input, policy).state).toMatchObject({ facts: lost.facts, fired: lost.fired })
    }
  })

  it('C2: another reservation changes nothing, unless it begins', () => {
    const { state } = run([phase('soon', 0), phase('started', 10)])
    for (const name of ['soon', 'checked_in', 'check_in_overdue', 'no_show', 'overstayed', 'released'] as const) {
      expect(stepFrozen(state, phase(name, 20, 'B'), policy).state, name).toBe(state)
    }
    const { state: next, events } = stepFrozen(state, phase('started', 20, 'B'), policy)
    expect(events.map(({ kind, eventTime, cause }) => [kind, eventTime, cause])).toEqual([
      ['released', at(20), { type: 'reservation', id: 'A' }],
      ['reserved', at(20), { type: 'reservation', id: 'B' }],
    ])
    expect(events.map((event) => event.state.reservation)).toEqual(['none', 'active'])
    expect(visibleState(next)).toMatchObject({ status: 'reserved', since: at(20) })
    expect(next.reservation).toEqual({ fact: 'active', id: 'B', checkedIn: false })
    expect(stepFrozen(next, phase('released', 21, 'A'), policy).state).toBe(next)
  })

  it('C3: a squatter stays visible and is contested when the reservation starts and when the holder is overdue', () => {
    const { state, results } = run([said(0, true), phase('started', 10), phase('check_in_overdue', 20)])
    expect(results.flatMap(({ events }) => words(events))).toEqual([
      'occupied:reading',
      'reserved:reservation',
      'contested:reservation',
      'contested:reservation',
    ])
    expect(visibleState(state)).toMatchObject({ status: 'reserved', occupancy: 'occupied', reservation: 'active' })
    const { results: holder } = run([said(0, true), phase('soon', 5), phase('checked_in', 8), phase('started', 10)])
    expect(holder.flatMap(({ events }) => words(events))).not.toContain('contested:reservation')
  })

  it('C3: a squatter who comes later is contested when the calendar feeds the time to check in again', () => {
    const inputs = [phase('started', 10), phase('check_in_overdue', 20), said(30, true), phase('check_in_overdue', 35)]
    const { events, state } = run([said(0, false), ...inputs])
    expect(events.map(({ kind, eventTime }) => [kind, eventTime])).toEqual([
      ['vacated', at(0)],
      ['reserved', at(10)],
      ['occupied', at(30)],
      ['contested', at(35)],
    ])
    expect(visibleState(state)).toMatchObject({ status: 'reserved', occupancy: 'occupied' })
    const holder = run([said(0, false), phase('started', 10), said(30, true), phase('checked_in', 34)])
    expect(stepFrozen(holder.state, phase('check_in_overdue', 35), policy).events).toEqual([])
  })

  it('C3: a moment that is fed late goes by who stood there then', () => {
    const inputs = [said(0, false), said(30, true), phase('started', 10), phase('overstayed', 20), phase('no_show', 25)]
    expect(run(inputs).results.flatMap(({ events }) => words(events))).toEqual([
      'vacated:reading',
      'occupied:reading',
      'reserved:reservation',
      'no_show:reservation',
    ])
  })

  it('status: reserved holds since the window came up, and an override above it since it was set', () => {
    const steps = [phase('soon', 10), phase('started', 20), operator('blocked', 30), operator('none', 40)]
    const { results } = run([said(0, false), ...steps, phase('released', 50)])
    expect(results.map(({ state }) => [visibleState(state).status, visibleState(state).since])).toEqual([
      ['free', at(0)],
      ['reserved', at(10)],
      ['reserved', at(10)],
      ['blocked', at(30)],
      ['reserved', at(40)],
      ['free', at(50)],
    ])
  })

  it('events of the calendar name their cause', () => {
    const { events } = run([
      phase('soon', 0),
      operator('blocked', 1),
      { kind: 'override', override: 'none', at: at(2), user: null },
    ])
    expect(events.map(({ cause }) => cause)).toEqual([
      { type: 'reservation', id: 'A' },
      { type: 'user', id: 'u' },
      { type: 'timer', timer: 'override_end', at: at(2) },
    ])
  })
})

describe('what must never happen', () => {
  it('X1: silence never frees: only the hold of a reading of vacant does, and never a stale one', () => {
    const blockedByNothing = fold([said(0, true), said(50, false)], debouncing).at(-1)
    expect(blockedByNothing?.outcome).toBe('debouncing')
    const { steps } = sweep(blockedByNothing?.state ?? initialState, at(1000), debouncing)
    expect(steps.map(({ state, events }) => [visibleState(state).status, ...words(events)])).toEqual([
      ['free', 'vacated:debounce_hold'],
      ['unknown', 'sensor_lost:sensor_timeout'],
      ['unknown', 'sensor_lost:unknown_after'],
    ])
    const tardy = policyOf({ debounce: { readings: 3, hold_s: 200 }, sensor_timeout_s: 100, unknown_after_s: 300 })
    const { state } = run([said(0, false)], undefined, tardy)
    for (const swept of sweep(state, at(1000), tardy).steps) expect(visibleState(swept.state).status).toBe('unknown')
  })

  it('X2: the time of the newest evidence never goes back', () => {
    const { results } = run([said(10, true), said(5, false), said(20, true), said(0, false)])
    expect(results.map(({ state }) => state.newest?.at)).toEqual([at(10), at(10), at(20), at(20)])
  })

  it('X3: what changes nothing is the same object, whatever the kind of input', () => {
    const { state } = run([said(10, true), phase('soon', 11), operator('blocked', 12)])
    const idle: Input[] = [
      said(5, false),
      { kind: 'deadline', deadline: 'sensor_timeout', at: at(20) },
      phase('soon', 13),
      phase('no_show', 13),
      operator('blocked', 14),
    ]
    for (const input of idle) expect(step(state, input, policy)).toMatchObject({ state, events: [] })
    for (const input of idle) expect(step(state, input, policy).state).toBe(state)
  })
})
