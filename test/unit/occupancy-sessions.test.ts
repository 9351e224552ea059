import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Policy } from '../../src/occupancy/policy.ts'
import { projectSessions, type ParkingSession, type SessionReading } from '../../src/occupancy/sessions.ts'
import type { Candidate, EvidenceFacts } from '../../src/occupancy/state.ts'
import { clampedPolicy } from './support/sequences.ts'
import { fold, policyOf, readingAt, second, sweep, t0 } from './support/space.ts'

/** Parking sessions: what the readings say in the order of their evidence, whenever they came. Times are seconds after t0. */

const policy = policyOf({ sensor_timeout_s: 100, unknown_after_s: 300 })
const debouncing = policyOf({
  debounce: { readings: 3, hold_s: 20 },
  sensor_timeout_s: 100,
  unknown_after_s: 300,
})
const at = (seconds: number) => t0 + seconds * second

function said(
  seconds: number,
  occupied: boolean,
  { by = policy, device = 'd' }: { by?: Policy; device?: string } = {},
): SessionReading {
  return {
    evidence: { at: at(seconds), session: '', device, counter: null },
    occupied,
    policy: by,
  }
}

const settled: Pick<EvidenceFacts, 'candidate'> = { candidate: null }
const waiting = {
  candidate: { occupancy: 'occupied', since: t0, readings: 1, confirmAt: t0 } satisfies Candidate,
}

/** Start and end in seconds, `?` where uncertain. */
function sessionsOf(readings: readonly SessionReading[], live = settled): unknown[] {
  return projectSessions(readings, live).map(({ startedAt, endedAt, uncertain }) => [
    (startedAt - t0) / second,
    endedAt === null ? null : (endedAt - t0) / second,
    ...(uncertain ? ['?'] : []),
  ])
}

describe('with debouncing off', () => {
  it.each([
    ['nothing', [], []],
    ['vacant', [said(0, false)], []],
    ['occupied', [said(0, true)], [[0, null]]],
    ['occupied, with heartbeats', [said(0, true), said(50, true), said(99, true)], [[0, null]]],
    ['occupied, then vacant', [said(0, true), said(10, false), said(20, false)], [[0, 10]]],
    [
      'two cars',
      [said(0, false), said(5, true), said(10, false), said(20, true)],
      [
        [5, 10],
        [20, null],
      ],
    ],
  ])('%s', (_name, readings, expected) => {
    expect(sessionsOf(readings)).toEqual(expected)
  })

  it('a late reading corrects what was made of those around it', () => {
    const readings = [said(0, true), said(30, false)]
    expect(sessionsOf(readings)).toEqual([[0, 30]])
    readings.push(said(10, false))
    expect(sessionsOf(readings)).toEqual([[0, 10]])
    readings.push(said(20, true))
    expect(sessionsOf(readings)).toEqual([
      [0, 10],
      [20, 30],
    ])
    readings.push(said(-5, true))
    expect(sessionsOf(readings)).toEqual([
      [-5, 10],
      [20, 30],
    ])
  })

  it.each([
    ['as long as unknown_after', [said(0, true), said(300, true)], [[0, null]]],
    ['longer', [said(0, true), said(300.001, true)], [[0, null, '?']]],
    [
      'longer, and vacant behind it',
      [said(0, true), said(301, false), said(400, true)],
      [
        [0, 301, '?'],
        [400, null],
      ],
    ],
    [
      'longer, in a later session',
      [said(0, true), said(9, false), said(10, true), said(311, true)],
      [
        [0, 9],
        [10, null, '?'],
      ],
    ],
    [
      'longer, while vacant',
      [said(0, true), said(9, false), said(400, true)],
      [
        [0, 9],
        [400, null],
      ],
    ],
    ['longer, but for a late reading', [said(0, true), said(400, true), said(200, true)], [[0, null]]],
  ])('a gap in the evidence: %s', (_name, readings, expected) => {
    expect(sessionsOf(readings)).toEqual(expected)
  })

  it('a session of no length is dropped, and two cars with no time between them are two sessions that touch', () => {
    const [early, later] = [{ device: 'a' }, { device: 'b' }]
    expect(sessionsOf([said(10, true, early), said(10, false, later)])).toEqual([])
    expect(sessionsOf([said(0, true), said(10, false, early), said(10, true, later)])).toEqual([
      [0, 10],
      [10, null],
    ])
    expect(sessionsOf([said(0, true), said(10, false, early), said(10, true, later), said(20, false)])).toEqual([
      [0, 10],
      [10, 20],
    ])
    const last = { device: 'c' }
    expect(sessionsOf([said(0, true), said(10, false, early), said(10, true, later), said(10, false, last)])).toEqual([
      [0, 10],
    ])
    expect(sessionsOf([said(10, true, early), said(10, false, later), said(10, true, last)])).toEqual([[10, null]])
    // The other way round: the later device, as text, has the last word.
    expect(sessionsOf([said(0, true), said(10, true, early), said(10, false, later)])).toEqual([[0, 10]])
  })
})

