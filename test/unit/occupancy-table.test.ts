import { describe, expect, it } from 'vitest'
import type { Input, Override, ReservationPhase } from '../../src/occupancy/input.ts'
import {
  initialState,
  visibleState,
  type Candidate,
  type Occupancy,
  type SpaceState,
} from '../../src/occupancy/state.ts'
import type { Step } from '../../src/occupancy/step.ts'
import { policyOf, readingAt, second, stepFrozen, t0, words } from './support/space.ts'

/**
 * The total table of the state machine: every input × every combination of facts. What evidence decides, what the
 * calendar decides and which word follows from both are independent of each other, so the expectations are three
 * small tables, written out below from the rules of step.ts, and every cell of the cross product is checked
 * against all three.
 */
const inputAt = t0 + 60 * second
const staleAt = t0 + 90_000 * second
const unknownAt = t0 + 259_200 * second

const occupancies = ['unknown', 'vacant', 'occupied'] as const
const stalenesses = [false, true] as const
const candidates = ['-', 'vacant', 'occupied'] as const
/** In force: nothing, or soon/active for this reservation or another one; ✓ where its holder has checked in. */
const reservations = [
  '-',
  'soon',
  'soon✓',
  'active',
  'active✓',
  'other soon',
  'other soon✓',
  'other active',
  'other active✓',
] as const
const overrides = ['none', 'blocked', 'out_of_service'] as const

interface Facts {
  occupancy: Occupancy
  stale: boolean
  candidate: (typeof candidates)[number]
  reservation: (typeof reservations)[number]
  override: Override
}

const everyFacts: Facts[] = occupancies.flatMap((occupancy) =>
  stalenesses.flatMap((stale) =>
    candidates.flatMap((candidate) =>
      reservations.flatMap((reservation) =>
        overrides.map((override) => ({ occupancy, stale, candidate, reservation, override })),
      ),
    ),
  ),
)

/** A candidate that says what is held already cannot come about: such a state must do no harm, no more. */
const canBe = ({ occupancy, candidate }: Facts) => occupancy !== candidate

interface Times {
  confirmAt: number
  aheadUntil?: number
}

function stateOf(
  { occupancy, stale, candidate, reservation, override }: Facts,
  { confirmAt, aheadUntil }: Times,
): SpaceState {
  const open: Candidate | null =
    candidate === '-' ? null : { occupancy: candidate, since: t0 - second, readings: 1, confirmAt }
  const fact = reservation.includes('soon') ? 'soon' : 'active'
  return {
    ...initialState,
    facts: { occupancy, stale, candidate: open, since: t0 - 2 * second },
    newest: { at: t0, session: '', device: 'd', counter: null },
    sources: [{ device: 'd', session: '', counter: null, at: t0, aheadUntil: aheadUntil ?? null }],
    staleAt,
    unknownAt,
    reservation:
      reservation === '-'
        ? initialState.reservation
        : { fact, id: reservation.startsWith('other') ? 'B' : 'A', checkedIn: reservation.endsWith('✓') },
    override,
    calendarSince: t0 - 3 * second,
    version: 7,
  }
}

// ---- what is expected of evidence: `outcome → occupancy candidate`, then the events --------------------------------

type Held =
  | 'unknown -'
  | 'unknown vacant'
  | 'unknown occupied'
  | 'vacant -'
  | 'vacant occupied'
  | 'occupied -'
  | 'occupied vacant'
type Expected = [word: string, ...events: string[]]
const byReading = ['occupied:reading', 'vacated:reading'] as const
const byCount = ['occupied:debounce_readings', 'vacated:debounce_readings'] as const
const becomesOccupied: Expected = ['applied → occupied -', byReading[0]]
const becomesVacant: Expected = ['applied → vacant -', byReading[1]]
const keepsOccupied: Expected = ['unchanged → occupied -']
const keepsVacant: Expected = ['unchanged → vacant -']

