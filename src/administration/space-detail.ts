import { requirePermission, type Actor } from '../auth/principal.ts'
import type { Policy } from '../occupancy/policy.ts'
import { evidenceWord, nextDeadline, type SpaceState } from '../occupancy/state.ts'
import { selectOverrideInForce, type Override } from '../store/overrides.ts'
import { effectiveAt } from '../store/policy-versions.ts'
import { selectLastEvent, selectMachine, selectSpace, type LastEvent, type Space } from '../store/spaces.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { notFound } from './place-refusals.ts'

/** Why a space shows what it shows: the facts behind its status, and what will change it next. Times in epoch milliseconds. */
export interface Explanation {
  decidedBy: 'override' | 'reservation' | 'occupancy'
  /** The same in a sentence. */
  because: string
  evidence: { at: number; device: string } | null
  /** A change that waits to be confirmed. */
  candidate: { occupancy: 'vacant' | 'occupied'; since: number; readings: number; confirmAt: number } | null
  staleAt: number | null
  unknownAt: number | null
  override: Override | null
  policyVersion: number
  policy: Policy
  nextDeadline: ReturnType<typeof nextDeadline>
  lastEvent: LastEvent | null
}

export interface ExplainedSpace {
  space: Space
  why: Explanation | null
}

export async function readSpace(tx: TenantTransaction, actor: Actor, id: string): Promise<ExplainedSpace> {
  requirePermission(actor, 'places:read')
  return await explainSpace(tx, id)
}

export async function explainSpace(tx: TenantTransaction, id: string): Promise<ExplainedSpace> {
  const space = await selectSpace(tx, id)
  if (space === undefined) throw notFound()
  const machine = await selectMachine(tx, id)
  return { space, why: machine === undefined ? null : await whyOf(tx, space, machine) }
}

async function whyOf(
  tx: TenantTransaction,
  { id, siteId }: Space,
  { state, policyVersion }: { state: SpaceState; policyVersion: number },
): Promise<Explanation> {
  const override = (await selectOverrideInForce(tx, id)) ?? null
  const { policy } = await effectiveAt(tx, { version: policyVersion, siteId, spaceId: id })
  const lastEvent = (await selectLastEvent(tx, id)) ?? null
  const { facts, newest, staleAt, unknownAt } = state
  return {
    ...decisionOf(state, override),
    evidence: newest && { at: newest.at, device: newest.device },
    candidate: facts.candidate,
    staleAt,
    unknownAt,
    override,
    policyVersion,
    policy,
    nextDeadline: nextDeadline(state),
    lastEvent,
  }
}

function decisionOf(state: SpaceState, override: Override | null): Pick<Explanation, 'decidedBy' | 'because'> {
  if (state.override !== 'none') {
    const until = override?.endsAt ? `until ${override.endsAt.toISOString()}` : 'until it is ended'
    const done = state.override === 'blocked' ? 'blocked' : 'taken out of service'
    return { decidedBy: 'override', because: `It was ${done}, ${until}; an override goes above all else.` }
  }
  if (state.reservation.fact !== 'none') {
    const when = state.reservation.fact === 'soon' ? 'begins soon' : 'is active'
    return { decidedBy: 'reservation', because: `A reservation ${when}; it goes above what sensors say.` }
  }
  return { decidedBy: 'occupancy', because: evidenceSentence(state) }
}

function evidenceSentence({ facts, newest }: SpaceState): string {
  if (newest === null) return 'No sensor was ever heard, and silence is never shown as free.'
  const at = new Date(newest.at).toISOString()
  const said = { free: 'vacant', occupied: 'occupied' } as const
  const word = evidenceWord(facts)
  if (word !== 'unknown') {
    const old = facts.stale ? ', and it has been silent for longer than it should' : ''
    return `The newest evidence, of ${at}, confirms that it is ${said[word]}${old}.`
  }
  if (facts.occupancy === 'vacant') return `It was vacant, but the newest evidence, of ${at}, is too old to promise it.`
  if (facts.candidate !== null) return `The newest evidence, of ${at}, is not confirmed yet.`
  return `The newest evidence, of ${at}, is too old to say anything.`
}
