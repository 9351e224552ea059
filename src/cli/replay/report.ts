import type { ChangeRow, DryRunReport, NoShowRow, SpaceRow } from '../../replay/dry-run-report.ts'
import { outcomes } from '../../store/books.ts'

const mostShown = 1000

/** A report as people read it. */
export function describeReport(report: DryRunReport, { isFile }: { isFile: boolean }): string {
  const { readings, spaces, inputs, transitions } = report
  const { recorded, replayed, remaining, removed, added } = transitions
  return [
    `${count(readings)} readings at ${count(spaces)} spaces, ${count(inputs)} inputs folded`,
    '',
    ...outcomeTable(report),
    '',
    `transitions  ${count(recorded)} recorded, ${count(replayed)} replayed: ${count(remaining)} remain, ${count(removed)} disappear, ${count(added)} are new`,
    `seen otherwise for ${report.disagreement_minutes} minutes in all`,
    ...noShowLine(report),
    ...notesOf(report, { isFile }),
    ...spaceTable(report.by_space),
    ...changeTable(report),
    ...noShowTable(report),
    '',
    'nothing was changed: this was a dry run',
  ].join('\n')
}

function outcomeTable({ outcomes: { recorded, replayed } }: DryRunReport): string[] {
  const rows = outcomes
    .toReversed()
    .filter((outcome) => (recorded[outcome] ?? 0) + (replayed[outcome] ?? 0) > 0)
    .map((outcome) => [outcome, count(recorded[outcome] ?? 0), count(replayed[outcome] ?? 0)])
  return table([['outcome', 'recorded', 'replayed'], ...rows])
}

function noShowLine({ no_shows: noShows }: DryRunReport): string[] {
  if (noShows === null) return []
  const { added, removed } = noShows
  return [
    `no-shows  ${count(added.length)} reservations more would have become one, ${count(removed.length)} would not have`,
  ]
}

function notesOf(report: DryRunReport, { isFile }: { isFile: boolean }): string[] {
  const { readable_now: readable, not_folded: notFolded, missing_inputs: missing } = report
  return [
    readable > 0 && `${count(readable)} readings were malformed and can be read now: try \`baywire dlq redrive\``,
    notFolded > 0 &&
      `${count(notFolded)} readings are not folded: what they follow is not kept any more, or arrived later`,
    missing > 0 && `${count(missing)} inputs are missing in the log: run \`baywire replay --verify\``,
    isFile && 'a file begins with nothing known of its spaces: their first readings may come to something else',
    report.no_shows !== null &&
      report.no_shows.untold > 0 &&
      `of ${count(report.no_shows.untold)} reservations the log does not say enough to tell whether they would have been no-shows`,
  ].filter((note) => note !== false)
}

function spaceTable(rows: readonly SpaceRow[]): string[] {
  if (rows.length === 0) return []
  const head = ['space', 'recorded', 'replayed', 'disappear', 'new', 'minutes seen otherwise']
  const lines = rows.slice(0, mostShown).map((row) => {
    const { space, recorded, replayed, removed, added, disagreement_minutes: minutes } = row
    return [space, ...[recorded, replayed, removed, added].map(count), minutes.toFixed(2)]
  })
  return ['', ...table([head, ...lines]), ...more(rows.length - mostShown, 'spaces')]
}

function changeTable({ changes, changes_not_listed: notListed }: DryRunReport): string[] {
  if (changes.length === 0) return []
  const words = { removed: 'disappears', added: 'new' } as const
  const line = ({ change, event_time, space, kind }: ChangeRow) => [words[change], event_time, space, kind]
  const lines = changes.slice(0, mostShown).map(line)
  return ['', ...table(lines), ...more(changes.length - mostShown + notListed, 'changes')]
}

function noShowTable({ no_shows: noShows }: DryRunReport): string[] {
  if (noShows === null || noShows.added.length + noShows.removed.length === 0) return []
  const removed = noShows.removed.map((row) => noShowCells('disappears', row))
  const all = [...removed, ...noShows.added.map((row) => noShowCells('new', row))]
  const head = ['no-show', 'when', 'space', 'reserved from', 'reservation']
  return ['', ...table([head, ...all.slice(0, mostShown)]), ...more(all.length - mostShown, 'no-shows')]
}

function noShowCells(change: string, { at, space, start, reservation }: NoShowRow): string[] {
  return [change, at, space, start, reservation]
}

function more(left: number, what: string): string[] {
  return left > 0 ? [`… and ${count(left)} more ${what}: see --json`] : []
}

/** Words to the left, figures to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  )
  const isFigures = widths.map((_, column) => rows.slice(1).every((row) => /^[\d.,]+$/.test(row[column] ?? '')))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        isFigures[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

function count(value: number): string {
  return value.toLocaleString('en')
}
