import { placeInOrder, sourceOf, withSource, type Clock } from './evidence.ts'
import { sensorTimeoutS, withHeartbeat } from './freshness.ts'
import { fireDeadlines, withdrawDeadlines } from './deadlines.ts'
import { stepOverride, stepReservation } from './calendar.ts'
import { debounce } from './debounce.ts'
import { Draft } from './draft.ts'
import type { SpaceEvent } from './events.ts'
import type { Input, ReadingInput } from './input.ts'
import type { Policy } from './policy.ts'
import type { Occupancy, SpaceState } from './state.ts'

/**
 * The state machine of a space. Pure: no clock, no I/O, no randomness; never throws on any input of its types.
 *
 * Three independent facts: occupancy (rules O), reservation (rules C), override (rules C); one word that people
 * see follows from them (state.ts). test/unit/occupancy-table.test.ts holds the whole table, and
 * test/unit/occupancy-properties.test.ts the invariants under duplicated, reordered, late, clock-jumping and
 * counter-restarting sequences.
 *
 *   O1  A reading that is not newer than the newest evidence changes nothing (`late`).
 *   O2  Evidence deadlines that fired at or behind a newer reading's time are withdrawn: the facts are again what they
 *       were before; correcting events carry rule `withdrawn`.
 *   O3  Evidence deadlines before a newer reading's time fire first, at their own time. One at exactly the
 *       reading's time comes after the reading.
 *   O4  Newer evidence sets the deadlines anew. It ends staleness (`sensor_recovered`, rule `evidence_returned`) when it
 *       agrees or is confirmed: what is contradicted and not confirmed yet is shown no fresher than it was.
 *   O5  The occupancy already held: `unchanged`; an unconfirmed change is forgotten.
 *   O6  Another occupancy, no debouncing: `applied` (`occupied` or `vacated`, rule `reading`), at the reading's time.
 *   O7  Another occupancy, debouncing: a candidate (`debouncing`). It is confirmed by the n-th identical
 *       reading within the hold (`applied`, rule `debounce_readings`), at the time of its first.
 *   O8  A candidate's hold passes without contradiction: confirmed (rule `debounce_hold`), at the time of its first.
 *   O9  `sensor_timeout` passes, or what the sensor's own heartbeats say instead (freshness.ts): stale (`sensor_lost`). A
 *       stale vacant space is unknown, a stale occupied one occupied.
 *   O10 `unknown_after` passes: the occupancy is unknown (`sensor_lost`, rule `unknown_after`) and nothing waits to be
 *       confirmed.
 *   C1  Reservation and override inputs (calendar.ts) neither fire nor withdraw evidence deadlines.
 *   C2  An input about another reservation than the one in force changes nothing, unless it begins one: that ends the
 *       earlier one. The calendar feeds `soon` again when one ends while another is near.
 *   C3  An occupied space under an active reservation whose holder has not checked in keeps its occupancy. It emits
 *       `contested` when the reservation starts over it, and at `check_in_overdue`, which the calendar feeds
 *       `check_in_grace` after the space was taken. A moment that is fed late goes by who stood there then.
 *   X1  Never free by silence: no deadline but a hold, which confirms what was read, makes a space free.
 *   X2  The time of the newest evidence never goes back.
 *   X3  Nothing done is the same object: `step(s, i).state === s`.
 */
export const rulesVersion = 2

export type StepOutcome = 'late' | 'debouncing' | 'unchanged' | 'applied'

export interface Step {
  readonly state: SpaceState
  readonly events: readonly SpaceEvent[]
  /** What became of a reading; null for all other inputs. */
  readonly outcome: StepOutcome | null
  /** A reading's evidence time and the clock that gave it; null for all other inputs. */
  readonly observed: { readonly at: number; readonly clock: Clock } | null
}

/**
 * @param input a reading must not have reached `step` before: whoever calls looks its identity up first
 *   (`placeInOrder` says when that is needed).
 */
export function step(state: SpaceState, input: Input, policy: Policy): Step {
  switch (input.kind) {
    case 'reading':
      return stepReading(state, input, policy)
    case 'deadline':
      return unread(fireDeadlines(new Draft(state), (at) => at <= input.at))
    case 'reservation':
      return unread(stepReservation(new Draft(state), input))
    case 'override':
      return unread(stepOverride(new Draft(state), input))
  }
}

function unread(draft: Draft): Step {
  return { state: draft.state, events: draft.events, outcome: null, observed: null }
}

function stepReading(state: SpaceState, reading: ReadingInput, policy: Policy): Step {
  const { clock, evidence, newer } = placeInOrder(state, reading, policy)
  const observed = { at: evidence.at, clock }
  if (!newer) return { state, events: [], outcome: 'late', observed }

  const cause = { type: 'reading', id: reading.id, part: reading.part } as const
  const { at } = evidence
  const known = sourceOf(state, reading.device)?.heartbeats
  const heartbeats = withHeartbeat(known, { at, clock, heartbeat: reading.heartbeat === true, policy })
  const draft = new Draft(state)
  withdrawDeadlines(draft, evidence, cause)
  fireDeadlines(draft, (due) => due < at)
  draft.takeEvidence({
    newest: evidence,
    sources: withSource(draft.state, { clock, evidence, sentAt: reading.at, heartbeats }),
    staleAt: at + sensorTimeoutS(heartbeats, policy) * 1000,
    unknownAt: at + policy.unknown_after_s * 1000,
  })
  const cell = cells[draft.state.facts.occupancy][reading.occupied ? 'occupied' : 'vacant']
  const outcome = cell(draft, { at, policy, cause })
  return { state: draft.state, events: draft.events, outcome, observed }
}

interface Change {
  at: number
  policy: Policy
  cause: SpaceEvent['cause']
}
type Cell = (draft: Draft, change: Change) => StepOutcome

/** Every occupancy held × every occupancy read; a missing cell does not compile. */
const cells: Record<Occupancy, Record<'vacant' | 'occupied', Cell>> = {
  unknown: { vacant: changeTo('vacant'), occupied: changeTo('occupied') },
  vacant: { vacant: keep, occupied: changeTo('occupied') },
  occupied: { vacant: changeTo('vacant'), occupied: keep },
}

function keep(draft: Draft, { at, cause }: Change): StepOutcome {
  const { stale, candidate } = draft.state.facts
  if (stale || candidate !== null) draft.setFacts({ stale: false, candidate: null }, at)
  if (stale) draft.emit({ kind: 'sensor_recovered', eventTime: at, cause, rule: 'evidence_returned' })
  return 'unchanged'
}

function changeTo(occupancy: 'vacant' | 'occupied'): Cell {
  return (draft, { at, policy, cause }) => {
    const { candidate } = draft.state.facts
    const { held, confirmed } = debounce(candidate, { occupancy, at, policy })
    if (!confirmed) {
      draft.setFacts({ candidate: held }, at)
      return 'debouncing'
    }
    draft.confirm(occupancy, {
      since: held.since,
      at,
      cause,
      rule: held.readings > 1 ? 'debounce_readings' : 'reading',
    })
    return 'applied'
  }
}
