import { listJobs, readJob, runJob } from '../../administration/jobs.ts'
import type { ListedJob } from '../../store/jobs.ts'
import type { Api } from '../app.ts'
import { inAccounts, type SignedInOptions } from '../signed-in.ts'
import { JOBS, listRoute, readRoute, runRoute } from './jobs-descriptions.ts'

/** They are no tenant's, and so are asked for in no tenant's transaction. */
export function addJobRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(listRoute, async (c) => {
    const jobs = await inAccounts(options, (tx) => listJobs(tx, c.get('principal')))
    return c.json({ items: jobs.map(bodyOf) }, 200)
  })

  app.openapi(readRoute, async (c) => {
    const { job } = c.req.valid('param')
    return c.json(bodyOf(await inAccounts(options, (tx) => readJob(tx, c.get('principal'), job))), 200)
  })

  app.openapi(runRoute, async (c) => {
    const { job } = c.req.valid('param')
    const asked = await inAccounts(options, (tx) => runJob(tx, c.get('principal'), job))
    c.header('Location', `${JOBS}/${job}`)
    return c.json(bodyOf(asked), 202)
  })
}

function bodyOf({ job, intervalMs, runningSince, requestedAt, last, lastGoodAt }: ListedJob) {
  return {
    job,
    interval_s: intervalMs / 1000,
    running_since: timeOf(runningSince),
    requested_at: timeOf(requestedAt),
    next_run_at: timeOf(last?.nextAt ?? null),
    last_success_at: timeOf(lastGoodAt),
    last_run: last && runOf(last),
  }
}

function runOf({ startedAt, finishedAt, result, requestedBy, detail }: NonNullable<ListedJob['last']>) {
  return {
    started_at: new Date(startedAt).toISOString(),
    ended_at: new Date(finishedAt).toISOString(),
    duration_s: Math.max(0, finishedAt - startedAt) / 1000,
    result,
    requested_by: requestedBy,
    detail: Object.keys(detail).length === 0 ? null : detail,
  }
}

function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