describe('with debouncing', () => {
  const by = debouncing
  const all = (...readings: [number, boolean][]) =>
    readings.map(([seconds, occupied]) => said(seconds, occupied, { by }))

  it.each([
    ['the n-th reading confirms, from the first on', all([0, true], [5, true], [10, true]), [[0, null]]],
    ['a contradiction begins again', all([0, true], [5, true], [6, false], [7, true], [8, true]), []],
    ['the hold confirms, once a reading is behind it', all([0, true], [20.001, false]), [[0, null]]],
    ['not a reading at exactly its end', all([0, true], [20, false]), []],
    ['an end that is not confirmed does not count', all([0, true], [21, false], [22, true], [23, false]), [[0, null]]],
    ['both ends confirmed', all([0, true], [21, true], [30, false], [51, false]), [[0, 30]]],
  ])('%s', (_name, readings, expected) => {
    expect(sessionsOf(readings, waiting)).toEqual(expected)
  })

  it('each reading is judged by the policy of its own time', () => {
    expect(sessionsOf([said(0, true, { by }), said(5, true)])).toEqual([[5, null]])
    expect(sessionsOf([said(0, true), said(5, false, { by })], waiting)).toEqual([[0, null]])
  })

  it('a late reading may take the confirmation away, or give it', () => {
    const readings = all([0, true], [5, true], [10, true])
    expect(sessionsOf([...readings, ...all([7, false])], waiting)).toEqual([])
    expect(sessionsOf([...all([0, true], [10, true], [5, true])])).toEqual([[0, null]])
  })

  it('a change unconfirmed at the end of the log counts once nothing waits in the live state', () => {
    const arrival = all([0, true], [5, true])
    expect(sessionsOf(arrival, waiting)).toEqual([])
    expect(sessionsOf(arrival, settled)).toEqual([[0, null]])
    const departure = all([0, true], [21, true], [30, false])
    expect(sessionsOf(departure, waiting)).toEqual([[0, null]])
    expect(sessionsOf(departure, settled)).toEqual([[0, 30]])
  })
})

/** Readings of one device whose counter orders what has the same time, with gaps around all the deadlines. */
const anyReadings = fc
  .array(
    fc.record({
      gap: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: 10 }) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 150 }) },
      ),
      occupied: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((plans) => {
    let seconds = 0
    return plans.map(({ gap, occupied }, counter) => {
      seconds += gap
      return readingAt(at(seconds), occupied, { counter, session: '1' })
    })
  })

const sessionReading =
  (by: Policy) =>
  (reading: ReturnType<typeof readingAt>): SessionReading => ({
    evidence: { at: reading.receivedAt, session: '1', device: 'd', counter: reading.counter },
    occupied: reading.occupied,
    policy: by,
  })

