import { initialState, type Candidate, type SpaceState } from '../occupancy/state.ts'
import { selectReservationEvents, type EventOfSpace } from '../store/explain-events.ts'
import type { ExplainedSpace, SaidPolicy } from '../store/explain-space.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import type { KnownInput, LookedBack } from './look-back.ts'
import { policyAt, stateAfterAnchor, stepOther, stepReading, type SteppedReading } from './refold.ts'

/** The state machine of a space as it was, and the reading that its occupancy rests on. */
export interface Machine {
  readonly state: SpaceState
  /** The reading that what the space held rests on; undefined where none is kept. */
  readonly won: SteppedReading | undefined
  /** Of the last input. */
  readonly policyVersion: number
  /** What waited to be confirmed after a reading that was not enough, by the reading's place. */
  readonly waited: ReadonlyMap<number, Candidate>
}

/** As it was shown: the inputs in the order in which they were stepped. Undefined where the log does not reach back. */
export async function asShown(
  tx: TenantTransaction,
  { space, back, said }: { space: ExplainedSpace; back: LookedBack; said: readonly SaidPolicy[] },
): Promise<Machine | undefined> {
  const { anchor, base, inputs } = back
  const begun =
    anchor === undefined ? base : { inputSeq: anchor.inputSeq, state: await atAnchor(tx, { space, back, said }) }
  if (begun === undefined) return undefined
  const behind = inputs.filter(({ seq }) => seq > begun.inputSeq)
  return fold(behind, { from: begun.state, won: anchor, said })
}

async function atAnchor(
  tx: TenantTransaction,
  { space, back, said }: { space: ExplainedSpace; back: LookedBack; said: readonly SaidPolicy[] },
): Promise<SpaceState> {
  const { anchor, anchorEvent: event } = back
  if (anchor === undefined) throw new Error('there is no anchor')
  const isReserved = event !== undefined && event.state.reservation !== 'none'
  const reservation = isReserved
    ? reservationOf(await selectReservationEvents(tx, { spaceId: space.id, upTo: anchor.inputSeq }))
    : { id: null, checkedIn: false }
  const [checkpoint] = space.checkpoints
  const surroundings = {
    policy: policyAt(said, anchor.policyVersion),
    reservation,
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

interface Beginning {
  readonly from: SpaceState
  readonly won: SteppedReading | undefined
  readonly said: readonly SaidPolicy[]
}

/** Pure. @param inputs in the order in which they count */
export function fold(inputs: readonly KnownInput[], { from, won: first, said }: Beginning): Machine {
  let state = from
  let won = first
  /** Of a candidate that waits: the reading that began it. */
  let candidate: SteppedReading | undefined
  let policyVersion = first?.policyVersion ?? 0
  const waited = new Map<number, Candidate>()
  for (const input of inputs) {
    policyVersion = input.kind === 'reading' ? input.reading.policyVersion : input.other.policyVersion
    const policy = policyAt(said, policyVersion)
    const before = state
    const stepped =
      input.kind === 'reading' ? stepReading(state, input.reading, policy) : stepOther(state, input.other.input, policy)
    state = stepped.state
    // A hold that passed may be noticed before the reading that follows it.
    if (stepped.events.some(({ rule }) => rule === 'debounce_hold')) won = candidate ?? won
    if (input.kind !== 'reading') continue
    if (stepped.outcome === 'applied' || stepped.outcome === 'unchanged') won = input.reading
    const held = state.facts.candidate
    if (held !== null && stepped.outcome === 'debouncing') waited.set(input.seq, held)
    if (held !== null && held.since !== before.facts.candidate?.since) candidate = input.reading
  }
  return { state, won, policyVersion, waited }
}
