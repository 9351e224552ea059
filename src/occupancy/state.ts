import type { Heartbeats } from './freshness.ts'
import type { EvidenceDeadline, Override } from './input.ts'

/**
 * The state of a space: what `step` steps from. It is stored as JSON, so it is made of plain values only;
 * times are epoch milliseconds.
 */
export type Occupancy = 'unknown' | 'vacant' | 'occupied'
export type ReservationFact = 'none' | 'soon' | 'active'
export type Status = 'out_of_service' | 'blocked' | 'reserved' | 'occupied' | 'free' | 'unknown'

/** A change not yet confirmed by the policy. */
export interface Candidate {
  readonly occupancy: 'vacant' | 'occupied'
  readonly since: number
  readonly readings: number
  readonly confirmAt: number
}

/** What evidence and its deadlines decide: the part of the state that a withdrawn deadline gives back. */
export interface EvidenceFacts {
  readonly occupancy: Occupancy
  readonly stale: boolean
  readonly candidate: Candidate | null
  /** Since when the word that these facts make (free, occupied, unknown) holds. */
  readonly since: number | null
}

/** Place of a reading in the order of evidence: by time, then session, then device, as text; then counter. */
export interface Evidence {
  readonly at: number
  readonly session: string
  readonly device: string
  readonly counter: number | null
}

/** The furthest that one device has come at this space: what tells a clock that runs backwards. */
export interface Source {
  readonly device: string
  readonly session: string
  readonly counter: number | null
  readonly at: number
  /** The furthest time that it sent while that was ahead of ours; null where its clock was never ahead. */
  readonly aheadUntil: number | null
  /** Of a device that sends some; left out where the state is stored without. */
  readonly heartbeats?: Heartbeats | undefined
}

/** A deadline that fired behind the newest evidence, with what was before it: it may yet be withdrawn. */
export interface FiredDeadline {
  readonly deadline: EvidenceDeadline
  readonly at: number
  readonly before: EvidenceFacts
}

export interface SpaceState {
  readonly facts: EvidenceFacts
  readonly newest: Evidence | null
  /** One a device; a list, because objects that are keyed by codes cost a shape each. */
  readonly sources: readonly Source[]
  /** Deadlines of the newest evidence, by the policy that was in force when it came. */
  readonly staleAt: number | null
  readonly unknownAt: number | null
  readonly fired: readonly FiredDeadline[]
  readonly reservation: {
    readonly fact: ReservationFact
    readonly id: string | null
    readonly checkedIn: boolean
  }
  readonly override: Override
  /** Since when reservation and override together say what they say; null while they never said anything. */
  readonly calendarSince: number | null
  /** Number of events emitted so far. */
  readonly version: number
}

export const initialState: SpaceState = {
  facts: { occupancy: 'unknown', stale: false, candidate: null, since: null },
  newest: null,
  sources: [],
  staleAt: null,
  unknownAt: null,
  fired: [],
  reservation: { fact: 'none', id: null, checkedIn: false },
  override: 'none',
  calendarSince: null,
  version: 0,
}

/** A state as it is stored: most spaces have nothing on the calendar and no deadline that fired, and leave that out. */
export function stored(state: SpaceState): Partial<SpaceState> {
  const { facts, newest, sources, staleAt, unknownAt, fired, reservation, calendarSince, version } = state
  if (fired.length > 0 || reservation.id !== null || calendarSince !== null) return state
  return { facts, newest, sources, staleAt, unknownAt, version }
}

export function restored(state: Partial<SpaceState>): SpaceState {
  return { ...initialState, ...state }
}

/** What evidence alone says. Silence is never free: a stale vacant space is unknown. */
export function evidenceWord(facts: Pick<EvidenceFacts, 'occupancy' | 'stale'>): 'free' | 'occupied' | 'unknown' {
  if (facts.occupancy === 'vacant') return facts.stale ? 'unknown' : 'free'
  return facts.occupancy
}

/** What override and reservation say, above all evidence. */
export function calendarWord(state: SpaceState): 'out_of_service' | 'blocked' | 'reserved' | undefined {
  if (state.override !== 'none') return state.override
  return state.reservation.fact === 'none' ? undefined : 'reserved'
}

/** What people see of a state: the shape of the retained MQTT state, of events and of `space_states`. */
export interface VisibleState {
  status: Status
  occupancy: Occupancy
  reservation: ReservationFact
  override: Override
  stale: boolean
  since: number | null
  observed_at: number | null
  version: number
}

/** The derived word, by the fixed priority of DESIGN.md section 2, and since when it holds. */
export function visibleState(state: SpaceState): VisibleState {
  const calendar = calendarWord(state)
  return {
    status: calendar ?? evidenceWord(state.facts),
    occupancy: state.facts.occupancy,
    reservation: state.reservation.fact,
    override: state.override,
    stale: state.facts.stale,
    since: calendar === undefined ? laterOf(state.facts.since, state.calendarSince) : state.calendarSince,
    observed_at: state.newest?.at ?? null,
    version: state.version,
  }
}

function laterOf(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.max(a, b)
}

/** The evidence deadline that is due first and has not fired, or null: what the jobs role sweeps for. */
export function nextDeadline(state: SpaceState): { deadline: EvidenceDeadline; at: number } | null {
  const { facts, staleAt, unknownAt } = state
  const confirmAt = facts.candidate?.confirmAt ?? Infinity
  const lostAt = staleAt === null || facts.stale ? Infinity : staleAt
  const isForgotten = facts.occupancy === 'unknown' && facts.candidate === null
  const forgottenAt = unknownAt === null || isForgotten ? Infinity : unknownAt
  const at = Math.min(confirmAt, lostAt, forgottenAt)
  if (at === Infinity) return null
  // Of equal times the first: a change is confirmed before silence is judged.
  if (at === confirmAt) return { deadline: 'debounce_hold', at }
  return { deadline: at === lostAt ? 'sensor_timeout' : 'unknown_after', at }
}
