import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ReadingInput } from '../../src/occupancy/input.ts'
import type { Policy } from '../../src/occupancy/policy.ts'
import {
  initialState,
  nextDeadline,
  visibleState,
  type SpaceState,
  type VisibleState,
} from '../../src/occupancy/state.ts'
import { step, type Step } from '../../src/occupancy/step.ts'
import {
  anyPolicy,
  calendarInput,
  clampedPolicy,
  deliveriesOf,
  faultyDeliveries,
  trustedReadings,
} from './support/sequences.ts'
import { policyOf, sweep } from './support/space.ts'
import { Writer, identityOf } from './support/writer.ts'

/**
 * The invariants of the state machine under the network's own faults: duplicated, reordered, late, clock-jumping and
 * counter-restarting readings, with sweeps and calendar inputs at any moment.
 */
const runs = { numRuns: 300 }

/** What happens between two deliveries. */
type Between = { sweepUpTo: number } | { calendar: Parameters<Writer['take']>[0] } | { staleDeadline: number } | null

const between: fc.Arbitrary<Between> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  // A sweep somewhere between this delivery and the next, as thousandths of the way.
  { weight: 3, arbitrary: fc.record({ sweepUpTo: fc.integer({ min: 0, max: 1000 }) }) },
  { weight: 1, arbitrary: fc.record({ calendar: calendarInput }) },
  // A deadline found due by a sweep that lost the race for the space's lock to the next delivery.
  { weight: 1, arbitrary: fc.record({ staleDeadline: fc.integer({ min: 0, max: 1000 }) }) },
)

interface Run {
  deliveries: ReadingInput[]
  policies: Policy[]
  betweens: Between[]
}
/** By one policy, or one that is edited now and then. */
const runsBy = (policy: fc.Arbitrary<Policy>, maxLength = 3): fc.Arbitrary<Run> =>
  fc.record({
    deliveries: faultyDeliveries,
    policies: fc.array(policy, { minLength: 1, maxLength }),
    betweens: fc.array(between, { minLength: 30, maxLength: 30 }),
  })
const anyRun = runsBy(anyPolicy)

const endOf = ({ deliveries }: Run) => Math.max(...deliveries.map(({ receivedAt }) => receivedAt)) + 500_000
const policyAt = ({ policies, deliveries }: Run, i: number) =>
  policies[Math.floor((i * policies.length) / deliveries.length)] ?? policyOf()

/** Delivers everything, with or without what happens in between, then fires all that is due. */
function play(run: Run, allowed: { sweeps: boolean; calendar: boolean }): Writer & { end: SpaceState } {
  const writer = new Writer()
  let wall = 0
  const sweepTo = (time: number, policy: Policy) => {
    for (let due = nextDeadline(writer.state); due !== null && due.at <= time; due = nextDeadline(writer.state)) {
      writer.take({ kind: 'deadline', ...due }, policy)
    }
  }
  run.deliveries.forEach((delivery, i) => {
    const policy = policyAt(run, i)
    const now = run.betweens[i] ?? null
    // The wall that the jobs go by: our clock may have stepped back, their sweeps never looked ahead of it.
    wall = Math.max(wall, delivery.receivedAt)
    const moment = (part: number) =>
      wall - Math.round((wall - (run.deliveries[i - 1]?.receivedAt ?? wall)) * (part / 1000))
    let raced: { deadline: 'sensor_timeout'; at: number } | null = null
    if (now !== null && 'sweepUpTo' in now && allowed.sweeps) sweepTo(moment(now.sweepUpTo), policy)
    if (now !== null && 'calendar' in now && allowed.calendar) writer.take(now.calendar, policy)
    if (now !== null && 'staleDeadline' in now && allowed.sweeps) {
      const due = nextDeadline(writer.state)
      if (due !== null && due.at <= moment(now.staleDeadline)) raced = { deadline: 'sensor_timeout', at: due.at }
    }
    writer.deliver(delivery, policy)
    if (raced !== null) writer.take({ kind: 'deadline', ...raced }, policy)
  })
  sweepTo(endOf(run), policyAt(run, run.deliveries.length - 1))
  return Object.assign(writer, { end: writer.state })
}