/** A newer reading of vacant, of occupied; by O5, O6 (debouncing off) and O7 (two, three readings). O4 comes with it. */
const readings: Record<'off' | 'two' | 'three', Record<Held, { vacant: Expected; occupied: Expected }>> = {
  off: {
    'unknown -': { vacant: becomesVacant, occupied: becomesOccupied },
    'unknown vacant': { vacant: becomesVacant, occupied: becomesOccupied },
    'unknown occupied': { vacant: becomesVacant, occupied: becomesOccupied },
    'vacant -': { vacant: keepsVacant, occupied: becomesOccupied },
    'vacant occupied': { vacant: keepsVacant, occupied: becomesOccupied },
    'occupied -': { vacant: becomesVacant, occupied: keepsOccupied },
    'occupied vacant': { vacant: becomesVacant, occupied: keepsOccupied },
  },
  two: {
    'unknown -': { vacant: ['debouncing → unknown vacant×1'], occupied: ['debouncing → unknown occupied×1'] },
    'unknown vacant': { vacant: ['applied → vacant -', byCount[1]], occupied: ['debouncing → unknown occupied×1'] },
    'unknown occupied': { vacant: ['debouncing → unknown vacant×1'], occupied: ['applied → occupied -', byCount[0]] },
    'vacant -': { vacant: keepsVacant, occupied: ['debouncing → vacant occupied×1'] },
    'vacant occupied': { vacant: keepsVacant, occupied: ['applied → occupied -', byCount[0]] },
    'occupied -': { vacant: ['debouncing → occupied vacant×1'], occupied: keepsOccupied },
    'occupied vacant': { vacant: ['applied → vacant -', byCount[1]], occupied: keepsOccupied },
  },
  three: {
    'unknown -': { vacant: ['debouncing → unknown vacant×1'], occupied: ['debouncing → unknown occupied×1'] },
    'unknown vacant': { vacant: ['debouncing → unknown vacant×2'], occupied: ['debouncing → unknown occupied×1'] },
    'unknown occupied': { vacant: ['debouncing → unknown vacant×1'], occupied: ['debouncing → unknown occupied×2'] },
    'vacant -': { vacant: keepsVacant, occupied: ['debouncing → vacant occupied×1'] },
    'vacant occupied': { vacant: keepsVacant, occupied: ['debouncing → vacant occupied×2'] },
    'occupied -': { vacant: ['debouncing → occupied vacant×1'], occupied: keepsOccupied },
    'occupied vacant': { vacant: ['debouncing → occupied vacant×2'], occupied: keepsOccupied },
  },
}

/** The hold passes (O8). */
const holds: Record<Held, Expected> = {
  'unknown -': ['→ unknown -'],
  'unknown vacant': ['→ vacant -', 'vacated:debounce_hold'],
  'unknown occupied': ['→ occupied -', 'occupied:debounce_hold'],
  'vacant -': ['→ vacant -'],
  'vacant occupied': ['→ occupied -', 'occupied:debounce_hold'],
  'occupied -': ['→ occupied -'],
  'occupied vacant': ['→ vacant -', 'vacated:debounce_hold'],
}

// ---- what is expected of the calendar: `fact reservation checked-in`, then the events ------------------------------

type Column = (typeof reservations)[number]
/** The columns that a phase changes; in all others it changes nothing. `contested?` only where the space is occupied. */
const phases: Record<ReservationPhase, Partial<Record<Column, Expected>>> = {
  soon: { '-': ['soon A', 'reserved_soon'] },
  started: {
    '-': ['active A', 'reserved', 'contested?'],
    soon: ['active A', 'reserved', 'contested?'],
    'soon✓': ['active A ✓', 'reserved'],
    'other soon': ['active A', 'released', 'reserved', 'contested?'],
    'other soon✓': ['active A', 'released', 'reserved', 'contested?'],
    'other active': ['active A', 'released', 'reserved', 'contested?'],
    'other active✓': ['active A', 'released', 'reserved', 'contested?'],
  },
  checked_in: { soon: ['soon A ✓', 'checked_in'], active: ['active A ✓', 'checked_in'] },
  check_in_overdue: { active: ['active A', 'contested?'] },
  // A space that somebody stands in is not given away as a no-show: that column is `none if not occupied`.
  no_show: { active: ['none unless occupied', 'no_show'] },
  overstayed: { active: ['active A', 'overstayed?'], 'active✓': ['active A ✓', 'overstayed?'] },
  released: {
    soon: ['none', 'released'],
    'soon✓': ['none', 'released'],
    active: ['none', 'released'],
    'active✓': ['none', 'released'],
  },
}

