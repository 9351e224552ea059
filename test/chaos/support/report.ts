import type { Findings } from './fault.ts'

/** What became of a fault test, as a line of the results file. */
export type Outcome = { id: string; title: string } & (
  | ({ result: 'passed'; faults: number; seconds: number } & Findings)
  | { result: 'failed'; seconds: number; reason: string }
  | { result: 'skipped'; reason: string }
)

const columns = ['fault', 'times', 'sent', 'acked', 'stored', 'missing', 'twice', 'again', 's', ''] as const

/** The table at the end of a run: how many fault tests ran, failed and were skipped, and what each one found. */
export function report(outcomes: readonly Outcome[], { seed }: { seed: number }): string {
  const count = (result: Outcome['result']) => outcomes.filter((outcome) => outcome.result === result).length
  const rows = outcomes.toSorted((a, b) => orderOf(a.id) - orderOf(b.id) || a.id.localeCompare(b.id)).map(rowOf)
  const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')]
  return [
    `fault tests: ${passed + failed} ran, ${failed} failed, ${skipped} skipped; seed ${seed}`,
    ...align([[...columns], ...rows]).map((line) => `  ${line}`),
    '',
  ].join('\n')
}

function rowOf(outcome: Outcome): string[] {
  if (outcome.result !== 'passed') {
    return [outcome.id, '', '', '', '', '', '', '', '', `${outcome.result}: ${outcome.title}: ${outcome.reason}`]
  }
  const { faults, sent, acknowledged, stored, missing, appliedTwice, duplicates, seconds, notes = {} } = outcome
  const told = Object.entries(notes).map(([what, figure]) => `, ${what} ${figure}`)
  const figures = [faults, sent, acknowledged, stored, missing, appliedTwice, duplicates, seconds].map(String)
  return [outcome.id, ...figures, `${outcome.title}${told.join('')}`]
}

/** F2 before F10, and those without a number last. */
function orderOf(id: string): number {
  return Number(/^F(\d+)/.exec(id)?.[1] ?? 1000)
}

function align(rows: readonly string[][]): string[] {
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const isFigure = (column: number) => column > 0 && column < columns.length - 1
  return rows.map((row) =>
    row
      .map((cell, column) => (isFigure(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
