import { describe, expect, it } from 'vitest'
import { isNewer, placeInOrder } from '../../src/occupancy/evidence.ts'
import type { ReadingInput } from '../../src/occupancy/input.ts'
import { defaultPolicy as policy } from '../../src/occupancy/policy.ts'
import { initialState } from '../../src/occupancy/state.ts'
import { fold, readingAt, second, stepFrozen, t0 } from './support/space.ts'
import { Writer } from './support/writer.ts'

/** Identity and order, DESIGN.md section 1: which reading is newer, and whose clock says so. */

const minute = 60 * second
/** The state after these readings, all of which must have been taken in. */
function after(...readings: ReadingInput[]) {
  const steps = fold(readings)
  expect(steps.map(({ outcome }) => outcome)).not.toContain('late')
  return steps.at(-1)?.state ?? initialState
}
const counted = (counter: number, at: number, part: Partial<ReadingInput> = {}) =>
  readingAt(at, false, { session: '1', counter, ...part })
/** One that sent no time of its own. */
const timeless = (receivedAt: number, occupied: boolean, part: Partial<ReadingInput> = {}) =>
  readingAt(t0, occupied, { session: '1', at: null, receivedAt, ...part })

describe('order', () => {
  const newest = { device: 'm', session: '5', counter: 7 }
  it.each([
    ['a later time, whatever else', { at: t0 + 1, device: 'a', session: '1', counter: 1 }, true],
    ['an earlier time, whatever else', { at: t0 - 1, device: 'z', session: '9', counter: 99 }, false],
    ['the same time, a higher counter of the same session', { counter: 8 }, true],
    ['the same time, a lower counter of the same session', { counter: 6 }, false],
    ['the very same place', {}, false],
    ['the same time and session, no counter', { counter: null }, false],
    ['the same time, a session later as text', { session: '50', counter: 1 }, true],
    ['the same time, a session earlier as text', { session: '10', counter: 99 }, false],
    ['the same time, a session earlier as text, a device later', { session: '10', device: 'z', counter: 99 }, false],
    ['the same time, no session', { session: null, device: 'z', counter: 99 }, false],
    ['the same time and session, a device later as text', { device: 'n', counter: 1 }, true],
    ['the same time and session, a device earlier as text', { device: 'M', counter: 99 }, false],
  ] as const)('%s', (_name, part, newer) => {
    const state = after(readingAt(t0, true, newest))
    const place = placeInOrder(state, readingAt(t0, true, { ...newest, receivedAt: t0 + minute, ...part }), policy)
    expect(place).toMatchObject({ newer, clock: 'device', mustLookUp: !newer })
  })

  it('is antisymmetric and total but for equal places, and goes round in no circle', () => {
    const places = [t0, t0 + 1].flatMap((at) =>
      ['a', 'b'].flatMap((device) =>
        ['', '1', '2'].flatMap((session) => [1, 2].map((counter) => ({ at, device, session, counter }))),
      ),
    )
    for (const a of places) {
      for (const b of places) {
        expect([isNewer(a, b), isNewer(b, a)].filter(Boolean)).toHaveLength(a === b ? 0 : 1)
        for (const c of places) if (isNewer(a, b) && isNewer(b, c)) expect(isNewer(a, c)).toBe(true)
      }
    }
  })
})

