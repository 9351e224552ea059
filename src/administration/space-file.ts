import { isUtf8 } from 'node:buffer'
import { columnOf, parseCsv, quote, unguarded, type CsvFile, type Findings } from '../csv.ts'
import { BaywireError } from '../errors.ts'
import { Refusal, type FieldError } from '../refusal.ts'
import type { PlannedSpace, SpaceColumn } from '../store/provision-places.ts'
import { geoJsonRows, type KnownTable } from './geojson.ts'
import { RowReader } from './row-reader.ts'

/**
 * The spaces of one site from a file, judged whole before anything is done. A column that the file has not says nothing
 * about spaces that exist; an empty cell in one that it has says that there is nothing.
 */
export interface SpaceFile {
  spaces: readonly PlannedSpace[]
  columns: readonly SpaceColumn[]
  /** Columns that mean nothing here. */
  ignored: readonly string[]
}

export type SpaceFormat = 'csv' | 'geojson'

export const mostRows = 10_000
const mostShown = 20

export const spaceColumns = new Map<string, SpaceColumn>([
  ['zone', 'zone_id'],
  ['name', 'name'],
  ['level', 'level'],
  ['lat', 'lat'],
  ['lon', 'lon'],
  ['plan_x', 'plan_x'],
  ['plan_y', 'plan_y'],
  ['features', 'features'],
])

/** Either is the code of the space. */
const codeColumns = ['space', 'code']
const known = ['site', ...codeColumns, ...spaceColumns.keys()]

/** @throws Refusal `invalid_input` with up to twenty lines and columns that are wrong, and why */
export function readSpaceFile(content: Buffer, { format, site }: { format: SpaceFormat; site: string }): SpaceFile {
  if (!isUtf8(content)) throw new Refusal('invalid_input', 'The file is not UTF-8.')
  const findings = new FieldFindings(format === 'csv' ? 'line' : 'feature')
  const file = format === 'csv' ? csvRows(content) : geoJsonFile(content, findings)
  const columns = columnsOf(file)
  const codeColumn = codeColumns.find((name) => columns.has(name)) ?? 'space'
  const spaces = new Map<string, { planned: PlannedSpace; line: number }>()
  for (const row of file.rows) {
    const reader = new RowReader(row, columns, findings)
    if (columns.has('site') && reader.code('site') !== site) findings.add(row.line, `is not ${quote(site)}`, 'site')
    const planned = readPlannedSpace(reader, { site, codeColumn })
    const earlier = spaces.get(planned.code)
    if (earlier === undefined) spaces.set(planned.code, { planned, line: row.line })
    else findings.add(row.line, `is already in ${findings.unit} ${earlier.line}`, codeColumn)
  }
  findings.refuse()
  return {
    spaces: Array.from(spaces.values(), ({ planned }) => planned),
    columns: Array.from(spaceColumns).flatMap(([name, column]) => (columns.has(name) ? [column] : [])),
    ignored: file.ignored,
  }
}

export function readPlannedSpace(
  reader: RowReader,
  { site, codeColumn }: { site: string; codeColumn: string },
): PlannedSpace {
  const code = reader.code(codeColumn)
  return {
    site,
    code,
    zone: reader.optionalCode('zone'),
    name: reader.text('name') ?? code,
    level: reader.text('level'),
    ...reader.position('lat', 'lon'),
    planX: reader.number('plan_x'),
    planY: reader.number('plan_y'),
    features: reader.features('features'),
  }
}

function csvRows(content: Buffer): KnownTable {
  // One more than it may have, to see that there are more.
  const file = orRefused(() => unguarded(parseCsv('the file', content, mostRows + 1)))
  if (file.rows.length > mostRows) throw new Refusal('invalid_input', `The file has more than ${mostRows} rows.`)
  return { ...file, ignored: file.columns.filter((name) => !known.includes(name)).slice(0, mostShown) }
}

function geoJsonFile(content: Buffer, findings: Findings): KnownTable {
  return geoJsonRows(content.toString(), { known, mostRows, mostIgnored: mostShown, findings })
}

function columnsOf(file: CsvFile): Map<string, number> {
  const codes = codeColumns.filter((name) => file.columns.includes(name))
  if (codes.length !== 1) {
    throw new Refusal('invalid_input', 'The file needs one column "space" (or "code") with the codes of its spaces.')
  }
  const present = known.filter((name) => file.columns.includes(name))
  return new Map(present.map((name) => [name, orRefused(() => columnOf(file, name))]))
}

function orRefused<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof BaywireError ? new Refusal('invalid_input', error.message) : error
  }
}

class FieldFindings implements Findings {
  readonly unit: 'line' | 'feature'
  readonly #errors: FieldError[] = []
  #found = 0

  constructor(unit: 'line' | 'feature') {
    this.unit = unit
  }

  add(line: number, reason: string, column?: string): void {
    this.#found += 1
    if (this.#errors.length === mostShown) return
    const path = `${this.unit} ${line}`
    this.#errors.push({ path: column === undefined ? path : `${path}, ${column}`, message: reason })
  }

  refuse(): void {
    if (this.#found === 0) return
    const more = this.#found - this.#errors.length
    const rest = more > 0 ? ` and ${more} more` : ''
    throw new Refusal('invalid_input', `The file is wrong, and nothing was changed: see errors${rest}.`, {
      errors: this.#errors,
    })
  }
}
