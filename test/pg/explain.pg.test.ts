/**
 * What is explained is what was shown: for random logs (late, repeated, out of order, two sensors, timers, overrides and
 * reservations, with and without debouncing) the state at any instant is the one that was recorded then.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { explain, type Explanation } from '../../src/explain/explain.ts'
import { explanationBody } from '../../src/explain/body.ts'
import { nextDeadline } from '../../src/occupancy/state.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { randomFrom } from '../support/seeded.ts'
import { randomLog, type SpaceLog } from './support/space-log.ts'

let baywire: TestIngest
let tenants: TenantDatabase

beforeAll(async () => {
  baywire = await startTestIngest()
  tenants = tenantDatabase({ url: baywire.ownerUrl, max: 4, statementTimeoutMs: 20_000, name: 'test api' })
})
afterEach(() => baywire.expectSound())
afterAll(async () => {
  await tenants.close()
  await baywire.close()
})

async function explained(
  { tenantId, spaceId }: Pick<SpaceLog, 'tenantId' | 'spaceId'>,
  { at, asKnownNow = false }: { at?: number; asKnownNow?: boolean } = {},
): Promise<Explanation> {
  const question = { space: { id: spaceId }, at, asKnownNow, clock: baywire.clock }
  const explanation = await tenants.withTenant(tenantId, (tx) => explain(tx, question))
  if (explanation === undefined) throw new Error('no such space')
  // Nothing of it is left out where it is told.
  expect(explanationBody(explanation).because).not.toBe('')
  return explanation
}

const policies = [
  { name: 'without debouncing', debounce: null },
  { name: 'two readings or 30 s', debounce: { readings: 2, hold_s: 30 } },
  { name: 'three readings or 300 s', debounce: { readings: 3, hold_s: 300 } },
]

describe.each(policies)('$name', ({ debounce }) => {
  test.each([1, 2])('log %i: at any instant, what was shown then', async (seed) => {
    const chance = randomFrom(seed * 1000 + (debounce?.readings ?? 0))
    const slug = `random-${seed}-${debounce?.readings ?? 0}`
    const log = await randomLog(baywire, { slug, chance, steps: 70, debounce })
    for (const [index, then] of log.shown.entries()) {
      const end = log.shown[index + 1]?.at ?? baywire.clock.now() + 1
      const at = index % 2 === 0 ? then.at : then.at + chance.below(end - then.at)
      // oxlint-disable-next-line no-await-in-loop -- one after the other, for what fails to be named
      const { state, machine, explainableFrom } = await explained(log, { at })
      expect({ at, state }).toEqual({ at, state: then.columns })
      expect(explainableFrom).toBeUndefined()
      expect(machine?.state.facts.candidate ?? null).toEqual(then.state.facts.candidate)
      expect(machine?.state.newest).toEqual(then.state.newest)
      expect(machine && nextDeadline(machine.state)).toEqual(nextDeadline(then.state))
      expect(machine?.state.reservation).toEqual(then.state.reservation)
    }
    const last = await explained(log)
    expect(last.state).toEqual(log.shown.at(-1)?.columns)
    expect((await explained(log, { at: log.start - 1 })).state).toMatchObject({ status: 'unknown', version: 0 })
  })
})
