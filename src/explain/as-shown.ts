import type { Policy } from '../occupancy/policy.ts'
import { initialState, type Candidate, type SpaceState } from '../occupancy/state.ts'
import type { Step } from '../occupancy/step.ts'
import { selectReservationEvents, type EventOfSpace } from '../store/explain-events.ts'
import type { ExplainedSpace, SaidPolicy } from '../store/explain-space.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import type { KnownInput, LookedBack } from './look-back.ts'
import { keyOf, learned, nothingLearned, type Learned } from './heartbeats.ts'
import { policyUnder } from './policy-at.ts'
import { asRecorded, stateAfterAnchor, stepOther, stepReading, type SteppedReading } from './refold.ts'

/** The state machine of a space as it was, and the reading that its occupancy rests on. */
export interface Machine {
  readonly state: SpaceState
  /** The reading that what the space held rests on; undefined where none is kept. */
  readonly won: SteppedReading | undefined
  /** Of the last input. */
  readonly policyVersion: number
  /** Of the last input; null where none is known. */
  readonly rulesVersion: number | null
  /** What waited to be confirmed after a reading that was not enough, by the reading's place. */
  readonly waited: ReadonlyMap<number, Candidate>
}

/** As it was shown: the inputs in the order in which they were stepped. Undefined where the log does not reach back. */
export async function asShown(
  tx: TenantTransaction,
  { space, back, said }: { space: ExplainedSpace; back: LookedBack; said: readonly SaidPolicy[] },
): Promise<Machine | undefined> {
  const { anchor, base, inputs } = back
  const inputSeq = anchor?.inputSeq ?? base?.inputSeq
  if (inputSeq === undefined) return undefined
  const behind = inputs.filter(({ seq }) => seq > inputSeq)
  const known = await learnedBehind(tx, { space, back, said, inputSeq, behind })
  const from = base?.state ?? (await atAnchor(tx, { space, back, said, known }))
  return fold(behind, { from, won: anchor, said, heartbeats: known.heartbeats, shown: shownBy(back) })
}

/** What a space showed after each of its inputs, by the events up to then. */
function shownBy({ events, begunWith }: LookedBack): Shown {
  const bySeq = new Map(events.map((event) => [event.inputSeq, event]))
  return { before: begunWith, bySeq }
}

async function learnedBehind(
  tx: TenantTransaction,
  { space, back, said, inputSeq, behind }: Looked & { inputSeq: number; behind: readonly KnownInput[] },
): Promise<Learned> {
  const { anchor } = back
  const read = behind.flatMap((input) => (input.kind === 'reading' ? [input.reading] : []))
  const deciding = [...(anchor === undefined ? [] : [anchor]), ...read.filter(({ outcome }) => outcome !== 'late')]
  const learning = deciding.filter((reading) => policyUnder(said, reading).learn_freshness)
  if (learning.length === 0) return nothingLearned
  // Of the newest evidence what was learned is known.
  if (anchor !== undefined && deciding.length === 1 && isNewest(anchor, space)) {
    const sources = space.live?.sources ?? []
    return {
      before: new Map(sources.flatMap(({ device, heartbeats }) => (heartbeats ? [[device, heartbeats] as const] : []))),
      heartbeats: new Set(),
    }
  }
  const kept = space.checkpoints.find((checkpoint) => checkpoint.inputSeq <= inputSeq)
  return await learned(tx, space, {
    said,
    devices: new Set(learning.map(({ device }) => device)),
    order: 'input_seq',
    upTo: behind.at(-1)?.seq ?? inputSeq,
    arrivedUntil: Math.max(...deciding.map(({ receivedAt }) => receivedAt)),
    beginsBehind: inputSeq,
    kept: kept && { behind: kept.inputSeq, state: kept.state },
  })
}

function isNewest({ observedAt, device, session, counter }: SteppedReading, { live }: ExplainedSpace): boolean {
  const newest = live?.newest
  return (
    newest != null &&
    newest.at === observedAt &&
    newest.device === device &&
    newest.session === (session ?? '') &&
    newest.counter === counter
  )
}

