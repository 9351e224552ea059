import { beforeAll, expect, test } from 'vitest'
import { say } from '../support/say.ts'
import { matrixOf } from './support/matrix.ts'
import { openSubject, type OpenSubject } from './support/subject.ts'

/** Every route of the OpenAPI document, seen from every tenant and role (G-T2). */
let open: OpenSubject

beforeAll(async () => {
  open = await openSubject()
  return () => open.close()
})

test(
  'no route shows or changes anything of another tenant, nor gives a role what it has not',
  { timeout: 300_000 },
  async () => {
    const { subject, operations } = open
    const { cases, faults } = await matrixOf(subject, operations)
    expect(faults).toEqual([])
    expect(cases).toBeGreaterThanOrEqual(operations.length)
    say(`tenant matrix: ${cases} cases over ${operations.length} routes`)
  },
)
