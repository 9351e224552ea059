import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Policy } from '../../src/occupancy/policy.ts'
import { defaultPolicy } from '../../src/occupancy/policy.ts'
import { isLive, nextDue, soonAt, type Reservation } from '../../src/occupancy/reservation-calendar.ts'
import type { SettledReservation } from '../../src/occupancy/reservation-steps.ts'
import { anyAct } from './support/reserved-acts.ts'
import { ReservedWorld, type Act } from './support/reserved-world.ts'

/**
 * Reservations of one space under random readings, bookings, holds, cancellations and looks of the calendar, in random
 * interleavings. Times are minutes.
 */
const minutes = 240

const script = fc.array(fc.tuple(fc.integer({ min: 0, max: minutes }), anyAct), { minLength: 5, maxLength: 60 })

const plain: Policy = { ...defaultPolicy, no_show_after_s: 10 * 60 }
const silent: Policy = { ...plain, sensor_timeout_s: 40 * 60, unknown_after_s: 90 * 60 }
const debounced: Policy = { ...silent, debounce: { readings: 3, hold_s: 120 } }
const anyPolicy = fc.constantFrom(plain, silent, { ...plain, reserved_soon_s: 0, check_in_grace_s: 0 })

type Script = readonly (readonly [number, Act])[]

/** @param looks whether the calendar looks at the end of a minute */
function play(given: Script, { policy, looks }: { policy: Policy; looks: (minute: number) => boolean }): ReservedWorld {
  const world = new ReservedWorld(policy)
  for (let minute = 0; minute <= minutes + 160; minute++) {
    for (const [at, what] of given) if (at === minute) world.act(minute, what)
    if (looks(minute)) world.turn(minute)
  }
  world.turn(minutes + 160)
  return world
}

/** What people see of it. */
const shown = ({ evidenceSeq: _, ...row }: Reservation) => row

describe('the calendar of reservations', () => {
  it('ends the same whether it is looked at each minute, now and then, or at the end', () => {
    fc.assert(
      fc.property(script, anyPolicy, fc.integer({ min: 2, max: 50 }), (given, policy, every) => {
        const often = play(given, { policy, looks: () => true })
        const rarely = play(given, { policy, looks: (minute) => minute % every === 0 })
        const never = play(given, { policy, looks: () => false })
        expect(rarely.rows.map(shown)).toEqual(often.rows.map(shown))
        expect(never.rows.map(shown)).toEqual(often.rows.map(shown))
      }),
      { numRuns: 150 },
    )
  })

  it('each state follows from the rules, at every minute', () => {
    fc.assert(
      fc.property(script, fc.constantFrom(plain, silent, debounced), (given, policy) => {
        const world = new ReservedWorld(policy)
        for (let minute = 0; minute <= minutes; minute++) {
          for (const [at, what] of given) if (at === minute) world.act(minute, what)
          world.turn(minute)
          for (const row of world.rows) {
            expectLawful(world, row, minute * 60_000)
            expectLookedAtInTime(world, row, minute * 60_000)
          }
          expectShown(world, minute * 60_000)
          const before = world.rows
          world.turn(minute)
          expect(world.rows, 'looked at twice').toEqual(before)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('looks again in time: no moment comes before the next due time', () => {
    fc.assert(
      fc.property(script, fc.constantFrom(plain, silent, debounced), (given, policy) => {
        const world = new ReservedWorld(policy)
        const often = play(given, { policy, looks: () => true })
        // Woken by evidence and by what it said itself that it must look at next, and by nothing else.
        for (let minute = 0; minute <= minutes + 160; minute++) {
          for (const [at, what] of given) if (at === minute) world.act(minute, what)
          if (world.isDue(minute)) world.turn(minute)
        }
        expect(world.rows.map(shown)).toEqual(often.rows.map(shown))
      }),
      { numRuns: 150 },
    )
  })
})

function expectLawful(world: ReservedWorld, row: Reservation, now: number): void {
  const { state, startsAt, endsAt, holdExpiresAt, checkedInAt, arrivedAt, endedAt } = row
  const text = JSON.stringify(row)
  expect(endedAt === null, text).toBe(isLive(row))
  if (state === 'pending') expect(now, text).toBeLessThan(Math.min(holdExpiresAt ?? endsAt, endsAt))
  if (state === 'confirmed') expect(now, text).toBeLessThan(startsAt)
  if (state === 'active') expect(now >= startsAt && now < endsAt, text).toBe(true)
  if (state === 'expired') expect(endedAt, text).toBe(Math.min(holdExpiresAt ?? endsAt, endsAt))
  if (state === 'no_show') {
    expect({ checkedInAt, arrivedAt }, text).toEqual({ checkedInAt: null, arrivedAt: null })
    expect(endedAt ?? 0, text).toBeGreaterThanOrEqual(startsAt + world.policy.no_show_after_s * 1000)
    expect(world.wasKnownVacant((endedAt ?? 0) - world.policy.no_show_after_s * 1000, endedAt ?? 0), text).toBe(true)
  }
  if (state === 'completed') expect((endedAt ?? 0) <= endsAt && (endedAt ?? 0) >= startsAt, text).toBe(true)
  if (arrivedAt !== null) expect(arrivedAt >= soonAt(row, world.policy) && arrivedAt < endsAt, text).toBe(true)
  if (row.overstayedAt !== null) {
    expect({ state, overstayedAt: row.overstayedAt, endedAt }, text).toEqual({
      state,
      overstayedAt: endsAt,
      endedAt: endsAt,
    })
    expect(checkedInAt, text).not.toBeNull()
  }
  if (row.contestedAt !== null && state === 'active' && checkedInAt === null) {
    expect(world.state.facts.occupancy, text).not.toBe('vacant')
  }
}

/** What whoever writes a row says of its next moment is never too late, and none that is over is left. */
function expectLookedAtInTime({ policy }: ReservedWorld, row: SettledReservation, now: number): void {
  const text = JSON.stringify(row)
  if (!isLive(row))
    return expect({ known: row.nextDueAt, said: nextDue(row, policy) }, text).toEqual({ known: null, said: null })
  expect(row.nextDueAt, text).toBeGreaterThan(now)
  expect(nextDue(row, policy, now), text).toBeLessThanOrEqual(row.nextDueAt ?? -Infinity)
}

/** The space shows the reservation that is active, or else the next that is soon, and nothing otherwise. */
function expectShown({ rows, state, policy }: ReservedWorld, now: number): void {
  const active = rows.find((row) => row.state === 'active')
  const soon = rows
    .filter((row) => row.state === 'confirmed' && soonAt(row, policy) <= now)
    .toSorted((a, b) => a.startsAt - b.startsAt)[0]
  const expected = active ?? soon
  expect({ fact: state.reservation.fact, id: state.reservation.id }).toEqual({
    fact: active === undefined ? (soon === undefined ? 'none' : 'soon') : 'active',
    id: expected?.id ?? null,
  })
  expect(state.reservation.checkedIn).toBe((expected?.checkedInAt ?? null) !== null)
}