describe('trust', () => {
  it('a clock ahead of ours by no more than max_clock_skew is trusted, beyond it the arrival counts', () => {
    const { receivedAt } = readingAt(t0, true)
    const at = (ms: number) => placeInOrder(initialState, readingAt(t0 + ms, true, { receivedAt }), policy)
    expect(at(5 * minute)).toMatchObject({ clock: 'device', evidence: { at: t0 + 5 * minute }, mustLookUp: false })
    expect(at(5 * minute + 1)).toMatchObject({ clock: 'ahead', evidence: { at: t0 }, mustLookUp: true })
    expect(at(1e12)).toMatchObject({ clock: 'ahead', evidence: { at: t0 } })
  })

  it('a higher counter with an older time in one session is a clock that runs backwards', () => {
    const state = after(counted(5, t0))
    const older = (part: Partial<ReadingInput>) =>
      placeInOrder(state, counted(6, t0 - 1, { receivedAt: t0 + minute, ...part }), policy)
    expect(older({})).toMatchObject({
      clock: 'backwards',
      evidence: { at: t0 + minute },
      newer: true,
      mustLookUp: true,
    })
    expect(older({ at: t0 })).toMatchObject({ clock: 'device', newer: true })
    expect(older({ counter: 4 })).toMatchObject({ clock: 'device', newer: false, mustLookUp: true })
    expect(older({ session: '2' })).toMatchObject({ clock: 'device', newer: false })
    expect(older({ device: 'other' })).toMatchObject({ clock: 'device', newer: false })
    expect(older({ clockBackwardsElsewhere: true, counter: null })).toMatchObject({ clock: 'backwards_elsewhere' })
  })

  // Sent by c5 at t0, ten minutes ahead; what comes six minutes later lies within the skew.
  const aheadUntil = t0 + 10 * minute
  const arrival = t0 + 6 * minute
  it.each([
    ['the very same', {}, 'ahead'],
    ['an earlier time, no counter', { at: aheadUntil - 1, counter: null }, 'ahead'],
    ['a later time', { at: aheadUntil + 1 }, 'device'],
    ['a lower counter', { at: aheadUntil - minute, counter: 4 }, 'ahead'],
    ['a higher counter', { at: aheadUntil, counter: 6 }, 'device'],
    ['another session', { session: '2', counter: 6 }, 'ahead'],
    ['another device', { device: 'other' }, 'device'],
    ['no time', { at: null }, 'arrival'],
  ] as const)('a time that was ahead when it was sent is not trusted later: %s', (_name, part, clock) => {
    const state = after(counted(5, aheadUntil, { receivedAt: t0 }))
    expect(state.sources).toEqual([{ device: 'd', session: '1', counter: 5, at: t0, aheadUntil }])
    const reading = counted(5, aheadUntil, { receivedAt: arrival, ...part })
    const place = placeInOrder(state, reading, policy)
    expect(place.clock).toBe(clock)
    const isOther = reading.device !== 'd'
    const behind = reading.device === 'd' && reading.session === '1' && reading.counter !== null && reading.counter <= 5
    // Not in the log for certain: another device, or a time beyond all those and a counter beyond all others.
    expect(place.mustLookUp).toBe(!isOther && (reading.at === null || reading.at <= aheadUntil || behind))
    if (clock === 'device') expect(place.evidence.at).toBe(reading.at)
    else expect(place.evidence.at).toBe(behind ? t0 : arrival)
    expect(place.newer).toBe(clock === 'device' || !behind)
  })

  it('a counter that the session has passed is looked up, also where its time is newer', () => {
    const state = after(counted(5, t0))
    const next = (counter: number) => placeInOrder(state, counted(counter, t0 + minute), policy)
    expect(next(4)).toMatchObject({ clock: 'device', newer: true, mustLookUp: true })
    expect(next(5)).toMatchObject({ clock: 'device', newer: true, mustLookUp: true })
    expect(next(6)).toMatchObject({ clock: 'device', newer: true, mustLookUp: false })
  })

  it('two with neither counter nor time that arrive in one millisecond follow each other as taken', () => {
    const [, second_, third] = fold([timeless(t0, true), timeless(t0, false), timeless(t0, true)])
    expect([second_?.outcome, third?.outcome]).toEqual(['applied', 'applied'])
    expect(third?.state.facts).toMatchObject({ occupancy: 'occupied', since: t0 })
    const state = after(timeless(t0, true))
    for (const other of [{ device: 'c' }, { session: '0' }, { counter: 1, session: '0' }]) {
      expect(placeInOrder(state, timeless(t0, false, other), policy).newer, JSON.stringify(other)).toBe(false)
    }
  })

  it('without a time of its own the counter alone decides within a session', () => {
    const state = after(timeless(t0, true, { counter: 5 }))
    const next = (part: Partial<ReadingInput>) => placeInOrder(state, timeless(t0 + minute, false, part), policy)
    expect(next({ counter: 6 })).toMatchObject({ clock: 'arrival', newer: true, evidence: { at: t0 + minute } })
    expect(next({ counter: 6, receivedAt: t0 - minute })).toMatchObject({ newer: true, evidence: { at: t0 } })
    expect(next({ counter: 4 })).toMatchObject({ newer: false, mustLookUp: true, evidence: { at: t0 } })
    expect(next({ counter: 5 })).toMatchObject({ newer: false, mustLookUp: true, evidence: { at: t0 } })
    expect(next({ counter: 0, session: '2' })).toMatchObject({ newer: true, evidence: { at: t0 + minute } })
    expect(next({ counter: null })).toMatchObject({ newer: true, mustLookUp: true })
  })

  it('a lower counter not seen before is late at the time of the newest evidence', () => {
    const state = after(timeless(t0, true, { counter: 5 }), timeless(t0 + minute, false, { counter: 7 }))
    const result = stepFrozen(state, timeless(t0 + 2 * minute, true, { counter: 6 }), policy)
    expect(result).toMatchObject({ outcome: 'late', observed: { at: t0 + minute, clock: 'arrival' } })
    expect(result.state).toBe(state)
  })

  it('remembers at most 16 devices, forgets the one silent longest, and takes any code for a device', () => {
    const codes = ['__proto__', 'constructor', 'toString', '7', ...Array.from({ length: 20 }, (_, i) => `d${i}`)]
    const state = after(...codes.map((device, i) => counted(1, t0 + i * second, { device })))
    expect(state.sources.map(({ device }) => device)).toEqual(codes.slice(-16))
    const odd = after(counted(5, t0, { device: '__proto__' }), counted(5, t0 + 1, { device: 'constructor' }))
    expect(JSON.parse(JSON.stringify(odd))).toEqual(odd)
    const back = counted(6, t0 - 1, { device: '__proto__', receivedAt: t0 + minute })
    expect(placeInOrder(odd, back, policy).clock).toBe('backwards')
  })
})

