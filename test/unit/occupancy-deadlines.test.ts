import { describe, expect, it } from 'vitest'
import type { Input } from '../../src/occupancy/input.ts'
import { initialState, nextDeadline, visibleState, type SpaceState } from '../../src/occupancy/state.ts'
import { fold, policyOf, readingAt, second, stepFrozen, sweep, t0, words } from './support/space.ts'

/**
 * Deadlines that fired and are withdrawn, in all combinations: whatever was held and is unconfirmed, wherever the
 * sweep had come, whatever the calendar did in between, and whenever the older-but-newer evidence was measured.
 */
const policy = policyOf({ debounce: { readings: 3, hold_s: 10 }, sensor_timeout_s: 60, unknown_after_s: 120 })
const at = (seconds: number) => t0 + seconds * second
const said = (seconds: number, occupied: boolean) => readingAt(at(seconds), occupied)

/** Deadlines of evidence at 0: hold 10 (where a change is open), timeout 60, unknown 120. */
const beginnings: Record<string, SpaceState> = {
  'nothing known, vacant unconfirmed': stateAfter([said(0, false)]),
  'nothing known, occupied unconfirmed': stateAfter([said(0, true)]),
  vacant: stateAfter([said(-20, false), said(0, false)]),
  occupied: stateAfter([said(-20, true), said(0, true)]),
  'vacant, occupied unconfirmed': stateAfter([said(-20, false), said(-9, false), said(0, true)]),
  'occupied, vacant unconfirmed': stateAfter([said(-20, true), said(-9, true), said(0, false)]),
}

function stateAfter(readings: Parameters<typeof fold>[0]): SpaceState {
  return fold(readings, policy).at(-1)?.state ?? initialState
}

const calendars: Record<string, Input[]> = {
  nothing: [],
  'an override': [{ kind: 'override', override: 'blocked', at: at(200), user: 'u' }],
  'a reservation': [
    { kind: 'reservation', phase: 'soon', reservation: 'A', at: at(3) },
    { kind: 'reservation', phase: 'started', reservation: 'A', at: at(200) },
    { kind: 'reservation', phase: 'no_show', reservation: 'A', at: at(201) },
  ],
}

const sweptTo = [10, 60, 61, 120, 500]
const readAt = [0.001, 5, 10, 10.001, 60, 60.001, 119, 120, 120.001, 600]

describe.each(Object.keys(beginnings))('from %s', (name) => {
  const beginning = beginnings[name] ?? initialState
  it.each(Object.keys(calendars))('a sweep and %s leave no trace in what the next reading makes of it', (between) => {
    for (const wall of sweptTo) {
      for (const seconds of readAt) {
        for (const occupied of [true, false]) {
          const reading = { ...said(seconds, occupied), receivedAt: at(700) }
          const plain = stepFrozen(beginning, reading, policy)
          // The calendar may come between any two of the deadlines that fire.
          let state = beginning
          const inputs = [...(calendars[between] ?? [])]
          for (let due = nextDeadline(state); due !== null && due.at <= at(wall); due = nextDeadline(state)) {
            state = stepFrozen(state, { kind: 'deadline', ...due }, policy).state
            const input = inputs.shift()
            if (input !== undefined) state = stepFrozen(state, input, policy).state
          }
          for (const input of inputs) state = stepFrozen(state, input, policy).state
          const swept = stepFrozen(state, reading, policy)
          const where = `swept to ${wall}, ${occupied ? 'occupied' : 'vacant'} at ${seconds}`
          expect(swept.outcome, where).toBe(plain.outcome)
          expect(evidenceOf(swept.state), where).toEqual(evidenceOf(plain.state))
          expect(calendarOf(swept.state), where).toEqual(calendarOf(state))
          expect(swept.state.version, where).toBe(state.version + swept.events.length)
        }
      }
    }
  })

  it('the corrections lead from what was shown to what is shown', () => {
    for (const wall of sweptTo) {
      for (const seconds of readAt) {
        const before = sweep(beginning, at(wall), policy).state
        const { state, events } = stepFrozen(before, said(seconds, true), policy)
        if (JSON.stringify(shown(before)) !== JSON.stringify(shown(state))) expect(events).not.toEqual([])
        if (events.length > 0) expect(events.at(-1)?.state).toMatchObject(shown(state))
        for (const { kind, state: said_ } of events) {
          if (kind === 'occupied') expect(said_.occupancy).toBe('occupied')
          if (kind === 'vacated') expect(said_.occupancy).toBe('vacant')
          if (kind === 'sensor_recovered') expect(said_.stale).toBe(false)
          if (kind === 'sensor_lost') expect(said_.stale || said_.occupancy === 'unknown').toBe(true)
        }
      }
    }
  })
})

