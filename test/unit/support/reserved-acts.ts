import * as fc from 'fast-check'
import type { Act } from './reserved-world.ts'

const which = fc.nat(20)

/** What sensors and people do to a space and its reservations. */
export const anyAct: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('read' as const), occupied: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('book' as const),
      ahead: fc.integer({ min: 0, max: 60 }),
      length: fc.integer({ min: 1, max: 90 }),
      hold: fc.option(fc.integer({ min: 1, max: 10 })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('cancel', 'confirm', 'check in'), which }) },
)