const evidenceOf = ({ facts, newest, sources, staleAt, unknownAt, fired }: SpaceState) => ({
  facts,
  newest,
  sources,
  staleAt,
  unknownAt,
  fired,
})
/** All that people see but the evidence time, which moves without events, and the number of events. */
const shown = ({ observed_at: _at, version: _version, ...rest }: VisibleState) => rest

/** Checks every step of any run, with everything in between. */
function everyStep(check: (taken: Writer['steps'][number], writer: Writer) => void, of = anyRun): void {
  fc.assert(
    fc.property(of, (run) => {
      const writer = play(run, { sweeps: true, calendar: true })
      for (const taken of writer.steps) check(taken, writer)
    }),
    runs,
  )
}

/** The place in the order of evidence, said apart from the code: by time, then session, then device, as text. */
const place = ({ at, session, device }: ReadingInput) => `${at} ${session ?? ''} ${device}`

const outcomesOf = ({ steps }: Writer): Step['outcome'][] =>
  steps.filter(({ input }) => input.kind === 'reading').map(({ result }) => result.outcome)

describe('with debouncing off and trusted clocks', () => {
  const policy = policyOf()
  it('any duplicated, reordered delivery ends with the occupancy and evidence time of the clean sequence', () => {
    const sent = trustedReadings.chain((readings) => fc.tuple(fc.constant(readings), deliveriesOf(readings)))
    fc.assert(
      fc.property(sent, ([readings, deliveries]) => {
        const clean = readings.toSorted((a, b) => (place(a) < place(b) ? -1 : 1))
        const last = clean.at(-1)
        const cleanWriter = new Writer()
        for (const reading of clean) expect(cleanWriter.deliver(reading, policy)).not.toBe('duplicate')
        const writer = new Writer()
        for (const delivery of deliveries) writer.deliver(delivery, policy)

        expect(writer.state.newest?.at).toBe(last?.at)
        expect(writer.state.facts.occupancy).toBe(last?.occupied === true ? 'occupied' : 'vacant')
        for (const key of ['newest', 'staleAt', 'unknownAt'] as const) {
          expect(writer.state[key]).toEqual(cleanWriter.state[key])
        }
        expect(visibleState(writer.state).status).toBe(visibleState(cleanWriter.state).status)
        expect([...writer.reached.values()].every((times) => times === 1)).toBe(true)
        expect(writer.reached.size).toBe(new Set(readings.map(identityOf)).size)
        expect(writer.duplicates).toBe(deliveries.length - readings.length)
      }),
      runs,
    )
  })
})

