import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Playback, type Change } from '../../console/src/site/playback.ts'

const spaces = ['a', 'b', 'c']
const change = (atMs: number, spaceId: string, state: string): Change<string> => ({
  space_id: spaceId,
  recorded_at: new Date(atMs).toISOString(),
  state,
})

/** The plain way: the plan, and over it what was recorded up to then. */
function shownAt(plan: ReadonlyMap<string, string>, changes: readonly Change<string>[], atMs: number) {
  const shown = new Map(plan)
  for (const { space_id: id, recorded_at: at, state } of changes) if (Date.parse(at) <= atMs) shown.set(id, state)
  return shown
}

it('shows at every moment what the plan and the changes up to then give, however one goes to and fro', () => {
  const changes = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(...spaces), fc.constantFrom('x', 'y', 'z')))
    .map((all) => all.toSorted(([one], [other]) => one - other).map(([at, id, state]) => change(at, id, state)))
  const moves = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(changes, moves, fc.integer({ min: 0, max: 1000 }), (recorded, wanted, cut) => {
      const plan = new Map([['a', 'p']])
      const playback = new Playback(0, plan)
      const first = recorded.filter(({ recorded_at: at }) => Date.parse(at) <= cut)
      playback.add(first, cut)
      for (const [index, atMs] of wanted.entries()) {
        if (index === Math.floor(wanted.length / 2)) playback.add(recorded.slice(first.length), 1000)
        const before = new Map(playback.shown)
        const changed = playback.moveTo(atMs)
        expect(playback.atMs).toBe(Math.min(atMs, playback.readToMs))
        expect(new Map(playback.shown)).toEqual(shownAt(plan, recorded, playback.atMs))
        for (const id of spaces) if (before.get(id) !== playback.shown.get(id)) expect(changed.has(id)).toBe(true)
      }
    }),
  )
})

it('knows what it covers', () => {
  const playback = new Playback(100, new Map())
  playback.add([change(150, 'a', 'x')], 200)
  expect([99, 100, 200, 201].map((at) => playback.covers(at))).toEqual([false, true, true, false])
})