const overrideEvents: Record<Override, string> = {
  none: 'returned_to_service:override',
  blocked: 'blocked:override',
  out_of_service: 'taken_out_of_service:override',
}

// ---- the columns of the table --------------------------------------------------------------------------------------

interface Cell {
  evidence: { word: string; stale: boolean; events: string[] }
  calendar: { reservation: string; override: Override; events: string[] }
}
interface InputColumn extends Times {
  name: string
  input: Input
  debounce: { readings: number; hold_s: number } | null
  /** A reading's evidence time and clock; where left out, it is the device's own. */
  observed?: Step['observed']
  expected(facts: Facts): Cell
}

const heldOf = ({ occupancy, candidate }: Facts) => `${occupancy} ${candidate}` as Held
const untouched = (facts: Facts): Cell['evidence'] => ({
  word: `→ ${facts.occupancy} ${facts.candidate === '-' ? '-' : `${facts.candidate}×1`}`,
  stale: facts.stale,
  events: [],
})
function calendarWordOf({ reservation }: Facts): string {
  if (reservation === '-') return 'none'
  const fact = reservation.includes('soon') ? 'soon' : 'active'
  return `${fact} ${reservation.startsWith('other') ? 'B' : 'A'}${reservation.endsWith('✓') ? ' ✓' : ''}`
}
const calendarUntouched = (facts: Facts): Cell['calendar'] => ({
  reservation: calendarWordOf(facts),
  override: facts.override,
  events: [],
})

const debounces = { off: null, two: { readings: 2, hold_s: 600 }, three: { readings: 3, hold_s: 600 } } as const
const later = unknownAt + 1000 * second
/** As far ahead of the input as the policy allows: a time that is trusted unless it was ahead when it was sent. */
const onceAhead = inputAt + 300 * second

const readingColumns: InputColumn[] = (['off', 'two', 'three'] as const).flatMap((debounce) =>
  ([false, true] as const).flatMap((occupied): InputColumn[] => {
    const word = occupied ? 'occupied' : 'vacant'
    const common = { debounce: debounces[debounce], confirmAt: later }
    const newer = (facts: Facts): Cell => {
      const [result, ...events] = readings[debounce][heldOf(facts)][word]
      // O4: what is contradicted and not confirmed stays as stale as it was.
      const stale = facts.stale && result.startsWith('debouncing')
      const recovered = facts.stale && !stale ? ['sensor_recovered:evidence_returned'] : []
      return {
        evidence: { word: result, stale, events: [...recovered, ...events] },
        calendar: calendarUntouched(facts),
      }
    }
    return [
      {
        ...common,
        name: `newer reading of ${word}, debouncing ${debounce}`,
        input: readingAt(inputAt, occupied),
        expected: newer,
      },
      {
        ...common,
        name: `newer reading of ${word} at a time once sent ahead, debouncing ${debounce}`,
        input: readingAt(onceAhead, occupied, { receivedAt: inputAt }),
        aheadUntil: onceAhead,
        observed: { at: inputAt, clock: 'ahead' },
        expected: newer,
      },
      {
        ...common,
        name: `newer reading of ${word} beyond all times sent ahead, debouncing ${debounce}`,
        input: readingAt(onceAhead, occupied, { receivedAt: inputAt }),
        aheadUntil: onceAhead - 1,
        observed: { at: onceAhead, clock: 'device' },
        expected: newer,
      },
      ...[t0, t0 - 1].map((at): InputColumn => ({
        ...common,
        name: `reading of ${word} ${at === t0 ? 'at the time' : 'older'} than the newest, debouncing ${debounce}`,
        input: readingAt(at, occupied, { receivedAt: inputAt }),
        expected: (facts) => {
          const evidence = untouched(facts)
          return { evidence: { ...evidence, word: `late ${evidence.word}` }, calendar: calendarUntouched(facts) }
        },
      })),
    ]
  }),
)

