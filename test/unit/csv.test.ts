import { expect, test } from 'vitest'
import { readSpaceFile } from '../../src/administration/space-file.ts'
import { parseCsv } from '../../src/csv.ts'

const lines = ['a,b', '1,1', '2,2', '3'].join('\n')

test('of a file no more rows are read than are wanted', () => {
  expect(() => parseCsv('a file', lines)).toThrow('a file, line 4: has 1 cells')
  expect(parseCsv('a file', lines, 2).rows.map(({ cells }) => cells[0])).toEqual(['1', '2'])
})

test('a file of spaces that has too many is not read to its end', () => {
  const spaces = Array.from({ length: 10_001 }, (_, n) => `s${n}`)
  const content = Buffer.from(['space', ...spaces, 'one,more'].join('\n'))
  expect(() => readSpaceFile(content, { format: 'csv', site: 'main' })).toThrow('The file has more than 10000 rows.')
})
