import { setImmediate as letIoHappen } from 'node:timers/promises'
import { BaywireError } from '../errors.ts'
import type { SpaceState } from '../occupancy/state.ts'
import { rulesVersion } from '../occupancy/step.ts'
import {
  findUncheckedSpaces,
  insertCheckpoints,
  readFoldBases,
  type Checkpoint,
  type FoldBase,
  type UncheckedSpace,
} from '../store/checkpoints.ts'
import type { WantedInputs } from '../store/kept-inputs.ts'
import { PolicyCache } from '../store/policies.ts'
import { withoutTimeout } from '../store/retention.ts'
import type { SystemDatabase, SystemTransaction } from '../store/transactions.ts'
import { fold } from './fold.ts'
import { keptInputs, type KeptInput } from './kept-inputs.ts'

/** Inputs held in memory at a time: the day is read once for each chunk of them, and so a hundred times at most. */
const inputsAtATime = 20_000
const chunksPerDay = 100
/** The order of a space's inputs is not quite that of their arrival: its neighbours are looked for so far behind the day. */
const marginMs = 3_600_000
const dayMs = 86_400_000

/**
 * Keeps a checkpoint of each space whose inputs go with the readings of `day`: its state after the last of them, by
 * folding what is kept. Inputs that arrived later and lie before it in the space's order are folded with it.
 * Checkpoints are right also where the day is not dropped in the end, so a crash half-way leaves nothing to mend.
 *
 * Throws, and so keeps the day, where an input is missing or folds to something else than was recorded.
 *
 * @param day of arrival in UTC, as `2026-11-21`
 * @returns of how many spaces
 */
export async function keepCheckpoints(
  database: SystemDatabase,
  { day, signal }: { day: string; signal: AbortSignal },
): Promise<number> {
  const policies = new PolicyCache()
  const unchecked = await database.withSystem(async (tx) => {
    await withoutTimeout(tx)
    return await findUncheckedSpaces(tx, day)
  })
  for (const spaces of chunksOf(unchecked)) {
    signal.throwIfAborted()
    // oxlint-disable-next-line no-await-in-loop -- one chunk in memory at a time
    await database.withSystem(async (tx) => {
      await withoutTimeout(tx)
      await insertCheckpoints(tx, await foldSpaces(tx, { day, spaces, policies }))
    })
  }
  return unchecked.length
}

function* chunksOf(spaces: readonly UncheckedSpace[]): Generator<UncheckedSpace[]> {
  const all = spaces.reduce((sum, space) => sum + space.inputs, 0)
  const most = Math.max(inputsAtATime, Math.ceil(all / chunksPerDay))
  let chunk: UncheckedSpace[] = []
  let inputs = 0
  for (const space of spaces) {
    if (chunk.length > 0 && inputs + space.inputs > most) {
      yield chunk
      chunk = []
      inputs = 0
    }
    chunk.push(space)
    inputs += space.inputs
  }
  if (chunk.length > 0) yield chunk
}

async function foldSpaces(
  tx: SystemTransaction,
  { day, spaces, policies }: { day: string; spaces: readonly UncheckedSpace[]; policies: PolicyCache },
): Promise<Checkpoint[]> {
  const bases = await readFoldBases(tx, spaces)
  const [ours, others] = [
    spaces.filter(({ spaceId }) => bases.get(spaceId)?.live.rulesVersion === rulesVersion),
    spaces.filter(({ spaceId }) => bases.get(spaceId)?.live.rulesVersion !== rulesVersion),
  ]
  // What other rules decided cannot be folded by ours: what the space is now follows the last of these inputs.
  const checkpoints: Checkpoint[] = others.flatMap(({ tenantId, spaceId }) => {
    const live = bases.get(spaceId)?.live
    return live === undefined ? [] : [{ tenantId, spaceId, inputSeq: live.inputSeq, state: live.state }]
  })
  const kept = await completeInputs(tx, { day, spaces: ours, bases })
  for (const space of ours) {
    const inputs = kept.get(space.spaceId) ?? []
    const versions = new Set(inputs.map(({ policyVersion }) => policyVersion))
    // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
    await policies.load(
      tx,
      [...versions].map((version) => ({ tenantId: space.tenantId, version })),
    )
    // oxlint-disable-next-line no-await-in-loop -- the same process may be taking readings
    await letIoHappen()
    const state = foldOne(inputs, { from: bases.get(space.spaceId)?.state ?? undefined, space, policies })
    checkpoints.push({ tenantId: space.tenantId, spaceId: space.spaceId, inputSeq: space.upTo, state })
  }
  return checkpoints
}

function foldOne(
  inputs: readonly KeptInput[],
  { from, space, policies }: { from: SpaceState | undefined; space: UncheckedSpace; policies: PolicyCache },
): SpaceState {
  const folded = fold(inputs, { from, policyOf: (version) => policies.policyOf(space, version) })
  const other = folded.steps.find(
    ({ kept, stepped }) => (kept.recorded?.outcome ?? stepped.outcome) !== stepped.outcome,
  )
  if (other !== undefined) {
    throw notDropped(
      space,
      `input ${other.kept.inputSeq} was ${other.kept.recorded?.outcome} and folds to ${other.stepped.outcome}`,
    )
  }
  return folded.state
}

interface Concerned {
  day: string
  spaces: readonly UncheckedSpace[]
  bases: ReadonlyMap<string, FoldBase>
}

/** All inputs of each space from its base up to its last, found near the day, or else anywhere in the log. */
async function completeInputs(
  tx: SystemTransaction,
  { day, spaces, bases }: Concerned,
): Promise<Map<string, KeptInput[]>> {
  const wanted = spaces.map(({ spaceId, upTo }) => ({ spaceId, behind: bases.get(spaceId)?.behind ?? 0, upTo }))
  const kept = await keptInputs(tx, wanted, Date.parse(day) + dayMs + marginMs)
  const incomplete = wanted.filter((range) => missingIn(kept.get(range.spaceId) ?? [], range) !== undefined)
  if (incomplete.length === 0) return kept
  const whole = await keptInputs(tx, incomplete)
  for (const range of incomplete) {
    const inputs = whole.get(range.spaceId) ?? []
    const missing = missingIn(inputs, range)
    if (missing !== undefined) throw notDropped(range, `its input ${missing} is missing in the log`)
    kept.set(range.spaceId, inputs)
  }
  return kept
}

function missingIn(inputs: readonly KeptInput[], { behind, upTo = behind }: WantedInputs): number | undefined {
  const gap = inputs.findIndex(({ inputSeq }, index) => inputSeq !== behind + 1 + index)
  const found = gap === -1 ? inputs.length : gap
  return behind + found === upTo ? undefined : behind + found + 1
}

function notDropped({ spaceId }: { spaceId: string }, why: string): BaywireError {
  return new BaywireError(`no checkpoint of space ${spaceId}: ${why}`, {
    advice: 'its readings are kept; run `baywire replay --verify`',
  })
}
