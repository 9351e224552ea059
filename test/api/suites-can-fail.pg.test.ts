import { afterAll, describe, expect, it } from 'vitest'
import { randomFrom } from '../support/seeded.ts'
import { say } from '../support/say.ts'
import { hostilityOf } from './support/hostile.ts'
import { addLeakyRoutes, holes, type Hole } from './support/leaky-routes.ts'
import { matrixOf } from './support/matrix.ts'
import { openSubject, type OpenSubject } from './support/subject.ts'

/**
 * The suites of all routes are themselves tried on routes with holes. A suite that finds nothing where there is something
 * would be worse than none.
 */
const open = new Map<Hole | undefined, OpenSubject>()
afterAll(async () => {
  await Promise.all([...open.values()].map((one) => one.close()))
})

async function faultsWith(hole?: Hole): Promise<string[]> {
  const opened = await openSubject((app, subject) => addLeakyRoutes(app, subject, hole))
  open.set(hole, opened)
  const { subject } = opened
  const operations = opened.operations.filter(({ path }) => path.startsWith('/leaky/'))
  expect(operations).toHaveLength(5)
  const matrix = await matrixOf(subject, operations)
  // One fault is enough to tell that a suite fails.
  const { faults } =
    matrix.faults.length > 0 ? matrix : await hostilityOf(subject, { operations, chance: randomFrom(7) })
  await opened.close()
  open.delete(hole)
  return faults
}

describe('the suites of all routes', () => {
  it('find nothing wrong with routes that are right', { timeout: 120_000 }, async () => {
    expect(await faultsWith()).toEqual([])
  })

  it.each(holes)('find a route that %s', { timeout: 120_000 }, async (hole) => {
    const faults = await faultsWith(hole)
    expect(faults).not.toEqual([])
    if (process.env['BAYWIRE_SHOW_FAULTS'] !== undefined) say(`${hole}:\n  ${faults.slice(0, 3).join('\n  ')}`)
  })
})
