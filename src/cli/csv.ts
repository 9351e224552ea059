import { isUtf8 } from 'node:buffer'
import { readFile, stat } from 'node:fs/promises'
import { CsvError, parse } from 'csv-parse/sync'
import { BaywireError } from '../errors.ts'

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

const mostFileBytes = 512 * 1024 * 1024

/** @throws BaywireError naming the file, the line and the reason */
export async function readCsv(path: string): Promise<CsvFile> {
  const content = await readBounded(path)
  if (!isUtf8(content)) throw new BaywireError(`${path}: is not UTF-8`, { advice: 'save it as UTF-8' })
  return parseCsv(path, content)
}

export function parseCsv(path: string, content: Buffer | string): CsvFile {
  const [header, ...rows] = parseRows(path, content)
  if (header === undefined) throw new BaywireError(`${path}: is empty`, { advice: 'its first line names the columns' })
  if (rows.length === 0) throw new BaywireError(`${path}: has a header and no rows`)
  return { path, columns: header.cells, rows }
}

function parseRows(path: string, content: Buffer | string): CsvRow[] {
  try {
    const rows: CsvRow[] = []
    parse(content, {
      bom: true,
      // Files exist whose header ends otherwise than their rows.
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      trim: true,
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

async function readBounded(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path)
    if (size > mostFileBytes) {
      throw new BaywireError(`${path}: is larger than ${mostFileBytes / 1024 / 1024} MiB`, { advice: 'split it' })
    }
    return await readFile(path)
  } catch (error) {
    if (error instanceof BaywireError) throw error
    throw new BaywireError(`${path}: ${reasonOfFile(error)}`, { cause: error })
  }
}

const reasons = new Map([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'it may not be read'],
  ['EISDIR', 'it is a directory'],
])

function reasonOfFile(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
  return reasons.get(code) ?? code
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

/** What is wrong with a file, line by line; the file is refused when there is anything. */
export class CsvFindings {
  readonly #path: string
  readonly #findings: string[] = []

  constructor(path: string) {
    this.#path = path
  }

  add(line: number, reason: string): void {
    this.#findings.push(`${this.#path}, line ${line}: ${reason}`)
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
