import { requirePermission, type Principal } from '../auth/principal.ts'
import { Refusal } from '../refusal.ts'
import { requestJob, selectJobs, type ListedJob } from '../store/jobs.ts'
import type { AccountTransaction } from '../store/transactions.ts'

/**
 * The jobs of the installation. They work for all tenants, so what a run counted, or why it failed, is shown to platform
 * administrators alone, and they alone may ask for one.
 */
export async function listJobs(tx: AccountTransaction, principal: Principal): Promise<ListedJob[]> {
  requireReader(principal)
  return (await selectJobs(tx)).map((job) => shownTo(principal, job))
}

export async function readJob(tx: AccountTransaction, principal: Principal, name: string): Promise<ListedJob> {
  requireReader(principal)
  return shownTo(principal, await jobOf(tx, name))
}

/** Asks for a run now. One that is under way, or was asked for already, is the one that was asked for. */
export async function runJob(tx: AccountTransaction, principal: Principal, name: string): Promise<ListedJob> {
  if (!isPlatformAdministrator(principal)) throw new Refusal('forbidden', 'Only platform administrators run jobs.')
  return await requestRun(tx, { job: name, by: `user:${principal.userId}` })
}

/** The same for whoever runs the installation, by command. */
export async function requestRun(tx: AccountTransaction, { job, by }: { job: string; by: string }): Promise<ListedJob> {
  if (!(await requestJob(tx, { job, by }))) throw noSuchJob()
  return await jobOf(tx, job)
}

async function jobOf(tx: AccountTransaction, name: string): Promise<ListedJob> {
  const [job] = await selectJobs(tx, name)
  if (job === undefined) throw noSuchJob()
  return job
}

function noSuchJob(): Refusal {
  return new Refusal('not_found', 'There is no such job.')
}

function requireReader(principal: Principal): void {
  if (!isPlatformAdministrator(principal)) requirePermission({ principal }, 'jobs:read')
}

/** Whoever looks into a tenant does so as one of its administrators. */
function isPlatformAdministrator(principal: Principal): principal is Principal & { kind: 'user' } {
  return principal.kind === 'user' && principal.platformAdministrator && principal.readOnly !== true
}

function shownTo(principal: Principal, job: ListedJob): ListedJob {
  if (isPlatformAdministrator(principal) || job.last === null) return job
  return { ...job, last: { ...job.last, detail: {}, requestedBy: null } }
}
