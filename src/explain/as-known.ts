import { initialState, nextDeadline, type SpaceState } from '../occupancy/state.ts'
import { isNewer } from '../occupancy/evidence.ts'
import { rulesVersion } from '../occupancy/step.ts'
import { selectCalendarEvents } from '../store/explain-events.ts'
import { selectEvidence } from '../store/explain-readings.ts'
import { selectLogBegin, type ExplainedSpace, type SaidPolicy } from '../store/explain-space.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { fold, type Machine } from './as-shown.ts'
import { withCalendar } from './known-calendar.ts'
import { learned, nothingLearned, sourcesOf, type Learned } from './heartbeats.ts'
import { keepsItsFirst } from './base.ts'
import type { Instant, KnownInput } from './look-back.ts'
import { policyAt } from './policy-at.ts'
import { evidenceOf, isStepped, sameEvidence, type SteppedReading } from './refold.ts'

/**
 * The state at an instant by all that is known since: the readings in the order of their own times, late ones in their
 * places, what the calendar said by then, and the timers that were due. As parking sessions are projected
 * (occupancy/sessions.ts), of which this is one moment.
 */
export interface Known extends Machine {
  /** Since when what the evidence says holds; undefined where that is further back than was read. */
  readonly since: number | null | undefined
  /** The readings that it rests on, in the order of their evidence. */
  readonly evidence: readonly SteppedReading[]
}

