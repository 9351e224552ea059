import { describe, expect, test } from 'vitest'
import { SpaceComparison, type Change } from '../../src/replay/comparison.ts'
import type { Transition } from '../../src/store/replayed-spaces.ts'

const minute = 60_000
const at = (minutes: number, status: Transition['status']): Transition => {
  return { kind: status === 'occupied' ? 'occupied' : 'vacated', eventTime: minutes * minute, status }
}

function compare(recorded: readonly Transition[], replayed: readonly Transition[], endMinutes = 1000) {
  const changes: Change[] = []
  const comparison = new SpaceComparison('unknown', (change) => changes.push(change))
  for (const transition of recorded) comparison.recorded(transition)
  for (const transition of replayed) comparison.replayed(transition)
  const { disagreementMs, ...counts } = comparison.finish(endMinutes * minute)
  return { ...counts, minutes: disagreementMs / minute, changes }
}

describe('two histories of a space', () => {
  test('that are equal differ in nothing', () => {
    const history = [at(1, 'occupied'), at(5, 'free')]
    expect(compare(history, history)).toEqual({
      recorded: 2,
      replayed: 2,
      removed: 0,
      added: 0,
      minutes: 0,
      changes: [],
    })
  })

  test('differ by what one has alone, for as long as people would have seen something else', () => {
    const all = [at(1, 'free'), at(10, 'occupied'), at(12, 'free'), at(20, 'occupied')]
    const some = [at(1, 'free'), at(20, 'occupied')]
    expect(compare(all, some)).toMatchObject({ removed: 2, added: 0, minutes: 2 })
    expect(compare(some, all)).toMatchObject({ removed: 0, added: 2, minutes: 2 })
  })

  test('that end differently disagree until the end', () => {
    expect(compare([at(10, 'occupied')], [], 15)).toMatchObject({ minutes: 5 })
    expect(compare([at(10, 'occupied')], [], 5)).toMatchObject({ minutes: 0 })
  })

  test('count the same transition twice where it happened twice', () => {
    const twice = [at(1, 'occupied'), at(1, 'free'), at(1, 'occupied')]
    expect(compare(twice, [at(1, 'occupied')])).toMatchObject({ recorded: 3, replayed: 1, removed: 2, added: 0 })
  })

  test('know that a correction takes back what was said of later moments', () => {
    // Lost at 30, but a reading of 20 shows up: nobody was to see the loss.
    const recorded = [at(1, 'free'), at(30, 'unknown'), at(20, 'free')]
    expect(compare(recorded, [at(1, 'free')])).toMatchObject({ minutes: 0 })
  })

  test('of any length are held in little, and come to the same', () => {
    const [recorded, replayed]: Transition[][] = [[], []]
    let [removed, seen] = [0, 0]
    for (let n = 0; n < 20_000; n++) {
      const status = n % 2 === 0 ? 'occupied' : 'free'
      recorded?.push(at(n * 10, status))
      // Every hundredth pair of changes is passed over.
      const isPassedOver = n % 200 === 100 || n % 200 === 101
      if (isPassedOver) removed++
      else replayed?.push(at(n * 10, status))
      if (n % 200 === 100) seen += 10
    }
    const changes: Change[] = []
    const comparison = new SpaceComparison('unknown', (change) => changes.push(change))
    let done = 0
    for (const transition of recorded ?? []) {
      comparison.recorded(transition)
      while ((replayed?.[done]?.eventTime ?? Infinity) <= transition.eventTime) {
        comparison.replayed(replayed?.[done++] as Transition)
      }
      comparison.settle()
    }
    const difference = comparison.finish(20_000 * 10 * minute)
    expect(difference).toMatchObject({ recorded: 20_000, removed, added: 0, disagreementMs: seen * minute })
    expect(changes).toHaveLength(removed)
  })

  test('one of which says nothing any more are settled all the same', () => {
    const flapping = Array.from({ length: 1000 }, (_, n) => at(n, n % 2 === 0 ? 'occupied' : 'free'))
    const comparison = new SpaceComparison('unknown', () => {})
    for (const transition of flapping) {
      comparison.replayed(transition)
      comparison.settle()
    }
    // Recorded unknown throughout: another word in each of the thousand minutes.
    expect(comparison.finish(1000 * minute)).toMatchObject({ added: 1000, disagreementMs: 1000 * minute })
  })
})
