import { provisionFleet } from '../database.ts'
import { Helper } from '../helper.ts'
import { startUse, type Window } from '../measure.ts'
import { meterOf } from '../processes.ts'
import type { Committed, CommitOptions, CommitOrder } from './commit-batches.ts'
import type { CommittedBatch, Run, Target } from './target.ts'

/**
 * The ceiling of the database: Baywire's own commit of batches that are ready, as many at a time as it has lanes.
 *
 * @param batchesNow those that the product committed in its last window: as many readings, from the same sensors in the same
 *   order, are committed here, in turn and again
 */
export async function openCommit(
  { database, lifecycle, ...run }: Run,
  batchesNow: () => readonly CommittedBatch[],
): Promise<Target> {
  const gateways = await provisionFleet(database.url, 'ceiling')
  const helper = await lifecycle.start(
    'commit',
    () => Helper.start<CommitOptions | CommitOrder, Committed>('targets/commit-batches.ts'),
    (started) => started.close(),
  )
  await helper.ask({ databaseUrl: database.url, gateways })
  const measure = async (): Promise<Window> => {
    const batches = batchesNow()
    await helper.ask({ seconds: run.warmUpS, batches })
    const usedSince = await startUse({ committer: meterOf(helper.pid), postgres: await database.meter() })
    const committed = await helper.ask({ seconds: run.seconds, batches })
    return { ...committed, ...(await usedSince()) }
  }
  return { measure }
}
