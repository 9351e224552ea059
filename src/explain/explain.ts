import { requirePermission, type Actor } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import type { Policy } from '../occupancy/policy.ts'
import { nextDeadline, visibleState, type SpaceState, type VisibleState } from '../occupancy/state.ts'
import { Refusal } from '../refusal.ts'
import {
  selectOverrideAt,
  selectReservationNamed,
  type ExplainedOverride,
  type ExplainedReservation,
} from '../store/explain-calendar.ts'
import type { EventOfSpace } from '../store/explain-events.ts'
import { selectPayloads, type HeardReading, type StoredPayload } from '../store/explain-readings.ts'
import {
  selectExplainedSpace,
  selectSaidPolicies,
  type ExplainedSpace,
  type WantedSpace,
} from '../store/explain-space.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { asKnown } from './as-known.ts'
import { asShown, type Machine } from './as-shown.ts'
import { lookBack, type KnownInput } from './look-back.ts'
import { lostOf, type Lost } from './lost.ts'
import { policyAt } from './policy-at.ts'
import type { SteppedReading } from './refold.ts'

/** Why a space showed what it showed. Times in epoch milliseconds. */
export interface Explanation {
  readonly space: ExplainedSpace
  readonly at: number
  readonly asKnownNow: boolean
  /** Null where the log does not reach back to this instant. */
  readonly state: VisibleState | null
  readonly machine: Machine | undefined
  /** The last change that was shown then. */
  readonly event: EventOfSpace | undefined
  /** What was shown then, beside what is known now. */
  readonly shown: VisibleState | null
  readonly lost: readonly Lost[]
  /** Of messages whose bytes stand elsewhere in the log. */
  readonly payloads: ReadonlyMap<string, StoredPayload>
  readonly override: ExplainedOverride | undefined
  readonly reservation: ExplainedReservation | undefined
  readonly policy: { readonly version: number; readonly fields: Policy }
  readonly nextTimer: NextTimer | null
  readonly inputs: readonly KnownInput[]
  readonly events: readonly EventOfSpace[]
  /** From when on the log reaches back, where that is after the instant. */
  readonly explainableFrom: number | undefined
}

export interface NextTimer {
  readonly timer: 'debounce_hold' | 'sensor_timeout' | 'unknown_after' | 'override_end' | 'reservation_end'
  readonly at: number
}

export interface Question {
  readonly space: WantedSpace
  /** Epoch milliseconds; without it, now. */
  readonly at: number | undefined
  readonly asKnownNow: boolean
  readonly clock: Clock
}

export async function explainFor(tx: TenantTransaction, actor: Actor, question: Question): Promise<Explanation> {
  requirePermission(actor, 'readings:read')
  const explained = await explain(tx, question)
  if (explained === undefined) throw new Refusal('not_found', 'There is nothing at this URL.')
  return explained
}

/** Undefined where there is no such space. */
export async function explain(
  tx: TenantTransaction,
  { space: wanted, at, asKnownNow, clock }: Question,
): Promise<Explanation | undefined> {
  const now = clock.now()
  if (at !== undefined && at > now) throw notYet()
  const space = await selectExplainedSpace(tx, wanted)
  if (space === undefined) return undefined
  const [said, back] = await Promise.all([
    selectSaidPolicies(tx, space),
    lookBack(tx, space, { cutoff: at ?? Infinity, now }),
  ])
  const shownMachine = await asShown(tx, { space, back, said })
  const shown = shownOf(shownMachine, back.shown)
  const instant = { cutoff: at ?? now, now, ...(at === undefined ? { upTo: Infinity } : {}) }
  const known = asKnownNow ? await asKnown(tx, { space, said, instant }) : undefined
  const machine = known === undefined ? shownMachine : 'explainableFrom' in known ? undefined : known
  const state = known === undefined ? shown : 'explainableFrom' in known ? null : knownState(known, shown)
  const { override, reservation } = await inForce(tx, { space, state: machine?.state, at: instant.cutoff })
  const lost = await lostOf(tx, { space, back, machine, until: instant.cutoff })
  const version = machine?.policyVersion ?? said.at(-1)?.version ?? 0
  return {
    space,
    at: instant.cutoff,
    asKnownNow,
    state,
    machine,
    event: back.shown,
    shown,
    lost,
    payloads: await payloadsOf(tx, [machine?.won, ...lost.map(({ reading }) => reading)]),
    override,
    reservation,
    policy: { version, fields: policyAt(said, version) },
    nextTimer: machine === undefined ? null : nextTimerOf(machine.state, { override, reservation }),
    inputs: known !== undefined && 'evidence' in known ? known.evidence.map(byItsOwnTime) : back.inputs,
    events: back.events,
    explainableFrom: known !== undefined && 'explainableFrom' in known ? known.explainableFrom : back.explainableFrom,
  }
}

function byItsOwnTime(reading: SteppedReading): KnownInput {
  return { kind: 'reading', seq: reading.inputSeq, recordedAt: reading.observedAt, reading }
}

function notYet(): Refusal {
  return new Refusal('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'at', message: 'lies in the future: what will be shown then nobody knows' }],
  })
}

/** What the last event says that people saw, and of which evidence the machine knows; without one, what the machine comes to. */
function shownOf(machine: Machine | undefined, event: EventOfSpace | undefined): VisibleState | null {
  if (event === undefined) return machine === undefined ? null : visibleState(machine.state)
  const { since, observed_at: observedAt, ...shown } = event.state
  const newest = machine?.state.newest?.at ?? (observedAt === null ? null : Date.parse(observedAt))
  return { ...shown, since: since === null ? null : Date.parse(since), observed_at: newest }
}

function knownState(
  { state, since }: { state: SpaceState; since: number | null | undefined },
  shown: VisibleState | null,
): VisibleState {
  const visible = visibleState(state)
  const isCovered = visible.override !== 'none' || visible.reservation !== 'none'
  const sameAsShown = shown?.status === visible.status ? shown.since : null
  return {
    ...visible,
    since: since === undefined && !isCovered ? sameAsShown : visible.since,
    version: shown?.version ?? 0,
  }
}

async function inForce(
  tx: TenantTransaction,
  { space, state, at }: { space: ExplainedSpace; state: SpaceState | undefined; at: number },
): Promise<Pick<Explanation, 'override' | 'reservation'>> {
  const named = state?.reservation.id ?? null
  const [override, reservation] = await Promise.all([
    state === undefined || state.override === 'none' ? undefined : selectOverrideAt(tx, { spaceId: space.id, at }),
    named === null ? undefined : selectReservationNamed(tx, named),
  ])
  return { override, reservation }
}

async function payloadsOf(
  tx: TenantTransaction,
  readings: readonly (HeardReading | undefined)[],
): Promise<ReadonlyMap<string, StoredPayload>> {
  return await selectPayloads(
    tx,
    readings.filter((reading) => reading !== undefined).filter(({ payload }) => payload === null),
  )
}

function nextTimerOf(
  state: SpaceState,
  { override, reservation }: Pick<Explanation, 'override' | 'reservation'>,
): NextTimer | null {
  const evidence = nextDeadline(state)
  const timers: (NextTimer | undefined)[] = [
    evidence === null ? undefined : { timer: evidence.deadline, at: evidence.at },
    typeof override?.endsAt === 'number' ? { timer: 'override_end', at: override.endsAt } : undefined,
    reservation === undefined ? undefined : { timer: 'reservation_end', at: reservation.endsAt },
  ]
  const [first] = timers.filter((timer) => timer !== undefined).toSorted((a, b) => a.at - b.at)
  return first ?? null
}