describe('withdrawing, event by event', () => {
  const vacantWithOccupied = beginnings['vacant, occupied unconfirmed'] ?? initialState
  it.each([
    [5, false, ['sensor_recovered:withdrawn', 'vacated:withdrawn'], 'unchanged', 'free', -20],
    [5, true, ['sensor_recovered:withdrawn', 'vacated:withdrawn'], 'debouncing', 'free', -20],
    [30, true, ['sensor_recovered:withdrawn', 'occupied:withdrawn'], 'unchanged', 'occupied', 0],
    [30, false, ['sensor_recovered:withdrawn', 'occupied:withdrawn'], 'debouncing', 'occupied', 0],
    [90, true, ['occupied:withdrawn', 'sensor_recovered:evidence_returned'], 'unchanged', 'occupied', 0],
    [90, false, ['occupied:withdrawn'], 'debouncing', 'occupied', 0],
    [130, true, [], 'debouncing', 'unknown', 120],
    [130, false, [], 'debouncing', 'unknown', 120],
  ] as const)('all three fired, then evidence of %s s, occupied: %s', (...row) => {
    const [seconds, occupied, expected, outcome, status, since] = row
    const { state, steps } = sweep(vacantWithOccupied, at(500), policy)
    expect(steps.flatMap(({ events }) => words(events))).toEqual([
      'occupied:debounce_hold',
      'sensor_lost:sensor_timeout',
      'sensor_lost:unknown_after',
    ])
    const result = stepFrozen(state, said(seconds, occupied), policy)
    expect(words(result.events)).toEqual(expected)
    expect(result.outcome).toBe(outcome)
    // Behind the timeout, only what agrees ends staleness.
    const stale = seconds > 60 && outcome === 'debouncing'
    expect(visibleState(result.state)).toMatchObject({ status, stale, since: at(since), observed_at: at(seconds) })
  })

  it.each([
    ['occupied', false, ['sensor_lost:withdrawn', 'vacated:withdrawn'], 'vacant', 'unknown', 60],
    ['vacant', true, ['sensor_lost:withdrawn', 'occupied:withdrawn'], 'occupied', 'occupied', -20],
  ] as const)('a hold of %s that had ended staleness is taken back with it', (...row) => {
    const [, isOccupied, events, occupancy, status, since] = row
    // Held the other way since -20, stale at 60, contradicted at 70, held at 80.
    const held = stateAfter([said(-20, isOccupied), said(0, isOccupied)])
    const { state: open } = stepFrozen(sweep(held, at(65), policy).state, said(70, !isOccupied), policy)
    expect(visibleState(open)).toMatchObject({ occupancy, stale: true, status, since: at(since) })
    const { state, steps } = sweep(open, at(80), policy)
    expect(steps.flatMap((swept) => words(swept.events))).toEqual([
      'sensor_recovered:evidence_returned',
      isOccupied ? 'vacated:debounce_hold' : 'occupied:debounce_hold',
    ])
    const back = stepFrozen(state, said(75, !isOccupied), policy)
    expect(back.outcome).toBe('debouncing')
    expect(words(back.events)).toEqual(events)
    for (const event of back.events) expect(event.state).toMatchObject({ occupancy, stale: true, status })
    expect(visibleState(back.state)).toMatchObject({ occupancy, stale: true, status, since: at(since) })
  })

  it('a hold, a timeout and the unknown that are all taken back leave the earlier since', () => {
    // Unknown since 120, then vacant unconfirmed at 130: held at 140, stale at 190, unknown again at 250.
    const unknown = sweep(stateAfter([said(-20, true), said(0, true)]), at(125), policy).state
    const { state: open } = stepFrozen(unknown, said(130, false), policy)
    expect(visibleState(open)).toMatchObject({ status: 'unknown', stale: true, since: at(120) })
    const { state: lost } = sweep(open, at(250), policy)
    expect(visibleState(lost)).toMatchObject({ status: 'unknown', stale: true, since: at(190) })
    const back = stepFrozen(lost, said(135, false), policy)
    expect(words(back.events)).toEqual(['sensor_lost:withdrawn'])
    expect(back.events[0]?.state).toMatchObject({ status: 'unknown', stale: true, since: at(120) })
    expect(visibleState(back.state)).toMatchObject({ status: 'unknown', stale: true, since: at(120) })
    expect(back.state.facts.candidate).toMatchObject({ occupancy: 'vacant', since: at(130), readings: 2 })
  })

  it('a late reading withdraws nothing', () => {
    const { state } = sweep(vacantWithOccupied, at(500), policy)
    expect(stepFrozen(state, said(-1, true), policy)).toMatchObject({ state, events: [], outcome: 'late' })
  })

  it('a deadline fed twice, or after the reading that moved it, changes nothing', () => {
    const { state } = sweep(vacantWithOccupied, at(60), policy)
    expect(stepFrozen(state, { kind: 'deadline', deadline: 'sensor_timeout', at: at(60) }, policy).state).toBe(state)
    const moved = stepFrozen(state, said(50, true), policy).state
    expect(stepFrozen(moved, { kind: 'deadline', deadline: 'sensor_timeout', at: at(60) }, policy).state).toBe(moved)
  })
})

function evidenceOf({ facts, newest, sources, staleAt, unknownAt, fired }: SpaceState): object {
  return { facts, newest, sources, staleAt, unknownAt, fired }
}

function calendarOf({ reservation, override, calendarSince }: SpaceState): object {
  return { reservation, override, calendarSince }
}

/** What people see, but for the evidence time and the number of events. */
function shown(state: SpaceState): object {
  const { status, occupancy, reservation, override, stale, since } = visibleState(state)
  return { status, occupancy, reservation, override, stale, since }
}