const deadlineColumns: InputColumn[] = [
  {
    name: 'debounce_hold',
    input: { kind: 'deadline', deadline: 'debounce_hold', at: inputAt },
    debounce: null,
    confirmAt: inputAt,
    expected: (facts) => {
      const [word, ...events] = holds[heldOf(facts)]
      const recovered = facts.stale && events.length > 0 ? ['sensor_recovered:evidence_returned'] : []
      const stale = facts.stale && recovered.length === 0
      return { evidence: { word, stale, events: [...recovered, ...events] }, calendar: calendarUntouched(facts) }
    },
  },
  {
    name: 'debounce_hold, its own evidence older than sensor_timeout',
    input: { kind: 'deadline', deadline: 'debounce_hold', at: staleAt + 1 },
    debounce: null,
    confirmAt: staleAt + 1,
    expected: (facts) => {
      const [word, ...events] = holds[heldOf(facts)]
      // The timeout lies before it: where it has not fired yet it does so now, in its turn.
      const lost = facts.stale ? [] : ['sensor_lost:sensor_timeout']
      return { evidence: { word, stale: true, events: [...lost, ...events] }, calendar: calendarUntouched(facts) }
    },
  },
  {
    name: 'sensor_timeout',
    input: { kind: 'deadline', deadline: 'sensor_timeout', at: staleAt },
    debounce: null,
    confirmAt: later,
    expected: (facts) => {
      const events = facts.stale ? [] : ['sensor_lost:sensor_timeout']
      return { evidence: { ...untouched(facts), stale: true, events }, calendar: calendarUntouched(facts) }
    },
  },
  {
    name: 'unknown_after',
    input: { kind: 'deadline', deadline: 'unknown_after', at: unknownAt },
    debounce: null,
    confirmAt: later,
    expected: (facts) => {
      // The timeout lies before it: where it has not fired yet it does so now, in its turn.
      const lost = facts.stale ? [] : ['sensor_lost:sensor_timeout']
      const forgotten = facts.occupancy === 'unknown' ? [] : ['sensor_lost:unknown_after']
      const word = '→ unknown -'
      return { evidence: { word, stale: true, events: [...lost, ...forgotten] }, calendar: calendarUntouched(facts) }
    },
  },
  ...(['debounce_hold', 'sensor_timeout', 'unknown_after'] as const).map((deadline): InputColumn => ({
    name: `${deadline} that is no longer the state's own`,
    input: { kind: 'deadline', deadline, at: inputAt },
    debounce: null,
    confirmAt: later,
    expected: (facts) => ({ evidence: untouched(facts), calendar: calendarUntouched(facts) }),
  })),
]

const reservationColumns: InputColumn[] = (Object.keys(phases) as ReservationPhase[]).map((phase) => ({
  name: `reservation ${phase}`,
  input: { kind: 'reservation', phase, reservation: 'A', at: inputAt },
  debounce: null,
  confirmAt: later,
  expected: (facts) => {
    const evidence = untouched(facts)
    const entry = phases[phase][facts.reservation]
    const isOccupied = facts.occupancy === 'occupied'
    if (entry === undefined || (entry[0] === 'none unless occupied' && isOccupied)) {
      return { evidence, calendar: calendarUntouched(facts) }
    }
    const [reservation, ...events] = entry
    const emitted = events.filter((event) => !event.endsWith('?') || isOccupied)
    return {
      evidence,
      calendar: {
        reservation: reservation === 'none unless occupied' ? 'none' : reservation,
        override: facts.override,
        events: emitted.map((event) => `${event.replace('?', '')}:reservation`),
      },
    }
  },
}))

const overrideColumns: InputColumn[] = overrides.flatMap((override) =>
  ['operator', null].map((user): InputColumn => ({
    name: `override ${override} by ${user ?? 'its end'}`,
    input: { kind: 'override', override, at: inputAt, user },
    debounce: null,
    confirmAt: later,
    expected: (facts) => ({
      evidence: untouched(facts),
      calendar: {
        ...calendarUntouched(facts),
        override,
        events: facts.override === override ? [] : [overrideEvents[override]],
      },
    }),
  })),
)

const columns = [...readingColumns, ...deadlineColumns, ...reservationColumns, ...overrideColumns]

// ---- the check -----------------------------------------------------------------------------------------------------

const statusPriority = ['out_of_service', 'blocked', 'reserved', 'occupied', 'free', 'unknown'] as const

