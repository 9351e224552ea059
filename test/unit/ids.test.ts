import { expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'

test('ids are version 7, all different, and in the order in which they were made', () => {
  const ids = Array.from({ length: 20_000 }, newId)
  expect(ids.filter((id) => !/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toEqual(
    [],
  )
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.toSorted()).toEqual(ids)
})
