import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { ReservedTenant, type Booking } from './support/reserved.ts'

/**
 * The rules of src/occupancy/reservation-steps.ts on readings that come by ingest and turns of the jobs role. The policy is that of
 * everybody: soon 15 minutes before, a no-show after 15, contested again after 5.
 */
let baywire: TestIngest
let number = 0
beforeAll(async () => {
  baywire = await startTestIngest()
})
afterAll(async () => {
  await baywire.expectSound()
  await baywire.close()
})

/** `in` and `out` are what the sensor says; a number alone is a turn at that minute. */
type Step = readonly [minute: number, said: 'in' | 'out'] | number

interface Case {
  rule: string
  policy?: object
  booking?: Booking
  steps: readonly Step[]
  /** When it is looked at last. */
  until: number
  ends: Record<string, string | number>
  /** Of the calendar, where every turn is taken. */
  events: readonly string[]
}

const cases: readonly Case[] = [
  {
    rule: 'R1 a hold that nobody confirmed ends when it expires, and showed nothing',
    booking: { from: 60, to: 120, made: 0, hold: 5 },
    steps: [4, 5],
    until: 200,
    ends: { state: 'expired', ended_at: 5 },
    events: [],
  },
  {
    rule: 'R1 a hold ends with its window',
    booking: { from: 1, to: 3, made: 0, hold: 5 },
    steps: [2, 3],
    until: 10,
    ends: { state: 'expired', ended_at: 3 },
    events: [],
  },
  {
    rule: 'R2 it is soon, and R8 without a word of any sensor it runs to its end',
    steps: [44, 45, 60, 75, 120],
    until: 200,
    ends: { state: 'completed', ended_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'released 120'],
  },
  {
    rule: 'R3 a car that came while it was soon is its holder’s when it starts',
    steps: [[0, 'out'], 45, [50, 'in'], 60],
    until: 100,
    ends: { state: 'active', arrived_at: 50, checked_in_at: 60, next_due_at: 120 },
    events: ['reserved_soon 45', 'checked_in 60', 'reserved 60'],
  },
  {
    rule: 'R3 one that only passed by is not',
    steps: [[0, 'out'], 45, [50, 'in'], [55, 'out'], 60],
    until: 74,
    ends: { state: 'active', next_due_at: 75 },
    events: ['reserved_soon 45', 'reserved 60'],
  },
  {
    rule: 'R3 whoever stood there before is contested, and again while they stay',
    steps: [[0, 'in'], 45, 60, 65, 70],
    until: 100,
    ends: { state: 'active', contested_at: 65, next_due_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'contested 60', 'contested 65'],
  },
  {
    rule: 'R3 whoever came before it was soon is contested, although it was made before',
    steps: [[0, 'out'], [44, 'in'], 45, 60],
    until: 64,
    ends: { state: 'active', contested_at: 60, next_due_at: 65 },
    events: ['reserved_soon 45', 'reserved 60', 'contested 60'],
  },
  {
    rule: 'R3 a car that stood there before the reservation was made has not come for it',
    booking: { from: 60, to: 120, made: 55 },
    steps: [[0, 'out'], [50, 'in'], 55, 60],
    until: 64,
    ends: { state: 'active', contested_at: 60, next_due_at: 65 },
    events: ['reserved_soon 55', 'reserved 60', 'contested 60'],
  },
  {
    rule: 'R4 an arrival inside the window checks in',
    steps: [[0, 'out'], 45, 60, [70, 'in']],
    until: 100,
    ends: { state: 'active', arrived_at: 70, checked_in_at: 70, next_due_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'checked_in 70'],
  },
  {
    rule: 'R4 at the very moment of its start',
    steps: [[0, 'out'], 45, [60, 'in']],
    until: 61,
    ends: { state: 'active', arrived_at: 60, checked_in_at: 60, next_due_at: 120 },
    events: ['reserved_soon 45', 'checked_in 60', 'reserved 60'],
  },
  {
    rule: 'R5 an early departure releases the rest',
    steps: [[0, 'out'], 45, 60, [70, 'in'], [90, 'out']],
    until: 100,
    ends: { state: 'completed', arrived_at: 70, checked_in_at: 70, checked_out_at: 90, ended_at: 90 },
    events: ['reserved_soon 45', 'reserved 60', 'checked_in 70', 'released 90'],
  },
  {
    rule: 'R6 somebody else leaves, and then the holder comes',
    steps: [[0, 'in'], 45, 60, [64, 'out'], [70, 'in']],
    until: 100,
    ends: { state: 'active', arrived_at: 70, checked_in_at: 70, next_due_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'contested 60', 'checked_in 70'],
  },
  {
    rule: 'R6 somebody else leaves: nobody can have come before, so the time to come begins then',
    steps: [[0, 'in'], 45, 60, [64, 'out'], 75, 78, 79],
    until: 85,
    ends: { state: 'no_show', ended_at: 79 },
    events: ['reserved_soon 45', 'reserved 60', 'contested 60', 'no_show 79'],
  },
  {
    rule: 'R7 a healthy sensor says vacant for the grace time: a no-show',
    steps: [[0, 'out'], 45, 60, 74, 75],
    until: 100,
    ends: { state: 'no_show', ended_at: 75 },
    events: ['reserved_soon 45', 'reserved 60', 'no_show 75'],
  },
  {
    rule: 'R7 who came and left before the window is no proof, but who never came back is',
    steps: [[0, 'out'], 45, [46, 'in'], [50, 'out'], 60, 75],
    until: 100,
    ends: { state: 'no_show', ended_at: 75 },
    events: ['reserved_soon 45', 'reserved 60', 'no_show 75'],
  },
  {
    rule: 'R7 a stale sensor is never a no-show',
    policy: { sensor_timeout_s: 3600 },
    steps: [[0, 'out'], 45, 60, 75, 120],
    until: 130,
    ends: { state: 'completed', ended_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'released 120'],
  },
  {
    rule: 'R7 one that falls silent within the grace time neither',
    policy: { sensor_timeout_s: 70 * 60 },
    steps: [[0, 'out'], 45, 60, 75, 120],
    until: 130,
    ends: { state: 'completed', ended_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'released 120'],
  },
  {
    rule: 'R7 one that speaks again must say vacant for the whole grace time',
    policy: { sensor_timeout_s: 3600 },
    steps: [[0, 'out'], 45, 60, [70, 'out'], 75, 84, 85],
    until: 90,
    ends: { state: 'no_show', ended_at: 85 },
    events: ['reserved_soon 45', 'reserved 60', 'no_show 85'],
  },
  {
    rule: 'R7 a car that is not confirmed yet is waited for',
    policy: { debounce: { readings: 100, hold_s: 600 } },
    steps: [[0, 'out'], 10, 45, 60, [72, 'in'], 75, 82],
    until: 100,
    ends: { state: 'active', arrived_at: 72, checked_in_at: 72, next_due_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'checked_in 72'],
  },
  {
    rule: 'R8 the holder’s car stays beyond the end',
    steps: [[0, 'out'], 45, 60, [70, 'in'], 120, [140, 'out']],
    until: 150,
    ends: { state: 'completed', arrived_at: 70, checked_in_at: 70, overstayed_at: 120, ended_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'checked_in 70', 'overstayed 120', 'released 120'],
  },
  {
    rule: 'R8 somebody else’s is no overstay of the holder',
    steps: [[0, 'in'], 45, 60, 65, 120],
    until: 150,
    ends: { state: 'completed', contested_at: 65, ended_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'contested 60', 'contested 65', 'released 120'],
  },
  {
    rule: 'R9 a departure at the very end is no overstay',
    steps: [[0, 'out'], 45, 60, [70, 'in'], [120, 'out']],
    until: 130,
    ends: { state: 'completed', arrived_at: 70, checked_in_at: 70, ended_at: 120 },
    events: ['reserved_soon 45', 'reserved 60', 'checked_in 70', 'released 120'],
  },
]

