import { readConfig } from '../../src/config.ts'
import { provisionFleet } from '../database.ts'
import { Helper } from '../helper.ts'
import { fleetSize } from '../load/fleet.ts'
import { startUse, type Window } from '../measure.ts'
import { meterOf } from '../processes.ts'
import type { Committed, CommitOptions, CommitOrder } from './commit-batches.ts'
import type { CommittedBatch, Run, Target } from './target.ts'

/**
 * The ceiling of the database: Baywire's own commit of batches that are ready, as many at a time as it has lanes.
 *
 * @param batchesNow as many readings, from the same sensors in the same order, are committed, in turn and again
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
    const startedAt = performance.now()
    const { cpuSeconds, ...committed } = await helper.ask({ seconds: run.seconds, batches })
    const { cores, memoryMb } = await usedSince()
    // In between the next batches are made, while Postgres rests: only what the commits took is theirs.
    const times = (performance.now() - startedAt) / 1000 / committed.seconds
    const used = { committer: cpuSeconds / committed.seconds, postgres: (cores['postgres'] ?? Number.NaN) * times }
    return { ...committed, cores: { ...cores, ...used }, memoryMb }
  }
  return { measure }
}

/** As large as they may be, one for each lane, from each of its gateways in turn. */
export function fullBatches(): CommittedBatch[] {
  const { BAYWIRE_LANES: lanes, BAYWIRE_BATCH_READINGS: readings } = readConfig({})
  return Array.from({ length: lanes }, (_, lane) => ({
    lane,
    gateways: Array.from({ length: readings }, (__, turn) => (turn * lanes + lane) % fleetSize.gateways),
  }))
}
