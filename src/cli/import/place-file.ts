import { codePattern } from '../../ids.ts'
import type { PlannedSite, PlannedSpace, SiteColumn, SpaceColumn } from '../../store/provision-places.ts'
import { RowReader } from '../../administration/row-reader.ts'
import { readPlannedSpace, spaceColumns } from '../../administration/space-file.ts'
import { columnOf, CsvFindings, quote, unguarded, type CsvFile } from '../../csv.ts'

/**
 * Sites and spaces from the rows of a CSV file: one row a space, with its site beside it. A column that the file
 * has not says nothing about places that exist; an empty cell in one that it has says that there is nothing.
 */
export interface PlaceFile {
  sites: readonly PlannedSite[]
  siteColumns: readonly SiteColumn[]
  spaces: readonly PlannedSpace[]
  spaceColumns: readonly SpaceColumn[]
  /** Columns that mean nothing here. */
  ignored: readonly string[]
}

const siteColumns = new Map<string, SiteColumn>([
  ['site_name', 'name'],
  ['site_lat', 'lat'],
  ['site_lon', 'lon'],
  ['site_timezone', 'timezone'],
])
/** @throws BaywireError with every line that is wrong, and why */
export function readPlaces(file: CsvFile): PlaceFile {
  const known = ['site', 'space', ...siteColumns.keys(), ...spaceColumns.keys()]
  const present = known.filter((name) => file.columns.includes(name) || name === 'site' || name === 'space')
  const columns = new Map(present.map((name) => [name, columnOf(file, name)]))
  const findings = new CsvFindings(file.path)
  const sites = new Map<string, FoundSite>()
  const spaces: Found<PlannedSpace> = new Map()
  for (const row of unguarded(file).rows) {
    const reader = new RowReader(row, columns, findings)
    const described = reader.saysAny([...siteColumns.keys()])
    addSite(sites, { planned: readSite(reader), line: row.line, described }, findings)
    addSpace(
      spaces,
      {
        planned: readPlannedSpace(reader, { site: reader.code('site', { silent: true }), codeColumn: 'space' }),
        line: row.line,
      },
      findings,
    )
  }
  findings.refuse('nothing was changed')
  return {
    sites: [...sites.values()].map(({ planned }) => planned),
    siteColumns: present.flatMap((name) => siteColumns.get(name) ?? []),
    spaces: [...spaces.values()].map(({ planned }) => planned),
    spaceColumns: present.flatMap((name) => spaceColumns.get(name) ?? []),
    ignored: file.columns.filter((name) => !known.includes(name)),
  }
}

function readSite(reader: RowReader): PlannedSite {
  const code = reader.code('site')
  return {
    code,
    name: reader.text('site_name') ?? code,
    ...reader.position('site_lat', 'site_lon'),
    timezone: reader.timezone('site_timezone') ?? 'UTC',
  }
}

type Found<T> = Map<string, { planned: T; line: number }>

interface FoundSite {
  planned: PlannedSite
  line: number
  /** It says more of the site than its code. */
  described: boolean
}

/** All rows of a site that describe it do so alike. */
function addSite(sites: Map<string, FoundSite>, site: FoundSite, findings: CsvFindings): void {
  const { code } = site.planned
  const earlier = sites.get(code)
  if (earlier === undefined || (site.described && !earlier.described)) sites.set(code, site)
  else if (site.described && JSON.stringify(earlier.planned) !== JSON.stringify(site.planned)) {
    findings.add(site.line, `site ${quote(code)}: is described otherwise in line ${earlier.line}`)
  }
}

function addSpace(spaces: Found<PlannedSpace>, space: { planned: PlannedSpace; line: number }, findings: CsvFindings) {
  const { site, code } = space.planned
  const key = `${site}/${code}`
  const earlier = spaces.get(key)
  if (earlier === undefined) spaces.set(key, space)
  else if (codePattern.test(code)) findings.add(space.line, `space ${quote(key)}: is already in line ${earlier.line}`)
}