/** The sessions that the events of the live state tell of; each gap of more than `unknown_after` within makes one uncertain. */
function toldBy(steps: ReturnType<typeof fold>, by: Policy): ParkingSession[] {
  const told: { startedAt: number; endedAt: number | null }[] = []
  for (const { kind, eventTime } of steps.flatMap(({ events }) => events)) {
    const last = told.at(-1)
    if (kind === 'vacated' && last?.endedAt === null) last.endedAt = eventTime
    // What was forgotten for its silence and read again is the same car, as far as anybody can tell.
    if (kind === 'occupied' && last?.endedAt !== null) told.push({ startedAt: eventTime, endedAt: null })
  }
  const times = steps.flatMap(({ observed }) => observed?.at ?? [])
  const gaps = times.flatMap((to, i) => {
    const from = times[i - 1] ?? to
    return to - from > by.unknown_after_s * second ? [{ from, to }] : []
  })
  return told
    .filter(({ startedAt, endedAt }) => startedAt !== endedAt)
    .map((session) => ({
      ...session,
      uncertain: gaps.some(({ from, to }) => session.startedAt <= from && (session.endedAt ?? Infinity) >= to),
    }))
}

describe('for any readings', () => {
  it('the order in which they came makes no difference', () => {
    const shuffled = anyReadings.chain((readings) =>
      fc.tuple(fc.constant(readings), fc.shuffledSubarray(readings, { minLength: readings.length })),
    )
    fc.assert(
      fc.property(shuffled, clampedPolicy, fc.constantFrom(settled, waiting), ([sent, came], by, live) => {
        const project = (readings: typeof sent) => projectSessions(readings.map(sessionReading(by)), live)
        expect(project(came)).toEqual(project(sent))
      }),
      { numRuns: 500 },
    )
  })

  it('in order, they are the sessions that the events of the live state tell of', () => {
    fc.assert(
      fc.property(anyReadings, clampedPolicy, fc.nat(1000), (readings, by, part) => {
        const steps = fold(readings, by)
        const { state } = steps.at(-1) ?? {}
        if (state === undefined) throw new Error('no state')
        // Some way to, or beyond, the moment at which silence makes the occupancy unknown.
        const wall = (state.newest?.at ?? 0) + Math.floor(by.unknown_after_s * second * (part / 500))
        const swept = sweep(state, wall, by)
        const expected = toldBy([...steps, ...swept.steps], by)
        expect(projectSessions(readings.map(sessionReading(by)), swept.state.facts)).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('those behind any time follow from the session that was open then and the readings since', () => {
    const anyCut = fc.tuple(anyReadings, fc.nat(1000))
    fc.assert(
      fc.property(anyCut, ([sent, part]) => {
        const readings = sent.map(sessionReading({ ...policy, unknown_after_s: 1e9 }))
        const times = readings.map(({ evidence }) => evidence.at)
        const [first, last] = [Math.min(...times), Math.max(...times)]
        const cut = first + Math.floor(((last - first) * part) / 1000)
        const before = projectSessions(
          readings.filter(({ evidence }) => evidence.at < cut),
          settled,
        )
        const open = before.find(({ endedAt }) => endedAt === null) ?? null
        const since = projectSessions(
          readings.filter(({ evidence }) => evidence.at >= cut),
          settled,
          open,
        )
        expect([...before.filter((session) => session !== open), ...since]).toEqual(projectSessions(readings, settled))
      }),
      { numRuns: 500 },
    )
  })

  it('they lie one after another, none of no length, and only the last is open', () => {
    fc.assert(
      fc.property(anyReadings, clampedPolicy, (readings, by) => {
        const sessions = projectSessions(readings.map(sessionReading(by)), settled)
        for (const [i, { startedAt, endedAt }] of sessions.entries()) {
          expect(endedAt ?? Infinity).toBeGreaterThan(startedAt)
          expect(sessions[i + 1]?.startedAt ?? Infinity).toBeGreaterThanOrEqual(endedAt ?? Infinity)
        }
      }),
    )
  })
})
