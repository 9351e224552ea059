/** How the jobs stand, as people ask: does one need somebody? Pure: the time is an input. */
export interface JobRun {
  started_at: string
  ended_at: string
  duration_s: number
  result: 'succeeded' | 'found' | 'failed' | 'lost'
  requested_by: string | null
  detail: Record<string, string | number | null> | null
}

export interface Job {
  job: string
  interval_s: number
  running_since: string | null
  requested_at: string | null
  next_run_at: string | null
  last_success_at: string | null
  last_run: JobRun | null
}

/** Those that need somebody come first. */
export const standings = ['failed', 'found', 'overdue', 'lost', 'running', 'requested', 'new', 'good'] as const
export type Standing = (typeof standings)[number]

/** A mark of one letter each, so that nothing is told by colour alone. */
export const standingFaces: Readonly<Record<Standing, { label: string; mark: string; needsSomebody: boolean }>> = {
  failed: { label: 'Failed', mark: '!', needsSomebody: true },
  found: { label: 'Found a fault', mark: '!', needsSomebody: true },
  overdue: { label: 'Overdue', mark: '!', needsSomebody: true },
  lost: { label: 'Lost its process', mark: '?', needsSomebody: false },
  running: { label: 'Running', mark: '▸', needsSomebody: false },
  requested: { label: 'Asked for', mark: '…', needsSomebody: false },
  new: { label: 'Not run yet', mark: '–', needsSomebody: false },
  good: { label: 'On time', mark: '✓', needsSomebody: false },
}

/** A sweep notes itself once a minute, up to a minute late; clocks differ a little. */
const graceMs = 120_000

export function standingOf(job: Job, now: Date): Standing {
  const { last_run: last } = job
  const isUnderWay = job.running_since !== null
  if (!isUnderWay && isOverdue(job, now)) return 'overdue'
  if (last?.result === 'failed' || last?.result === 'found') return last.result
  if (isUnderWay) return 'running'
  if (job.requested_at !== null) return 'requested'
  if (last === null) return 'new'
  return last.result === 'lost' ? 'lost' : 'good'
}

function isOverdue({ next_run_at: next, requested_at: requested }: Job, now: Date): boolean {
  const due = [next, requested].flatMap((at) => (at === null ? [] : [Date.parse(at)]))
  return due.some((at) => now.getTime() > at + graceMs)
}

export function byNeed(jobs: readonly Job[], now: Date): Job[] {
  const rank = (job: Job) => standings.indexOf(standingOf(job, now))
  return jobs.toSorted((one, other) => rank(one) - rank(other) || one.job.localeCompare(other.job))
}

/** Somebody waits for it. */
export function isAwaited({ requested_at: requested, running_since: running }: Job): boolean {
  return requested !== null || running !== null
}

const soonMs = 2000
const calmMs = 60_000

/** When to look again: there is no stream of jobs. */
export function lookAgainMs(jobs: readonly Job[]): number {
  return jobs.some(isAwaited) ? soonMs : calmMs
}

/** What each does, for whoever wonders what it means that it failed. */
const purposes: Readonly<Record<string, { does: string; otherwise: string }>> = {
  books: {
    does: 'Compares the ledger with the log of readings',
    otherwise: 'readings that were lost or counted twice are not noticed',
  },
  deadlines: {
    does: 'Fires timers: silent sensors, debounce, ends of overrides',
    otherwise: 'spaces whose sensor fell silent keep showing what they showed',
  },
  leftovers: {
    does: 'Removes what has had its time: kept answers, counts of requests',
    otherwise: 'the database grows slowly; nothing else',
  },
  partitions: {
    does: 'Makes the partitions of the coming days for readings',
    otherwise: 'after some days no more readings can be written',
  },
  reservations: {
    does: 'Begins and ends reservations, expires holds, notices no-shows',
    otherwise: 'reservations begin, end and free their spaces late',
  },
  retention: {
    does: 'Drops readings and events that are older than they are to be kept',
    otherwise: 'the database grows',
  },
}

export function purposeOf(job: string): { does: string; otherwise: string } | undefined {
  return Object.hasOwn(purposes, job) ? purposes[job] : undefined
}

/** `every minute`, `every 10 min`, `every hour` */
export function everyWords(seconds: number): string {
  if (seconds < 60) return `every ${seconds} s`
  if (seconds === 60) return 'every minute'
  if (seconds === 3600) return 'every hour'
  if (seconds % 3600 === 0) return `every ${seconds / 3600} h`
  return seconds % 60 === 0 ? `every ${seconds / 60} min` : `every ${seconds} s`
}

export function tookWords(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

/** What a run counted: `dropped 2, events 0`. */
export function detailWords(detail: JobRun['detail']): string {
  return Object.entries(detail ?? {})
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${value}`)
    .join(', ')
}
