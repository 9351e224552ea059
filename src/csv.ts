import { CsvError, parse } from 'csv-parse/sync'
import { BaywireError } from './errors.ts'

/**
 * A CSV file with a header, read whole: it is judged before anything is done with it. A byte order mark and any
 * line ends are taken; rows of another length than the header, and anything that is not UTF-8, are refused.
 */
export interface CsvFile {
  path: string
  /** Names of the columns, trimmed. */
  columns: readonly string[]
  rows: readonly CsvRow[]
}

export interface CsvRow {
  /** Line in the file on which the row ends, counted from 1. */
  line: number
  /** Trimmed, one per column. */
  cells: readonly string[]
}

/** @param mostRows after which the rest of the file is not read */
export function parseCsv(path: string, content: Buffer | string, mostRows = Infinity): CsvFile {
  const [header, ...rows] = parseRows(path, content, mostRows + 1)
  if (header === undefined) throw new BaywireError(`${path}: is empty`, { advice: 'its first line names the columns' })
  if (rows.length === 0) throw new BaywireError(`${path}: has a header and no rows`)
  return { path, columns: header.cells, rows }
}

function parseRows(path: string, content: Buffer | string, most: number): CsvRow[] {
  try {
    const rows: CsvRow[] = []
    parse(content, {
      bom: true,
      // Files exist whose header ends otherwise than their rows.
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      trim: true,
      ...(Number.isFinite(most) && { to: most }),
      onRecord(cells: string[], { lines }) {
        rows.push({ line: lines, cells })
        return null
      },
    })
    return rows
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw new BaywireError(`${path}, line ${lineOf(error)}: ${reasonOf(error)}`, { cause: error })
  }
}

function lineOf(error: CsvError): string {
  const lines: unknown = error['lines']
  return typeof lines === 'number' ? String(lines) : '?'
}

function reasonOf(error: CsvError): string {
  if (error.code !== 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH') return error.message
  const record: unknown = error['record']
  return `has ${Array.isArray(record) ? record.length : 'not as many'} cells, where the header has another number`
}

/** Where a column stands. @throws BaywireError naming those that there are */
export function columnOf(file: CsvFile, name: string): number {
  const index = file.columns.indexOf(name)
  if (index === -1) {
    throw new BaywireError(`${file.path}: has no column "${name}"`, {
      advice: `its columns are: ${shortList(file.columns)}`,
    })
  }
  if (file.columns.indexOf(name, index + 1) !== -1) {
    throw new BaywireError(`${file.path}: has more than one column "${name}"`)
  }
  return index
}

const mostListed = 20

function shortList(names: readonly string[]): string {
  const more = names.length - mostListed
  return names.slice(0, mostListed).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** Takes what is wrong with a file, line by line. */
export interface Findings {
  add(line: number, reason: string, column?: string): void
}

/** What is wrong with a file, to be shown as text; the file is refused when there is anything. */
export class CsvFindings implements Findings {
  readonly #path: string
  readonly #findings: string[] = []

  constructor(path: string) {
    this.#path = path
  }

  add(line: number, reason: string, column?: string): void {
    const where = column === undefined ? '' : `${column}: `
    this.#findings.push(`${this.#path}, line ${line}: ${where}${reason}`)
  }

  /** @throws BaywireError with up to twenty lines and reasons */
  refuse(advice: string): void {
    if (this.#findings.length === 0) return
    const more = this.#findings.length - mostListed
    const shown = this.#findings.slice(0, mostListed).join('\n')
    throw new BaywireError(more > 0 ? `${shown}\n… and ${more} more` : shown, { advice })
  }
}

const longestQuote = 60

/** A cell as it may stand in an error: short, and without control characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text)
}

/**
 * A cell of text as it may stand in a file that a spreadsheet opens: one that would begin a formula there gets an
 * apostrophe before it, and so does one that looks as if it had one already.
 */
export function guarded(text: string): string {
  return /^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text
}

/** The cells as they were before `guarded`. */
export function unguarded(file: CsvFile): CsvFile {
  return { ...file, rows: file.rows.map(({ line, cells }) => ({ line, cells: cells.map(withoutGuard) })) }
}

function withoutGuard(cell: string): string {
  return /^'+[=+\-@\t\r]/.test(cell) ? cell.slice(1) : cell
}
