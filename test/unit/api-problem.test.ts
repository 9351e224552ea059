import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import type { ErrorCode } from '../../src/api/errors.ts'
import { problemKinds, problemType } from '../../src/api/problem.ts'

const isCode = (key: string): key is ErrorCode => key in problemKinds

it('every problem is in docs/api.md, with its status', async () => {
  const page = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8')
  const documented = [...page.matchAll(/^\| `(\/problems\/[a-z-]+)` \| (\d{3}) \|/gm)].map(
    ([, type, status]) => `${type} ${status}`,
  )
  const known = Object.keys(problemKinds)
    .filter(isCode)
    .map((code) => `${problemType(code)} ${problemKinds[code].status}`)
  expect(documented.toSorted()).toEqual(known.toSorted())
})