/** DESIGN.md section 2: every word that holds, of which the first in the order of priority is shown. */
function statusOf(state: SpaceState): string {
  const holding = new Set<string>(['unknown', state.override])
  if (state.reservation.fact !== 'none') holding.add('reserved')
  if (state.facts.occupancy === 'occupied') holding.add('occupied')
  if (state.facts.occupancy === 'vacant' && !state.facts.stale) holding.add('free')
  return statusPriority.find((word) => holding.has(word)) ?? 'none'
}

function seen({ state, outcome, events }: Step) {
  const { candidate, occupancy, stale } = state.facts
  const { fact, id, checkedIn } = state.reservation
  const open = candidate === null ? '-' : `${candidate.occupancy}×${candidate.readings}`
  return {
    word: `${outcome === null ? '' : `${outcome} `}→ ${occupancy} ${open}`,
    stale,
    reservation: fact === 'none' ? fact : `${fact} ${id}${checkedIn ? ' ✓' : ''}`,
    override: state.override,
    status: visibleState(state).status,
    // Their order is the business of occupancy-rules.test.ts.
    events: words(events).toSorted(),
  }
}

function checkColumn({ input, debounce, observed, expected, ...times }: InputColumn): void {
  const wrong: object[] = []
  for (const facts of everyFacts) {
    const before = stateOf(facts, times)
    const result = stepFrozen(before, input, policyOf({ debounce }))
    expect(result.state.version).toBe(before.version + result.events.length)
    if (!canBe(facts)) continue
    const { evidence, calendar } = expected(facts)
    const want = {
      word: evidence.word,
      stale: evidence.stale,
      reservation: calendar.reservation,
      override: calendar.override,
      status: statusOf(result.state),
      events: [...evidence.events, ...calendar.events].toSorted(),
    }
    const got = seen(result)
    if (JSON.stringify(got) !== JSON.stringify(want)) wrong.push({ facts, got, want })
    if (input.kind === 'reading') {
      expect(result.observed).toEqual(observed ?? { at: input.at, clock: 'device' })
    }
    // X3: where nothing is expected to change, nothing is made anew.
    const { word } = untouched(facts)
    const isUntouched = want.word === word && evidence.stale === facts.stale && want.events.length === 0
    if ((isUntouched || want.word === `late ${word}`) && result.state !== before)
      wrong.push({ facts, got: 'a new object', want: 'the same object' })
  }
  expect(wrong.slice(0, 3), `${wrong.length} cells are wrong`).toEqual([])
}

describe('the total table', () => {
  it('has every input × every combination of facts, once', () => {
    expect(everyFacts).toHaveLength(3 * 2 * 3 * 9 * 3)
    expect(new Set(everyFacts.map((facts) => JSON.stringify(facts))).size).toBe(everyFacts.length)
    expect(everyFacts.filter(canBe)).toHaveLength(7 * 2 * 9 * 3)
    expect(new Set(columns.map(({ name }) => name)).size).toBe(3 * 2 * 5 + 7 + 7 + 6)
    expect(columns).toHaveLength(3 * 2 * 5 + 7 + 7 + 6)
  })

  // Not it.each, which cuts the names short.
  for (const column of columns) it(column.name, () => checkColumn(column))

  it.each(overrides)(
    'override %s over every reservation and occupancy: the fixed priority of the status',
    (override) => {
      const statuses = (reservation: Column, occupancy: Occupancy, stale: boolean) =>
        visibleState(stateOf({ occupancy, stale, candidate: '-', reservation, override }, { confirmAt: later })).status
      const above = override === 'none' ? undefined : override
      for (const stale of stalenesses) {
        expect(statuses('-', 'occupied', stale)).toBe(above ?? 'occupied')
        expect(statuses('-', 'vacant', stale)).toBe(above ?? (stale ? 'unknown' : 'free'))
        expect(statuses('-', 'unknown', stale)).toBe(above ?? 'unknown')
        for (const occupancy of occupancies) {
          expect(statuses('soon', occupancy, stale)).toBe(above ?? 'reserved')
          expect(statuses('active✓', occupancy, stale)).toBe(above ?? 'reserved')
        }
      }
    },
  )
})
