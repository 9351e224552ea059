import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planLane, planRun, type PlanOptions } from '../../src/cli/simulate/plan.ts'
import type { RecordedReading } from '../../src/cli/simulate/recorded.ts'

const options: PlanOptions = { lanes: 1, batch: 1, boot: 7, speed: 'max', rebase: false, repeat: 1, nowMs: 1_000_000 }

function reading(device: string, atMs: number, occupied: boolean | string = true, rank = 1): RecordedReading {
  return { device, atMs, occupied, rank }
}

function plan(recorded: readonly RecordedReading[], changed: Partial<PlanOptions> = {}) {
  return planRun(recorded, { ...options, ...changed })
}

interface Sent {
  device: string
  seq: number
  at: string
  occupied: unknown
  boot: number
}

function sent({ lanes }: ReturnType<typeof plan>): Sent[][] {
  return lanes.map((lane) => lane.flatMap(({ payload }) => (JSON.parse(payload) as { readings: Sent[] }).readings))
}

const names = (readings: readonly Sent[] = []) => readings.map(({ device, seq }) => `${device}${seq}`)

const asText = (each: Sent) => JSON.stringify(each)
const due = ({ lanes }: ReturnType<typeof plan>) => lanes[0]?.map(({ dueMs }) => dueMs)

describe('numbering', () => {
  test('follows time, and the file where times are equal', () => {
    const [lane] = sent(plan([reading('b', 3000), reading('a', 1000), reading('c', 1000), reading('a', 2000)]))
    expect(names(lane)).toEqual(['a1', 'c2', 'a3', 'b4'])
  })

  test('puts a departure before the arrival of the same moment', () => {
    const stays = [
      reading('a', 1000, true, 2),
      reading('a', 5000, false, 0),
      reading('a', 500, true, 2),
      reading('a', 1000, false, 0),
    ]
    const [lane] = sent(plan(stays))
    expect(lane?.map(({ occupied }) => occupied)).toEqual([true, false, true, false])
  })

  test('is not changed by shuffling or repeating', () => {
    const recorded = Array.from({ length: 50 }, (_, index) => reading(`d${index % 7}`, index * 1000))
    const [plain = []] = sent(plan(recorded))
    const [mixed = []] = sent(plan(recorded, { repeat: 3, shuffle: pseudoRandom(1) }))
    expect(mixed.map(asText).toSorted()).toEqual([...plain, ...plain, ...plain].map(asText).toSorted())
    expect(names(mixed)).not.toEqual(names([...plain, ...plain, ...plain]))
  })
})

test('repeats follow one another', () => {
  const [lane] = sent(plan([reading('a', 0), reading('b', 1000)], { repeat: 2 }))
  expect(names(lane)).toEqual(['a1', 'b2', 'a1', 'b2'])
})

describe('rebasing', () => {
  const recorded = [reading('a', 10_000), reading('b', 30_000)]

  test('flat out lets the last row happen now', () => {
    const rebased = plan(recorded, { rebase: true })
    expect(rebased.rebaseOffsetMs).toBe(970_000)
    expect(sent(rebased)[0]?.map(({ at }) => Date.parse(at))).toEqual([980_000, 1_000_000])
  })

  test('paced lets the first row happen now', () => {
    const rebased = plan(recorded, { rebase: true, speed: 2 })
    expect(rebased.rebaseOffsetMs).toBe(990_000)
    expect(sent(rebased)[0]?.map(({ at }) => Date.parse(at))).toEqual([1_000_000, 1_020_000])
  })

  test('is asked for', () => {
    expect(plan(recorded).rebaseOffsetMs).toBe(0)
  })
})

describe('pace', () => {
  const recorded = [reading('a', 10_000), reading('b', 30_000), reading('c', 40_000)]

  test('is that of the rows, divided by the speed', () => {
    expect(due(plan(recorded, { speed: 10 }))).toEqual([0, 2000, 3000])
    expect(due(plan(recorded))).toEqual([0, 0, 0])
  })

  test('goes on through repeats, and is kept by shuffling', () => {
    expect(due(plan(recorded, { speed: 1, repeat: 2 }))).toEqual([0, 20_000, 30_000, 30_000, 50_000, 60_000])
    expect(due(plan(recorded, { speed: 1, shuffle: pseudoRandom(3) }))).toEqual([0, 20_000, 30_000])
  })

  test('sends a message with the last of its readings', () => {
    expect(due(plan(recorded, { speed: 1, batch: 2 }))).toEqual([20_000, 30_000])
  })
})

describe('messages', () => {
  test('carry as many readings as asked for', () => {
    const recorded = Array.from({ length: 10 }, (_, index) => reading('a', index))
    expect(plan(recorded, { batch: 4 }).lanes[0]?.map(({ readings }) => readings.length)).toEqual([4, 4, 2])
  })

  test('stay below what is taken', () => {
    const recorded = Array.from({ length: 500 }, (_, index) => reading('x'.repeat(64), index, '"'.repeat(500)))
    const [lane = []] = plan(recorded, { batch: 500 }).lanes
    expect(lane.reduce((sum, { readings }) => sum + readings.length, 0)).toBe(500)
    expect(Math.max(...lane.map(({ payload }) => Buffer.byteLength(payload)))).toBeLessThan(65_536)
  })

  test('publish a state that means nothing as it is', () => {
    expect(sent(plan([reading('a', 0, 'BROKEN "x"')]))[0]?.[0]).toEqual({
      device: 'a',
      occupied: 'BROKEN "x"',
      at: '1970-01-01T00:00:00.000Z',
      seq: 1,
      boot: 7,
    })
  })
})

test('a device keeps its order in one lane, and nothing is lost or sent twice, however it is split', () => {
  const readings = fc.array(
    fc.record({
      device: fc.constantFrom('a', 'b', 'c', 'd'),
      atMs: fc.nat(20),
      occupied: fc.boolean(),
      rank: fc.nat(2),
    }),
  )
  fc.assert(
    fc.property(readings, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 }), (recorded, lanes, batch) => {
      const split = sent(plan(recorded, { lanes, batch }))
      expect(
        split
          .flat()
          .map(({ seq }) => seq)
          .toSorted((a, b) => a - b),
      ).toEqual(recorded.map((_, index) => index + 1))
      for (const lane of split)
        expect(lane.map(({ seq }) => seq)).toEqual(lane.map(({ seq }) => seq).toSorted((a, b) => a - b))
      const lanesOf = (device: string) => split.filter((lane) => lane.some((each) => each.device === device)).length
      for (const device of ['a', 'b', 'c', 'd']) expect(lanesOf(device)).toBeLessThanOrEqual(1)
    }),
  )
})

test('a lane hands out its messages in order and then ends', () => {
  const lane = planLane(plan([reading('a', 0), reading('a', 500)], { speed: 1 }).lanes[0] ?? [])
  expect(lane.nextDueMs()).toBe(0)
  expect(lane.take().readings[0]?.seq).toBe(1)
  expect(lane.nextDueMs()).toBe(500)
  lane.take()
  expect(lane.nextDueMs()).toBeUndefined()
})

/** The same numbers each time, spread over [0, 1). */
function pseudoRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}
