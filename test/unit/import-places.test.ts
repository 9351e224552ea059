import { describe, expect, test } from 'vitest'
import { parseCsv } from '../../src/csv.ts'
import { readPlaces } from '../../src/cli/import/place-file.ts'
import { BaywireError } from '../../src/errors.ts'

const read = (...lines: string[]) => readPlaces(parseCsv('places.csv', lines.join('\n')))

function refusal(...lines: string[]): string[] {
  try {
    read(...lines)
  } catch (error) {
    if (error instanceof BaywireError) return error.message.split('\n')
    throw error
  }
  return []
}

describe('a file of places', () => {
  test('has one space a row, with its site beside it', () => {
    const places = read(
      '\uFEFFsite,space,site_name,site_lat,site_lon,site_timezone,name,level,lat,lon,plan_x,plan_y,zone,features',
      'north,A-1,North garage,55.5,-3.25,Europe/London,First,P1,55.51,-3.251,0,12.5,blue,charging; wide|charging',
      'north,A-2,,,,,,,,,,,,',
    )
    const north = { code: 'north', name: 'North garage', lat: 55.5, lon: -3.25, timezone: 'Europe/London' }
    const bare = { zone: null, level: null, lat: null, lon: null, planX: null, planY: null, features: [] }
    expect(places.sites).toEqual([north])
    expect(places.spaces).toEqual([
      {
        site: 'north',
        code: 'A-1',
        name: 'First',
        zone: 'blue',
        level: 'P1',
        lat: 55.51,
        lon: -3.251,
        planX: 0,
        planY: 12.5,
        features: ['charging', 'wide'],
      },
      { ...bare, site: 'north', code: 'A-2', name: 'A-2' },
    ])
  })

  test('says nothing about columns that it has not', () => {
    const places = read('space,site,level,colour', '1,a,P1,red')
    expect(places.siteColumns).toEqual([])
    expect(places.spaceColumns).toEqual(['level'])
    expect(places.ignored).toEqual(['colour'])
  })

  test('may describe a site in a later row', () => {
    expect(read('site,space,site_name', 'a,1,', 'a,2,Alpha', 'a,3,').sites).toMatchObject([
      { code: 'a', name: 'Alpha' },
    ])
  })
})

describe('a file that is refused', () => {
  test.each([
    [['site,name', 'a,b'], 'places.csv: has no column "space"'],
    [['space', 'b'], 'places.csv: has no column "site"'],
    [['site,space'], 'places.csv: has a header and no rows'],
    [['site,space', 'a,b c'], 'places.csv, line 2: space: "b c" is no code of 1 to 64 of A-Z a-z 0-9 . _ ~ -'],
    [['site,space', ',1'], 'places.csv, line 2: site: is empty'],
    [['site,space', 'a,1', 'b,1', 'a,1'], 'places.csv, line 4: space "a/1": is already in line 2'],
    [['site,space,lat,lon', 'a,1,91,0'], 'places.csv, line 2: lat: "91" is no number from -90 to 90'],
    [['site,space,lat,lon', 'a,1,1e1,0'], 'places.csv, line 2: lat: "1e1" is no number from -90 to 90'],
    [['site,space,lat,lon', 'a,1,10,'], 'places.csv, line 2: lon: is empty, but lat is not'],
    [['site,space,plan_x', 'a,1,NaN'], 'places.csv, line 2: plan_x: "NaN" is no number from -100000 to 100000'],
    [
      ['site,space,features', 'a,1,"x, y"'],
      'places.csv, line 2: features: "x, y" is no code of 1 to 64 of A-Z a-z 0-9 . _ ~ -',
    ],
    [['site,space,zone', 'a,1,b c'], 'places.csv, line 2: zone: "b c" is no code of 1 to 64 of A-Z a-z 0-9 . _ ~ -'],
    [['site,space,name', 'a,1,x\u0000y'], 'places.csv, line 2: name: has control characters'],
    [['site,space,site_timezone', 'a,1,Mars'], 'places.csv, line 2: site_timezone: "Mars" is no time zone'],
    [
      ['site,space,site_name', 'a,1,Alpha', 'a,2,Beta'],
      'places.csv, line 3: site "a": is described otherwise in line 2',
    ],
  ])('%j', (lines, message) => {
    expect(refusal(...lines)).toEqual([message])
  })

  test('names every bad line, twenty at most', () => {
    const bad = Array.from({ length: 30 }, (_, index) => `a,no ${index},95,`)
    const lines = refusal('site,space,lat,lon', 'a,fine,,', ...bad)
    expect(lines).toHaveLength(21)
    expect(lines.slice(0, 3)).toEqual([
      'places.csv, line 3: space: "no 0" is no code of 1 to 64 of A-Z a-z 0-9 . _ ~ -',
      'places.csv, line 3: lat: "95" is no number from -90 to 90',
      'places.csv, line 3: lon: is empty, but lat is not',
    ])
    expect(lines.at(-1)).toBe('… and 70 more')
  })
})
