import type { Log } from '../log.ts'
import type { JobState, RunDetail } from '../store/job-runs.ts'
import type { SystemDatabase } from '../store/transactions.ts'

/** What a job did: `found` where it ran and found a fault that somebody must look at. */
export interface JobOutcome {
  readonly result: 'succeeded' | 'found'
  readonly detail: RunDetail
}

export interface JobContext {
  /** Waits for any time; each statement has its limit all the same, unless it is lifted. */
  readonly database: SystemDatabase
  readonly log: Log
  /** How the job stood before; undefined where it never finished. */
  readonly state: JobState | undefined
  /** Aborted when the process stops, or when the run was taken for lost. */
  readonly signal: AbortSignal
}

/** Work that one process does for all, once in each interval. It may be run twice, or ended anywhere, and loses nothing. */
export interface Job {
  readonly job: string
  readonly intervalMs: number
  /** Every process does it by itself all the time; what is here is one more time, for whoever asks. */
  readonly shared?: boolean
  readonly work: (context: JobContext) => Promise<JobOutcome>
}
