import { countOf, counted } from '../numbers.ts'

/** What a redrive came to, in words. */
interface Report {
  settled: number
  failed: number
  waiting: number
  exhausted: number
  taken: number
}

interface Redrive {
  status: 'waiting' | 'running' | 'done' | 'failed'
  execute: boolean
  letters_total: number | null
  letters_done: number
  expected_letters: number | null
  reason: string | null
  report: Report | null
}

export function isOpen({ status }: Pick<Redrive, 'status'>): boolean {
  return status === 'waiting' || status === 'running'
}

export interface ReportLine {
  label: string
  count: number
  about: string
}

/** Each letter is in one of these; those of which there are none are left out. */
export function reportLines(report: Report, { execute }: { execute: boolean }): ReportLine[] {
  const lines: ReportLine[] = [
    {
      label: execute ? 'Settled' : 'Would settle',
      count: report.settled,
      about: execute ? 'they are dead letters no more' : 'they would be dead letters no more',
    },
    {
      label: execute ? 'Still dead' : 'Would stay dead',
      count: report.failed,
      about: 'attempted without an effect; each of them says why',
    },
    {
      label: execute ? 'Waiting' : 'Would wait',
      count: report.waiting,
      about: 'not attempted: nothing has changed that would give them an effect',
    },
    {
      label: 'Exhausted',
      count: report.exhausted,
      about: 'not attempted: they were attempted as often as they may be',
    },
    { label: 'Taken', count: report.taken, about: 'somebody else redrove them meanwhile' },
  ]
  return lines.filter(({ count }, index) => count > 0 || index === 0)
}

/** How it stands, in a sentence. */
export function standing(redrive: Redrive): string {
  const { status, execute, letters_done: done, letters_total: total, expected_letters: expected } = redrive
  const what = execute ? 'redrive' : 'dry run'
  if (status === 'waiting')
    return `This ${what} waits to be begun; that takes some seconds, or until the one before it ends.`
  if (status === 'running') {
    return total === null ? `This ${what} is counting.` : `${counted(done)} of ${countOf(total, 'letter')} looked at.`
  }
  if (status === 'done') {
    return `This ${what} went through ${countOf(total ?? done, 'letter')}.${execute ? '' : ' Nothing was changed.'}`
  }
  if (redrive.reason === 'more_letters') {
    return `There were more letters than the ${counted(expected ?? 0)} that were confirmed, so nothing was done. Begin with a new dry run.`
  }
  if (redrive.reason === 'cancelled') {
    return execute
      ? `It was cancelled behind ${countOf(done, 'letter')}; what was done stays.`
      : 'It was cancelled; nothing was changed.'
  }
  if (redrive.reason === 'given_up') return `Process after process was gone over it, so it was given up.`
  return 'It failed for a fault of the server, whose log says more.'
}

/** How many letters the same redrive would have an effect on, once it is executed. */
export function attempted(report: Report): number {
  return report.settled + report.failed
}
