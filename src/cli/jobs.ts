import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { requestRun } from '../administration/jobs.ts'
import { readConfig } from '../config.ts'
import { BaywireError } from '../errors.ts'
import { selectJobs, type ListedJob } from '../store/jobs.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import { columns } from './columns.ts'
import { openDatabase } from './open.ts'
import { parseDuration } from './options.ts'
import { explained } from './refusals.ts'
import { processTerminal } from './terminal.ts'

interface Options {
  json?: boolean
}

const lookEveryMs = 500

/** What the processes with the jobs role do in turns. */
export function addJobs(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('what is done in turns: how each job stands, and to run one now')
    .addHelpText('after', '\nExample:\n  baywire jobs list\n  baywire jobs run books --wait 60s')
  jobs
    .command('list')
    .description('each job with its last run, what came of it, and when it is due next')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  baywire jobs list --json')
    .action((options: Options) => withAccounts((database) => list(database, options)))
  jobs
    .command('run')
    .description('ask for a run now: a process with the jobs role begins it within seconds')
    .argument('<job>', 'its name')
    .option(
      '--wait <duration>',
      'until it has ended, and so long at most; exit code 1 unless it succeeded',
      parseDuration,
    )
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  baywire jobs run retention --wait 10m')
    .action((job: string, options: Options & { wait?: number }) =>
      withAccounts((database) => run(database, job, options)),
    )
}

type Accounts = Pick<TenantDatabase, 'withAccounts'>

async function withAccounts(work: (database: Accounts) => Promise<void>): Promise<void> {
  const database = await openDatabase(readConfig(process.env))
  try {
    await work(database.tenants('baywire jobs'))
  } finally {
    await database.close()
  }
}

async function list(database: Accounts, { json }: Options): Promise<void> {
  const jobs = await database.withAccounts((tx) => selectJobs(tx))
  const terminal = processTerminal()
  if (json === true) return terminal.print(JSON.stringify({ items: jobs.map(item) }))
  if (jobs.length === 0) return terminal.note('There are none yet: the first start of the jobs role tells of them.')
  terminal.print(columns([['job', 'last run', 'took', 'result', 'next run', ''], ...jobs.map(cells)]))
}

async function run(database: Accounts, job: string, { wait, json }: Options & { wait?: number }): Promise<void> {
  const asked = await explained(() => database.withAccounts((tx) => requestRun(tx, { job, by: 'command' })))
  const terminal = processTerminal()
  const shown = wait === undefined ? asked : await ended(database, { asked, waitMs: wait })
  if (json === true) terminal.print(JSON.stringify(item(shown)))
  else if (wait === undefined) terminal.print(`${job}: asked for; baywire jobs list shows what came of it`)
  else terminal.print(`${job}: ${shown.last?.result ?? 'never ran'} ${JSON.stringify(shown.last?.detail ?? {})}`)
  if (wait !== undefined && shown.last?.result !== 'succeeded') {
    throw new BaywireError(`${job} has not succeeded`, { advice: 'the log of the process that ran it says why' })
  }
}

async function ended(database: Accounts, { asked, waitMs }: { asked: ListedJob; waitMs: number }): Promise<ListedJob> {
  const until = performance.now() + waitMs
  for (let job = asked; ;) {
    if (job.requestedAt === null && job.runningSince === null) return job
    if (performance.now() >= until) {
      throw new BaywireError(`${job.job} has not ended`, {
        advice: job.runningSince === null ? 'does a process with the jobs role run?' : 'it is under way still',
      })
    }
    // oxlint-disable no-await-in-loop -- until it has ended
    await pause(lookEveryMs)
    const [now] = await database.withAccounts((tx) => selectJobs(tx, asked.job))
    // oxlint-enable no-await-in-loop
    job = now ?? job
  }
}

function cells({ job, runningSince, requestedAt, last }: ListedJob): string[] {
  const now = runningSince === null ? (requestedAt === null ? '' : 'asked for') : 'running'
  if (last === null) return [job, 'never', '', '', '', now]
  const { startedAt, finishedAt, result, nextAt } = last
  return [job, rfc3339(startedAt), `${(finishedAt - startedAt) / 1000} s`, result, rfc3339(nextAt), now]
}

function item({ job, intervalMs, runningSince, requestedAt, last, lastGoodAt }: ListedJob) {
  return {
    job,
    interval_s: intervalMs / 1000,
    running_since: orNull(runningSince),
    requested_at: orNull(requestedAt),
    next_run_at: orNull(last?.nextAt ?? null),
    last_success_at: orNull(lastGoodAt),
    last_run: last && {
      started_at: rfc3339(last.startedAt),
      ended_at: rfc3339(last.finishedAt),
      duration_s: (last.finishedAt - last.startedAt) / 1000,
      result: last.result,
      requested_by: last.requestedBy,
      detail: last.detail,
    },
  }
}

function rfc3339(at: number): string {
  return new Date(at).toISOString()
}

function orNull(at: number | null): string | null {
  return at === null ? null : rfc3339(at)
}
