import { initialState, type SpaceState } from '../occupancy/state.ts'
import { selectEventBefore, selectOthersFrom } from '../store/explain-events.ts'
import { selectBySeq } from '../store/explain-readings.ts'
import type { ExplainedSpace } from '../store/explain-space.ts'
import type { TenantTransaction } from '../store/transactions.ts'

/** Where a fold begins that no reading can begin: a space after one of its inputs, or before the first. */
export interface Base {
  readonly inputSeq: number
  readonly state: SpaceState
}

/** The clock of a device that is trusted may be so far ahead of its arrival, and some more. */
export const marginMs = 15 * 60_000

/** Undefined where what it would take is not kept. */
export async function baseBefore(
  tx: TenantTransaction,
  { space, cutoff }: { space: ExplainedSpace; cutoff: number },
): Promise<Base | undefined> {
  for (const checkpoint of space.checkpoints) {
    // oxlint-disable-next-line no-await-in-loop -- one or two are kept
    if (await wasReached(tx, { space, checkpoint, cutoff })) return checkpoint
  }
  const beginning = { inputSeq: 0, state: initialState }
  return space.checkpoints.length === 0 || (await keepsItsFirst(tx, space)) ? beginning : undefined
}

/** Whether a space had come to a checkpoint by then: nothing up to it was recorded, or counted, later. */
async function wasReached(
  tx: TenantTransaction,
  { space, checkpoint, cutoff }: { space: ExplainedSpace; checkpoint: Base; cutoff: number },
): Promise<boolean> {
  const { inputSeq, state } = checkpoint
  if (state.newest !== null && state.newest.at > cutoff + marginMs) return false
  const [event, others, readings] = await Promise.all([
    selectEventBefore(tx, { spaceId: space.id, before: inputSeq + 1 }),
    selectOthersFrom(tx, { spaceId: space.id, from: inputSeq, limit: 1 }),
    selectBySeq(tx, { space, seqs: [inputSeq] }),
  ])
  const own = others.filter((other) => other.inputSeq === inputSeq)
  return (
    (event === undefined || event.recordedAt <= cutoff) &&
    own.every(({ recordedAt }) => recordedAt <= cutoff) &&
    readings.every(({ countsFrom }) => countsFrom <= cutoff)
  )
}

/** Whether nothing of a space was dropped: checkpoints are kept where rules changed, too. */
export async function keepsItsFirst(tx: TenantTransaction, space: ExplainedSpace): Promise<boolean> {
  const [others, readings] = await Promise.all([
    selectOthersFrom(tx, { spaceId: space.id, from: 1, limit: 1 }),
    selectBySeq(tx, { space, seqs: [1] }),
  ])
  return readings.length > 0 || others[0]?.inputSeq === 1
}