describe('whatever clocks, counters and the network do', () => {
  it('nothing throws, no input is written to, and outcomes are those of the rules', () => {
    everyStep(({ input, before, result }) => {
      expect(result.outcome === null).toBe(input.kind !== 'reading')
      if (result.outcome === 'late') expect(result.state).toBe(before)
      if (result.outcome === 'applied') expect(result.state.facts.occupancy).toMatch(/vacant|occupied/)
    })
  })

  it('no reading that can be told apart counts twice', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const writer = new Writer()
        const counted = new Set<string>()
        run.deliveries.forEach((delivery, i) => {
          const id = identityOf(delivery)
          const result = writer.deliver(delivery, policyAt(run, i))
          // One that says `at` and was trusted then is found by its time; a counter may restart where no boot tells.
          if (id === null || result === 'duplicate' || result.outcome === 'late') return
          const sameAt = JSON.stringify([id, delivery.at])
          expect(counted).not.toContain(sameAt)
          counted.add(sameAt)
        })
      }),
      { numRuns: 1500 },
    )
  })

  it('X2: the time of the newest evidence never goes back', () => {
    everyStep(({ before, result }) => {
      if (before.newest !== null) expect(result.state.newest?.at).toBeGreaterThanOrEqual(before.newest.at)
    })
  })

  it('the version counts the events, one by one', () => {
    everyStep(({ before, result }) => {
      expect(result.state.version).toBe(before.version + result.events.length)
      expect(result.events.map(({ state }) => state.version)).toEqual(
        result.events.map((_, i) => before.version + i + 1),
      )
    })
  })

  it('a state survives its JSON and steps on as before', () => {
    everyStep(({ before, input, policy, result }) => {
      const read = JSON.parse(JSON.stringify(before)) as SpaceState
      expect(read).toEqual(before)
      expect(step(read, input, policy)).toEqual(result)
    })
  })

  it('X1: a deadline frees only by the hold of a reading of vacant, and nothing stale', () => {
    everyStep(({ input, before, result }) => {
      if (input.kind !== 'deadline') return
      const freed = result.events.filter(({ state }, i) => {
        const earlier = result.events[i - 1]?.state ?? visibleState(before)
        return state.status === 'free' && earlier.status !== 'free'
      })
      for (const event of freed) {
        // Where the hold also ends staleness, the sensor's return is told first.
        const next = result.events[result.events.indexOf(event) + 1]
        const change = event.rule === 'evidence_returned' ? next : event
        expect(change).toMatchObject({ kind: 'vacated', rule: 'debounce_hold', cause: { timer: 'debounce_hold' } })
        expect(event.cause).toEqual(change?.cause)
        expect(before.facts.candidate?.occupancy).toBe('vacant')
        expect(event.state).toMatchObject({ occupancy: 'vacant', stale: false })
      }
    })
  })

  it('X1, O4: a reading of occupied frees nothing, unless it takes back what silence alone had said', () => {
    everyStep(({ input, before, result }) => {
      if (input.kind !== 'reading' || !input.occupied) return
      const path = [visibleState(before), ...result.events.map(({ state }) => state)]
      result.events.forEach(({ rule, cause }, i) => {
        if (cause.type === 'timer' || path[i]?.status === 'free' || path[i + 1]?.status !== 'free') return
        expect(rule).toBe('withdrawn')
        expect(before.fired.length).toBeGreaterThan(0)
      })
    })
  })

  it('O4: newer evidence ends staleness when it agrees or is confirmed, and only then', () => {
    everyStep(({ input, result: { outcome, state, events } }) => {
      if (input.kind !== 'reading' || outcome === 'late') return
      if (outcome !== 'debouncing') expect(state.facts.stale).toBe(false)
      const returned = events.filter(({ rule, cause }) => rule === 'evidence_returned' && cause.type === 'reading')
      expect(returned.length).toBeLessThanOrEqual(outcome === 'debouncing' ? 0 : 1)
    })
  })

  it('every change of occupancy or staleness is said by the event of its name', () => {
    everyStep(({ before, result: { state, events } }) => {
      const kinds = new Set(events.map(({ kind }) => kind))
      const { stale, occupancy } = state.facts
      if (stale !== before.facts.stale) expect(kinds).toContain(stale ? 'sensor_lost' : 'sensor_recovered')
      const change = { occupied: 'occupied', vacant: 'vacated', unknown: 'sensor_lost' } as const
      if (occupancy !== before.facts.occupancy) expect(kinds).toContain(change[occupancy])
    })
  })

  it('by one policy put together from its scopes, a change is confirmed before silence is judged', () => {
    everyStep(
      ({ before, input, result: { state, events } }) => {
        if (input.kind !== 'deadline') return
        // What waits is never dropped, and never confirmed by evidence that is old already.
        if (before.facts.candidate !== null && state.facts.candidate === null)
          expect(events.map(({ rule }) => rule)).toContain('debounce_hold')
        for (const { rule, state: said } of events) if (rule === 'debounce_hold') expect(said.stale).toBe(false)
      },
      runsBy(clampedPolicy, 1),
    )
  })

  it('nothing that people see changes without an event that says so, except the evidence time', () => {
    everyStep(({ before, result }) => {
      const after = result.events.at(-1)?.state ?? visibleState(before)
      expect(shown(visibleState(result.state))).toEqual(shown(after))
    })
  })

  it('`since` moves only with the status or a correction, and never beyond what has been said to it', () => {
    everyStep(({ before, input, result }, { steps }) => {
      const path = [visibleState(before), ...result.events.map(({ state }) => state)]
      result.events.forEach(({ rule }, i) => {
        if (path[i]?.since === path[i + 1]?.since || rule === 'withdrawn') return
        expect(path[i]?.status, rule).not.toBe(path[i + 1]?.status)
      })
      const time = (taken: (typeof steps)[number]) =>
        taken.input.kind === 'reading' ? (taken.result.observed?.at ?? 0) : taken.input.at
      const index = steps.findIndex((taken) => taken.input === input && taken.before === before)
      const latest = Math.max(...steps.slice(0, index + 1).map(time))
      const { since } = visibleState(result.state)
      if (since !== null) expect(since).toBeLessThanOrEqual(latest)
    })
  })

  it('staleness and the unknown follow from the deadlines, once all that is due has fired', () => {
    fc.assert(
      fc.property(anyRun, fc.integer({ min: 0, max: 300_000 }), (run, wait) => {
        const writer = new Writer()
        run.deliveries.forEach((delivery, i) => writer.deliver(delivery, policyAt(run, i)))
        const wall = (writer.state.newest?.at ?? 0) + wait
        const { state } = sweep(writer.state, wall, policyOf())
        const isOld = state.staleAt !== null && state.staleAt <= wall
        if (isOld) expect(state.facts.stale).toBe(true)
        else if (state.facts.stale) {
          // O4: stale before, and all that came since contradicts what is held and is not confirmed.
          expect(state.facts.candidate).not.toBeNull()
          expect(state.facts.candidate?.occupancy).not.toBe(state.facts.occupancy)
          expect(writer.steps.at(-1)?.result.outcome).toMatch(/debouncing|late/)
        }
        if (state.unknownAt !== null && state.unknownAt <= wall) expect(state.facts.occupancy).toBe('unknown')
        const next = nextDeadline(state)
        if (next !== null) expect(next.at).toBeGreaterThan(wall)
      }),
      runs,
    )
  })
})