async function play({ policy, booking = { from: 60, to: 120 }, steps, until }: Case, isPrompt: boolean) {
  const tenant = await ReservedTenant.create(baywire, `calendar-${++number}`)
  if (policy !== undefined) await tenant.policy(policy)
  const id = await tenant.book(booking)
  for (const step of steps) {
    const [minute, said] = typeof step === 'number' ? [step, undefined] : step
    if (said !== undefined) await tenant.read(minute, said === 'in')
    if (isPrompt) await tenant.turn(minute)
  }
  await tenant.turn(until)
  expect(await tenant.turn(until), 'a turn after a turn changes nothing').toBe(0)
  return { ends: await tenant.reservation(id), events: await tenant.events() }
}

describe('each rule, with a turn at each moment', () => {
  it.each(cases)('$rule', async (given) => {
    expect(await play(given, true)).toEqual({ ends: given.ends, events: given.events })
  })
})

describe('what was due while nothing ran happens as if it had happened then', () => {
  it.each(cases)('$rule', async (given) => {
    const { ends, events } = await play(given, false)
    expect(ends).toEqual(given.ends)
    expect(lasting(events)).toEqual(lasting(given.events))
  })
})

/** Whoever is gone again when it is looked at is neither contested nor overstays: nobody is told of it then. */
function lasting(events: readonly string[]): string[] {
  return events.filter((event) => !/contested|overstayed/.test(event)).toSorted()
}
