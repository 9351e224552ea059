import { provisionFleet } from '../database.ts'
import { Helper } from '../helper.ts'
import { startUse, type Window } from '../measure.ts'
import { meterOf } from '../processes.ts'
import type { Committed, CommitOptions, CommitOrder } from './commit-batches.ts'
import type { Run, Target } from './target.ts'

/** The ceiling of the database: Baywire's own commit of batches that are ready, as many at a time as it has lanes. */
export async function openCommit({ database, lifecycle, ...run }: Run): Promise<Target> {
  const gateways = await provisionFleet(database.url, 'ceiling')
  const helper = await lifecycle.start(
    'commit',
    () => Helper.start<CommitOptions | CommitOrder, Committed>('targets/commit-batches.ts'),
    (started) => started.close(),
  )
  await helper.ask({ databaseUrl: database.url, gateways })
  const measure = async (): Promise<Window> => {
    await helper.ask({ seconds: run.warmUpS })
    const usedSince = await startUse({ committer: meterOf(helper.pid), postgres: await database.meter() })
    const committed = await helper.ask({ seconds: run.seconds })
    return { ...committed, ...(await usedSince()) }
  }
  return { measure }
}
