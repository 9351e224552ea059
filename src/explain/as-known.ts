import { initialState, nextDeadline, type SpaceState } from '../occupancy/state.ts'
import { isNewer } from '../occupancy/evidence.ts'
import { selectCalendarEvents, type EventOfSpace } from '../store/explain-events.ts'
import { selectEvidence } from '../store/explain-readings.ts'
import { selectLogBegin, type ExplainedSpace, type SaidPolicy } from '../store/explain-space.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { fold, reservationOf, type Machine } from './as-shown.ts'
import type { Instant, KnownInput } from './look-back.ts'
import { evidenceOf, isStepped, policyAt, sameEvidence, type SteppedReading } from './refold.ts'

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
  const found = await enoughEvidence(tx, { space, said, until })
  if ('explainableFrom' in found) return found
  const { evidence, from } = found
  const machines = from.map((before) => {
    const machine = fold(evidence.map(asInput), { from: withCalendar(before, calendar), won: undefined, said })
    return { ...machine, state: fireUntil(machine.state, { until, said, policyVersion: machine.policyVersion }) }
  })
  const [machine, ...others] = machines as [Machine, ...Machine[]]
  const { since } = machine.state.facts
  const isKnown = others.every(({ state }) => state.facts.since === since)
  return { ...machine, since: isKnown ? since : undefined, evidence }
}

/** The calendar is not revised by evidence: what it last said holds. */
function withCalendar(state: SpaceState, events: readonly EventOfSpace[]): SpaceState {
  const [last] = events
  if (last === undefined)
    return { ...state, reservation: initialState.reservation, override: 'none', calendarSince: null }
  const { reservation: fact, override, since } = last.state
  const isCovered = fact !== 'none' || override !== 'none'
  return {
    ...state,
    reservation: fact === 'none' ? initialState.reservation : { fact, ...reservationOf(events) },
    override,
    calendarSince: isCovered && since !== null ? Date.parse(since) : last.eventTime,
  }
}

interface Enough {
  readonly evidence: readonly SteppedReading[]
  /** What the space may have held before them: they come to the same from each. */
  readonly from: readonly SpaceState[]
}

/** As many of the last readings as say what the space held, whatever it held before them. */
async function enoughEvidence(
  tx: TenantTransaction,
  { space, said, until }: { space: ExplainedSpace; said: readonly SaidPolicy[]; until: number },
): Promise<Enough | NotKept> {
  let limit = rowsPerPage
  for (const arrivedAfter of [until - hourMs, until - dayMs, until - 8 * dayMs, -Infinity]) {
    for (let more = true; more && space.devices.length > 0; limit *= 4) {
      // oxlint-disable-next-line no-await-in-loop -- only where what was read is not enough
      const rows = await selectEvidence(tx, { space, until, arrivedAfter, limit })
      const evidence = rows.filter(isStepped).toSorted(byEvidence)
      if (isEnough(evidence, said)) return { evidence, from: possibleBefore(evidence[0] as SteppedReading, said) }
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
  if (checkpoint === undefined) return { evidence, from: [initialState] }
  const explainableFrom = await selectLogBegin(tx)
  if (explainableFrom !== undefined && until < explainableFrom) return { explainableFrom }
  return { evidence, from: [{ ...checkpoint.state, sources: [] }] }
}

/** Whether folding comes to the same evidence from whatever a space may have held before. */
function isEnough(evidence: readonly SteppedReading[], said: readonly SaidPolicy[]): boolean {
  const [first] = evidence
  if (first === undefined) return false
  const inputs = evidence.map(asInput)
  const [one, ...others] = possibleBefore(first, said).map((from) => fold(inputs, { from, won: undefined, said }).state)
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
  const other = { inputSeq: 0, recordedAt: until, policyVersion, input }
  return fold([{ kind: 'other', seq: 0, recordedAt: until, other }], { from: state, won: undefined, said }).state
}
