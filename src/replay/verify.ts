import { isDeepStrictEqual } from 'node:util'
import { projectSessions } from '../occupancy/sessions.ts'
import { nextDeadline, visibleState } from '../occupancy/state.ts'
import { PolicyCache } from '../store/policies.ts'
import { readRecorded, steppedSpaceIds, type RecordedEvent, type RecordedSpace } from '../store/recorded-spaces.ts'
import { eventState } from '../store/space-rows.ts'
import type { SystemDatabase, SystemTransaction } from '../store/transactions.ts'
import { fold, type Folded } from './fold.ts'
import { keptInputs, type KeptInput } from './kept-inputs.ts'

/** Where folding the kept inputs again comes to something else than was recorded live. */
export interface Difference {
  /** tenant/site/space */
  readonly space: string
  readonly input_seq: number | null
  readonly what: 'input_seq' | 'outcome' | 'event' | 'state' | 'columns' | 'session'
  readonly recorded: unknown
  readonly replayed: unknown
}

export interface Verification {
  readonly spaces: number
  readonly inputs: number
  readonly first_difference: Difference | null
}

/** Spaces whose inputs are in memory at a time: each time the log is read once. */
const spacesAtATime = 2000

/**
 * Folds all kept inputs again and compares outcomes, states, events and parking sessions with what was recorded live
 * (all but ids and `recorded_at`). It is the test that the design holds: equal, or the first difference.
 * Reads as of one moment, so it may run beside a live ingest.
 */
export async function verify(
  database: SystemDatabase,
  { tenantId, onProgress }: { tenantId?: string | undefined; onProgress?: (done: number, of: number) => void } = {},
): Promise<Verification> {
  return await database.withSnapshot(async (tx) => {
    const policies = new PolicyCache()
    const spaceIds = await steppedSpaceIds(tx, tenantId)
    let inputs = 0
    for (let start = 0; start < spaceIds.length; start += spacesAtATime) {
      const chunk = spaceIds.slice(start, start + spacesAtATime)
      const checked = await verifySpaces(tx, { spaceIds: chunk, policies })
      inputs += checked.inputs
      if (checked.difference !== undefined)
        return { spaces: spaceIds.length, inputs, first_difference: checked.difference }
      onProgress?.(start + chunk.length, spaceIds.length)
    }
    return { spaces: spaceIds.length, inputs, first_difference: null }
  })
}

async function verifySpaces(
  tx: SystemTransaction,
  { spaceIds, policies }: { spaceIds: string[]; policies: PolicyCache },
): Promise<{ inputs: number; difference?: Difference }> {
  const recorded = await readRecorded(tx, spaceIds)
  const kept = await keptInputs(
    tx,
    recorded.map((space) => ({ spaceId: space.spaceId, behind: behindOf(space) })),
  )
  let inputs = 0
  for (const space of recorded) {
    const ofSpace = kept.get(space.spaceId) ?? []
    const behind = behindOf(space)
    const versions = [...new Set(ofSpace.map(({ policyVersion }) => policyVersion))]
    await policies.load(
      tx,
      versions.map((version) => ({ tenantId: space.tenantId, version })),
    )
    const folded = fold(ofSpace, {
      from: space.checkpoint?.state,
      policyOf: (version) => policies.policyOf(space, version),
    })
    inputs += ofSpace.length
    const difference = differenceOf(space, { inputs: ofSpace, folded, behind })
    if (difference !== undefined) return { inputs, difference }
  }
  return { inputs }
}

function behindOf({ checkpoint }: RecordedSpace): number {
  return checkpoint?.inputSeq ?? 0
}

interface Refolded {
  inputs: readonly KeptInput[]
  folded: Folded
  /** Input after which the fold began. */
  behind: number
}

function differenceOf(space: RecordedSpace, refolded: Refolded): Difference | undefined {
  return (
    inputDifference(space, refolded) ??
    outcomeDifference(space, refolded) ??
    eventDifference(space, refolded) ??
    stateDifference(space, refolded) ??
    sessionDifference(space, refolded)
  )
}

function inputDifference(space: RecordedSpace, { inputs, behind }: Refolded): Difference | undefined {
  const gap = inputs.findIndex(({ inputSeq }, index) => inputSeq !== behind + 1 + index)
  const wanted = gap === -1 ? inputs.length + behind + 1 : behind + 1 + gap
  if (gap === -1 && wanted === space.inputSeq + 1) return undefined
  const found = gap === -1 ? null : (inputs[gap]?.inputSeq ?? null)
  return { space: space.path, input_seq: wanted, what: 'input_seq', recorded: space.inputSeq, replayed: found }
}

function outcomeDifference(space: RecordedSpace, { folded }: Refolded): Difference | undefined {
  for (const { kept, stepped } of folded.steps) {
    if (kept.recorded === undefined) continue
    const replayed = { outcome: stepped.outcome, observedAt: stepped.observed?.at, clock: stepped.observed?.clock }
    if (isDeepStrictEqual(replayed, kept.recorded)) continue
    return { space: space.path, input_seq: kept.inputSeq, what: 'outcome', recorded: kept.recorded, replayed }
  }
  return undefined
}

function eventDifference(space: RecordedSpace, { folded, behind }: Refolded): Difference | undefined {
  const recorded = space.events.filter((event) => event.input_seq > behind)
  const replayed = folded.events.map(({ inputSeq, ordinal, event }): RecordedEvent => ({
    input_seq: inputSeq,
    ordinal,
    kind: event.kind,
    event_time: new Date(event.eventTime).toISOString(),
    cause: event.cause,
    rule: event.rule,
    state: eventState(event),
  }))
  for (let index = 0; index < Math.max(recorded.length, replayed.length); index++) {
    const [was, is] = [recorded[index] ?? null, replayed[index] ?? null]
    if (isDeepStrictEqual(was, is)) continue
    const inputSeq = was?.input_seq ?? is?.input_seq ?? null
    return { space: space.path, input_seq: inputSeq, what: 'event', recorded: was, replayed: is }
  }
  return undefined
}

function stateDifference(space: RecordedSpace, { folded }: Refolded): Difference | undefined {
  const { state } = folded
  const difference = { space: space.path, input_seq: space.inputSeq }
  // Through JSON, as the recorded one went: it drops what is undefined.
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(state)), space.state)) {
    return { ...difference, what: 'state', recorded: space.state, replayed: state }
  }
  const columns = { ...visibleState(state), next_deadline_at: nextDeadline(state)?.at ?? null }
  if (isDeepStrictEqual(columns, { ...space.columns })) return undefined
  return { ...difference, what: 'columns', recorded: space.columns, replayed: columns }
}

/**
 * Sessions are compared where the log is whole and nothing was debounced: a late reading may take away the
 * confirmation of a change that the live state, which never goes back, already made.
 */
function sessionDifference(space: RecordedSpace, { folded, behind }: Refolded): Difference | undefined {
  if (behind > 0 || folded.readings.some(({ policy }) => policy.debounce !== null)) return undefined
  const replayed = projectSessions(folded.readings, folded.state.facts)
  if (isDeepStrictEqual(replayed, [...space.sessions])) return undefined
  return { space: space.path, input_seq: null, what: 'session', recorded: space.sessions, replayed }
}