export interface NotKept {
  /** From when on the log reaches back. */
  readonly explainableFrom: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const rowsPerPage = 50
const mostRows = 20_000

export async function asKnown(
  tx: TenantTransaction,
  { space, said, instant }: { space: ExplainedSpace; said: readonly SaidPolicy[]; instant: Instant },
): Promise<Known | NotKept> {
  const until = Math.min(instant.cutoff, instant.now)
  const calendar = await selectCalendarEvents(tx, { spaceId: space.id, until })
  const found = await enoughEvidence(tx, { space, said, until, upTo: instant.upTo ?? until })
  if ('explainableFrom' in found) return found
  const { evidence, from } = found
  const known = await learnedBefore(tx, { space, said, found, until })
  const machines = from.map((before) => {
    const sources = known.before.size === 0 ? before.sources : sourcesOf(known.before)
    const begun = withCalendar({ ...before, sources }, calendar)
    const machine = foldByEvidence(evidence, { from: begun, said, heartbeats: known.heartbeats })
    return { ...machine, state: fireUntil(machine.state, { until, said, policyVersion: machine.policyVersion }) }
  })
  const [machine, ...others] = machines as [Machine, ...Machine[]]
  const { since } = machine.state.facts
  const isKnown = others.every(({ state }) => state.facts.since === since)
  return { ...machine, since: isKnown ? since : undefined, evidence }
}

/** Whatever rules decided then: what is known now is judged by those of now. */
function foldByEvidence(
  evidence: readonly SteppedReading[],
  begin: { from: SpaceState; said: readonly SaidPolicy[]; heartbeats: ReadonlySet<string> },
): Machine {
  return fold(evidence.map(asInput), { ...begin, won: undefined, rulesVersion })
}

async function learnedBefore(
  tx: TenantTransaction,
  { space, said, found, until }: { space: ExplainedSpace; said: readonly SaidPolicy[]; found: Enough; until: number },
): Promise<Learned> {
  const { evidence, behind } = found
  const learning = evidence.filter(({ policyVersion }) => policyAt(said, policyVersion).learn_freshness)
  const [first] = evidence
  if (first === undefined || learning.length === 0) return nothingLearned
  return await learned(tx, space, {
    said,
    devices: new Set(learning.map(({ device }) => device)),
    order: 'observed_at',
    upTo: evidence.at(-1)?.observedAt ?? until,
    arrivedUntil: Math.max(...evidence.map(({ receivedAt }) => receivedAt)),
    beginsBehind: first.observedAt - 1,
    kept: behind,
  })
}

interface Enough {
  readonly evidence: readonly SteppedReading[]
  /** What the space may have held before them: they come to the same from each. */
  readonly from: readonly SpaceState[]
  /** What was dropped before all that is kept. */
  readonly behind: { readonly behind: number; readonly state: SpaceState } | undefined
}

/** As many of the last readings as say what the space held, whatever it held before them. */
async function enoughEvidence(
  tx: TenantTransaction,
  { space, said, until, upTo }: { space: ExplainedSpace; said: readonly SaidPolicy[]; until: number; upTo: number },
): Promise<Enough | NotKept> {
  let limit = rowsPerPage
  for (const arrivedAfter of [until - hourMs, until - dayMs, until - 8 * dayMs, -Infinity]) {
    for (let more = true; more && space.devices.length > 0; limit *= 4) {
      // oxlint-disable-next-line no-await-in-loop -- only where what was read is not enough
      const rows = await selectEvidence(tx, { space, until: upTo, arrivedAfter, limit })
      const evidence = rows.filter(isStepped).toSorted(byEvidence)
      if (isEnough(evidence, said)) {
        const [checkpoint] = space.checkpoints
        const behind = checkpoint && { behind: checkpoint.inputSeq, state: checkpoint.state }
        return { evidence, from: possibleBefore(evidence[0] as SteppedReading, said), behind }
      }
      more = rows.length === limit && limit < mostRows
      if (!more && arrivedAfter === -Infinity) return await fromTheBeginning(tx, { space, until, evidence })
    }
    limit = rowsPerPage
  }
  return await fromTheBeginning(tx, { space, until, evidence: [] })
}

async function fromTheBeginning(
  tx: TenantTransaction,
  { space, until, evidence }: { space: ExplainedSpace; until: number; evidence: readonly SteppedReading[] },
): Promise<Enough | NotKept> {
  const [checkpoint] = space.checkpoints
  if (checkpoint === undefined || (await keepsItsFirst(tx, space))) {
    return { evidence, from: [initialState], behind: undefined }
  }
  const explainableFrom = await selectLogBegin(tx)
  const newest = checkpoint.state.newest?.at ?? -Infinity
  if (explainableFrom !== undefined && (until < explainableFrom || until < newest)) {
    return { explainableFrom: Math.max(explainableFrom, newest) }
  }
  const behind = { behind: checkpoint.inputSeq, state: checkpoint.state }
  return { evidence, from: [checkpoint.state], behind }
}

/** Whether folding comes to the same evidence from whatever a space may have held before. */
function isEnough(evidence: readonly SteppedReading[], said: readonly SaidPolicy[]): boolean {
  const [first] = evidence
  if (first === undefined) return false
  const [one, ...others] = possibleBefore(first, said).map(
    (from) => foldByEvidence(evidence, { from, said, heartbeats: new Set() }).state,
  )
  return one !== undefined && others.every((other) => sameEvidence(one, other))
}

/** All that a space may have held, with and without a change that waits to be confirmed. */
function possibleBefore(first: SteppedReading, said: readonly SaidPolicy[]): SpaceState[] {
  const { debounce } = policyAt(said, first.policyVersion)
  const since = first.observedAt - 1
  const waiting = (['vacant', 'occupied'] as const).map((occupancy) => {
    const readings = Math.max(1, (debounce?.readings ?? 1) - 1)
    return { occupancy, since, readings, confirmAt: since + (debounce?.hold_s ?? 0) * 1000 }
  })
  const candidates = debounce === null ? [null] : [null, ...waiting]
  return (['unknown', 'vacant', 'occupied'] as const).flatMap((occupancy) =>
    candidates
      .filter((candidate) => candidate?.occupancy !== occupancy)
      .map((candidate) => ({ ...initialState, facts: { ...initialState.facts, occupancy, candidate } })),
  )
}

function byEvidence(a: SteppedReading, b: SteppedReading): number {
  if (isNewer(evidenceOf(a), evidenceOf(b))) return 1
  return isNewer(evidenceOf(b), evidenceOf(a)) ? -1 : a.inputSeq - b.inputSeq
}

function asInput(reading: SteppedReading): KnownInput {
  return { kind: 'reading', seq: reading.inputSeq, recordedAt: reading.countsFrom, reading }
}

function fireUntil(
  state: SpaceState,
  { until, said, policyVersion }: { until: number; said: readonly SaidPolicy[]; policyVersion: number },
): SpaceState {
  const due = nextDeadline(state)
  if (due === null || due.at > until) return state
  const input = { kind: 'deadline', deadline: due.deadline, at: until } as const
  const other = { inputSeq: 0, recordedAt: until, policyVersion, rulesVersion, input }
  const inputs: KnownInput[] = [{ kind: 'other', seq: 0, recordedAt: until, other }]
  return fold(inputs, { from: state, won: undefined, said, heartbeats: new Set(), rulesVersion }).state
}