interface Looked {
  readonly space: ExplainedSpace
  readonly back: LookedBack
  readonly said: readonly SaidPolicy[]
}

async function atAnchor(
  tx: TenantTransaction,
  { space, back, said, known }: Looked & { known: Learned },
): Promise<SpaceState> {
  const { anchor, begunWith: event } = back
  if (anchor === undefined) throw new Error('there is no anchor')
  const isReserved = event !== undefined && event.state.reservation !== 'none'
  const reservation = isReserved
    ? reservationOf(await selectReservationEvents(tx, { spaceId: space.id, upTo: anchor.inputSeq }))
    : { id: null, checkedIn: false }
  const checkpoint = space.checkpoints.find(({ inputSeq }) => inputSeq <= anchor.inputSeq)
  const surroundings = {
    policy: policyUnder(said, anchor),
    reservation,
    learned: known.before,
    earlier: checkpoint?.state ?? initialState,
  }
  return stateAfterAnchor(anchor, { ...surroundings, event })
}

/** @param events of reservations and others, the newest first */
export function reservationOf(events: readonly EventOfSpace[]): { id: string | null; checkedIn: boolean } {
  const id = events.map(idOf).find((one) => one !== null) ?? null
  return { id, checkedIn: events.some((event) => idOf(event) === id && event.kind === 'checked_in') }
}

function idOf(event: EventOfSpace | undefined): string | null {
  return event?.cause.type === 'reservation' ? event.cause.id : null
}

interface Shown {
  readonly before: EventOfSpace | undefined
  readonly bySeq: ReadonlyMap<number, EventOfSpace>
}

interface Beginning {
  readonly from: SpaceState
  readonly won: SteppedReading | undefined
  readonly said: readonly SaidPolicy[]
  /** Keys of the readings among the inputs that are heartbeats. */
  readonly heartbeats: ReadonlySet<string>
  /** What was shown when it begins, and after inputs that brought events about: it goes above what is folded. */
  readonly shown?: Shown
  /** By what rules all is stepped, where not by those that decided then. */
  readonly rulesVersion?: number
}

/** Pure. @param inputs in the order in which they count */
export function fold(inputs: readonly KnownInput[], { from, won: first, said, ...how }: Beginning): Machine {
  let state = from
  let won = first
  /** Of a candidate that waits: the reading that began it. */
  let candidate: SteppedReading | undefined
  let event = how.shown?.before
  let policyVersion = first?.policyVersion ?? 0
  let rulesVersion = first?.rulesVersion ?? null
  const waited = new Map<number, Candidate>()
  for (const input of inputs) {
    const decided = input.kind === 'reading' ? input.reading : input.other
    ;({ policyVersion, rulesVersion } = decided)
    const policy = policyUnder(said, { policyVersion, rulesVersion: how.rulesVersion ?? rulesVersion })
    const before = state
    const stepped = stepInput(state, input, { policy, heartbeats: how.heartbeats })
    event = how.shown?.bySeq.get(input.seq) ?? event
    state = event === undefined ? stepped.state : asRecorded(stepped.state, event.state, idOf(event))
    // A hold that passed may be noticed before the reading that follows it.
    if (stepped.events.some(({ rule }) => rule === 'debounce_hold')) won = candidate ?? won
    if (input.kind !== 'reading') continue
    if (stepped.outcome === 'applied' || stepped.outcome === 'unchanged') won = input.reading
    const held = state.facts.candidate
    if (held !== null && stepped.outcome === 'debouncing') waited.set(input.seq, held)
    if (held !== null && held.since !== before.facts.candidate?.since) candidate = input.reading
  }
  return { state, won, policyVersion, rulesVersion, waited }
}

function stepInput(
  state: SpaceState,
  input: KnownInput,
  { policy, heartbeats }: { policy: Policy; heartbeats: ReadonlySet<string> },
): Step {
  if (input.kind === 'other') return stepOther(state, input.other.input, policy)
  const { reading } = input
  return stepReading(state, { reading, heartbeat: heartbeats.has(keyOf(reading)), policy })
}
