import { expect, test } from 'vitest'
import { geoJsonRows } from '../../src/administration/geojson.ts'
import { readSpaceFile } from '../../src/administration/space-file.ts'
import { Refusal } from '../../src/refusal.ts'

const feature = (properties: object) => ({ type: 'Feature', properties })
const collection = (features: readonly unknown[]) => JSON.stringify({ type: 'FeatureCollection', features })
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`name-${n}`, n]))
const read = (features: readonly unknown[]) =>
  readSpaceFile(Buffer.from(collection(features)), { format: 'geojson', site: 'main' })

test('only names that mean something become columns, however many there are', () => {
  const findings = { add: () => {} }
  const content = collection([feature({ code: 'A', ...many(1000) }), feature({ level: '1' })])
  const rows = geoJsonRows(content, { known: ['code', 'level'], mostRows: 2, mostIgnored: 3, findings })
  expect(rows.columns.toSorted()).toEqual(['code', 'lat', 'level', 'lon'])
  expect(rows.rows.map(({ cells }) => cells.length)).toEqual([4, 4])
  expect(rows.ignored).toEqual(['name-0', 'name-1', 'name-2'])
})

test('twenty of the ignored names are told', () => {
  const { spaces, columns, ignored } = read([feature({ code: 'A', level: '1', ...many(30) }), feature({ code: 'B' })])
  expect(spaces.map(({ code, level }) => [code, level])).toEqual([
    ['A', '1'],
    ['B', null],
  ])
  expect(columns).toEqual(['level', 'lat', 'lon'])
  expect(ignored).toEqual(Object.keys(many(20)))
})

test('more features than an import takes are refused before any is looked at', () => {
  const looked: number[] = []
  const findings = { add: (line: number) => looked.push(line) }
  const options = { known: [], mostRows: 2, mostIgnored: 1, findings }
  expect(() => geoJsonRows(collection([1, 2, 3]), options)).toThrow(
    new Refusal('invalid_input', 'The file has more than 2 rows.'),
  )
  expect(looked).toEqual([])
})

/** A megabyte that would be more cells than there is memory for. */
test('many names and many features are read without a cell for each of both', () => {
  const bare = Array.from({ length: 10_001 }, () => feature({}))
  expect(() => read([feature(many(40_000)), ...bare])).toThrow('The file has more than 10000 rows.')
  expect(() => read([feature(many(20_000)), ...bare.slice(2)])).toThrow('The file needs one column "space"')
})