describe('a log of readings ends in the same state at any speed', () => {
  it.each([
    ['with debouncing', (run: Run) => run],
    ['without', (run: Run) => ({ ...run, policies: run.policies.map((policy) => ({ ...policy, debounce: null })) })],
  ])('%s', (_name, as) => {
    fc.assert(
      fc.property(anyRun, (any) => {
        const run = as(any)
        const fast = play(run, { sweeps: false, calendar: false })
        const swept = play(run, { sweeps: true, calendar: false })
        const busy = play(run, { sweeps: true, calendar: true })
        expect(evidenceOf(swept.end)).toEqual(evidenceOf(fast.end))
        expect(evidenceOf(busy.end)).toEqual(evidenceOf(fast.end))
        expect(shown(visibleState(swept.end))).toEqual(shown(visibleState(fast.end)))
        // Outcomes too: what a reading did does not hang on what was swept before it.
        expect(outcomesOf(swept)).toEqual(outcomesOf(fast))
        expect(outcomesOf(busy)).toEqual(outcomesOf(fast))
      }),
      { numRuns: 500 },
    )
  })

  it('folding the kept inputs again, through JSON, gives the same states and events', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const { steps } = play(run, { sweeps: true, calendar: true })
        let state: SpaceState = initialState
        for (const { input, policy, result } of steps) {
          const again = step(JSON.parse(JSON.stringify(state)) as SpaceState, input, policy)
          expect(again).toEqual(result)
          state = again.state
        }
      }),
      runs,
    )
  })
})
