import { provisionFleet } from '../database.ts'
import { Helper } from '../helper.ts'
import { median, untilQuiet } from '../measure.ts'
import type { Committed, CommitOptions, CommitOrder } from './commit-batches.ts'
import type { Replayed, ReplayOrder } from './replay-log.ts'
import { fullBatches } from './commit.ts'
import type { Run } from './target.ts'

/** A dry run over a log, beside a cursor that reads and parses the same rows and does nothing with them. */
export interface Replay {
  readings: number
  /** Readings per second, each in turn. */
  cursor: number[]
  dryRun: number[]
  /** Of the medians. */
  ratio: number
  /** In use after a full collection, once a fifth is done and at the end. */
  heapMb: { first: number; last: number; most: number }
  residentMb: number
  differences: number
}

export interface ReplayOptions {
  readings: number
  repeats: number
}

const tenant = 'replay'
const fillSeconds = 5

export async function measureReplay(
  { database, lifecycle, onProgress }: Pick<Run, 'database' | 'lifecycle' | 'onProgress'>,
  { readings, repeats }: ReplayOptions,
): Promise<Replay> {
  await fill({ database, lifecycle, onProgress }, readings)
  const helper = await lifecycle.start(
    'replay',
    () => Helper.start<ReplayOrder, Replayed>('targets/replay-log.ts'),
    (started) => started.close(),
  )
  const tenantId = await database.tenantId(tenant)
  const measure = async (what: ReplayOrder['what']): Promise<Replayed> => {
    await database.settle()
    await untilQuiet(onProgress)
    onProgress(`replay: ${what}`)
    return await helper.ask({ databaseUrl: database.url, tenantId, what })
  }
  const [cursors, dryRuns]: [Replayed[], Replayed[]] = [[], []]
  /* oxlint-disable no-await-in-loop -- one after the other, so that none takes from another */
  for (let turn = 0; turn < repeats; turn++) {
    cursors.push(await measure('cursor'))
    dryRuns.push(await measure('dry run'))
  }
  /* oxlint-enable no-await-in-loop */
  const steady = await measure('dry run with its memory')
  return {
    readings: steady.readings,
    cursor: rates(cursors),
    dryRun: rates(dryRuns),
    ratio: median(rates(dryRuns)) / median(rates(cursors)),
    heapMb: {
      first: steady.heapMb[Math.floor(steady.heapMb.length / 5)] ?? Number.NaN,
      last: steady.heapMb.at(-1) ?? Number.NaN,
      most: steady.heapMb.reduce((most, mb) => Math.max(most, mb), 0),
    },
    residentMb: steady.residentMb,
    differences: steady.differences,
  }
}

function rates(all: readonly Replayed[]): number[] {
  return all.map((one) => one.readings / one.seconds)
}

/** By Baywire's own commits. */
async function fill(
  { database, lifecycle, onProgress }: Pick<Run, 'database' | 'lifecycle' | 'onProgress'>,
  readings: number,
): Promise<void> {
  const gateways = await provisionFleet(database.url, tenant)
  const committer = await lifecycle.start(
    'commit',
    () => Helper.start<CommitOptions | CommitOrder, Committed>('targets/commit-batches.ts'),
    (started) => started.close(),
  )
  await committer.ask({ databaseUrl: database.url, gateways })
  let filled = 0
  while (filled < readings) {
    // oxlint-disable no-await-in-loop -- until there are enough
    const { rate, seconds } = await committer.ask({ seconds: fillSeconds, batches: fullBatches() })
    filled += rate * seconds
    onProgress(`replay: ${Math.round(filled)} of ${readings} readings are logged`)
    // oxlint-enable no-await-in-loop
  }
  await committer.close()
}
