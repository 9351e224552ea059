import { cpuOf } from '../cpu.ts'
import { provisionFleet } from '../database.ts'
import { Helper } from '../helper.ts'
import { startCores, type Window } from '../measure.ts'
import type { Committed, CommitOptions, CommitOrder } from './commit-batches.ts'
import { fleetSize, type Measured, type Run } from './target.ts'

/** The ceiling of the database: Baywire's own commit of batches that are ready, one after the other, no broker. */
export async function measureCommit({ database, lifecycle, ...run }: Run): Promise<Measured> {
  const tenant = 'ceiling'
  const gateways = await provisionFleet(database.url, { tenant, ...fleetSize })
  await database.settle()
  const helper = await lifecycle.start(
    'commit',
    () => Helper.start<CommitOptions | CommitOrder, Committed | null>('targets/commit-batches.ts'),
    (started) => started.close(),
  )
  await helper.ask({ databaseUrl: database.url, gateways })
  const windows: Window[] = []
  for (let repeat = 1; repeat <= run.repeats; repeat++) {
    run.onProgress(`database: ${repeat} of ${run.repeats}`)
    /* oxlint-disable no-await-in-loop -- one window after the other */
    await helper.ask({ seconds: run.warmUpS })
    const coresSince = await startCores({ committer: cpuOf(helper.pid), postgres: await database.cpu() })
    const committed = await helper.ask({ seconds: run.seconds })
    if (committed !== null) windows.push({ ...committed, cores: await coresSince() })
    /* oxlint-enable no-await-in-loop */
  }
  await helper.close()
  return { windows }
}
