import { quote, type CsvRow, type Findings } from '../csv.ts'
import { codePattern } from '../ids.ts'

/** The cells of one row by the names of their columns. What is wrong with one becomes a finding; it then reads as empty. */
export class RowReader {
  readonly #row: CsvRow
  readonly #columns: ReadonlyMap<string, number>
  readonly #findings: Findings

  constructor(row: CsvRow, columns: ReadonlyMap<string, number>, findings: Findings) {
    this.#row = row
    this.#columns = columns
    this.#findings = findings
  }

  saysAny(names: readonly string[]): boolean {
    return names.some((name) => this.#cell(name) !== '')
  }

  code(name: string, { silent = false } = {}): string {
    const code = this.#cell(name)
    if (!codePattern.test(code) && !silent) this.#wrong(name, code === '' ? 'is empty' : `${quote(code)} ${noCode}`)
    return code
  }

  optionalCode(name: string): string | null {
    return this.#cell(name) === '' ? null : this.code(name)
  }

  text(name: string): string | null {
    const text = this.#cell(name)
    if (text === '') return null
    if (text.length > longestText) this.#wrong(name, `is longer than ${longestText} characters`)
    // oxlint-disable-next-line no-control-regex -- these it is that are refused
    if (/[\u0000-\u001f\u007f]/.test(text)) this.#wrong(name, 'has control characters')
    // Half of a character, which JSON can hold and UTF-8 cannot.
    if (/\p{Surrogate}/u.test(text)) this.#wrong(name, 'is not Unicode')
    return text
  }

  number(name: string, most = mostMetres): number | null {
    const text = this.#cell(name)
    if (text === '') return null
    // With an exponent only what is close to nothing is written, as an export does.
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e-\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
    if (Math.abs(value) <= most) return value
    this.#wrong(name, `${quote(text)} is no number from -${most} to ${most}`)
    return null
  }

  /** Both coordinates, or none. */
  position(latName: string, lonName: string): { lat: number | null; lon: number | null } {
    const lat = this.number(latName, 90)
    const lon = this.number(lonName, 180)
    const [hasLat, hasLon] = [this.#cell(latName) !== '', this.#cell(lonName) !== '']
    if (hasLat !== hasLon) this.#wrong(hasLat ? lonName : latName, `is empty, but ${hasLat ? latName : lonName} is not`)
    return { lat, lon }
  }

  timezone(name: string): string | null {
    const text = this.#cell(name)
    if (text === '') return null
    if (!isTimezone(text)) this.#wrong(name, `${quote(text)} is no time zone`)
    return text
  }

  /** Separated by semicolons or bars, each once, in the order in which they stand. */
  features(name: string): string[] {
    const parts = this.#cell(name).split(/[;|]/)
    const features = [...new Set(parts.map((part) => part.trim()).filter((part) => part !== ''))]
    const wrong = features.find((feature) => !codePattern.test(feature))
    if (wrong !== undefined) this.#wrong(name, `${quote(wrong)} ${noCode}`)
    if (features.length > mostFeatures) this.#wrong(name, `has more than ${mostFeatures}`)
    return features
  }

  #cell(name: string): string {
    const column = this.#columns.get(name)
    return column === undefined ? '' : (this.#row.cells[column] ?? '')
  }

  #wrong(name: string, reason: string): void {
    this.#findings.add(this.#row.line, reason, name)
  }
}

const noCode = 'is no code of 1 to 64 of A-Z a-z 0-9 . _ ~ -'
const longestText = 200
const mostMetres = 100_000
const mostFeatures = 32

export function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