describe('a reading sent twice counts once', () => {
  /** c5 says occupied, then c6 vacant, by a clock ten minutes ahead; c5 comes again six minutes later. */
  const ahead = 10 * minute
  const c5 = counted(5, t0 + ahead, { occupied: true, receivedAt: t0 })
  const c6 = counted(6, t0 + minute + ahead, { occupied: false, receivedAt: t0 + minute })

  it('also where its time has come within the skew when it comes again', () => {
    const writer = new Writer()
    for (const reading of [c5, c6]) expect(writer.deliver(reading, policy)).toMatchObject({ outcome: 'applied' })
    expect(writer.deliver({ ...c5, receivedAt: t0 + 6 * minute }, policy)).toBe('duplicate')
    expect(writer.state.facts.occupancy).toBe('vacant')
  })

  it('also where it has no counter', () => {
    const writer = new Writer()
    const reading = readingAt(t0 + ahead, true, { receivedAt: t0 })
    expect(writer.deliver(reading, policy)).toMatchObject({ outcome: 'applied' })
    expect(writer.deliver({ ...reading, receivedAt: t0 + 6 * minute }, policy)).toBe('duplicate')
    expect(writer.state.newest?.at).toBe(t0)
  })

  it('also where another session came in between', () => {
    const between = counted(0, t0 + minute, { session: '2' })
    for (const reading of [c5, readingAt(t0 + ahead, true, { receivedAt: t0 })]) {
      const writer = new Writer()
      for (const one of [reading, between]) expect(writer.deliver(one, policy)).not.toBe('duplicate')
      expect(writer.deliver({ ...reading, receivedAt: t0 + 6 * minute }, policy)).toBe('duplicate')
      expect(writer.state.newest?.at).toBe(t0 + minute)
    }
  })

  it('also where its session was left, come back to late, and has forgotten how far it was', () => {
    const writer = new Writer()
    const between = counted(0, t0 + minute, { session: '2' })
    const c4 = counted(4, t0 - minute + ahead, { receivedAt: t0 + 2 * minute })
    for (const one of [c5, between, c4]) expect(writer.deliver(one, policy)).not.toBe('duplicate')
    expect(writer.deliver({ ...c5, receivedAt: t0 + 6 * minute }, policy)).toBe('duplicate')
  })

  it('and one that comes late, with its clock judged better by then, overwrites no higher counter of its boot', () => {
    const writer = new Writer()
    writer.deliver(c6, policy)
    expect(writer.deliver({ ...c5, receivedAt: t0 + 6 * minute }, policy)).toMatchObject({ outcome: 'late' })
    expect(writer.state.facts.occupancy).toBe('vacant')
  })
})
