import { outcomes, type Outcome } from '../store/books.ts'
import type { Transition } from '../store/replayed-spaces.ts'
import type { Change, SpaceDifference } from './comparison.ts'
import type { ComparedNoShows } from './reserved-spaces.ts'

/** What a dry run came to, as `baywire replay --json` prints it. */
export interface DryRunReport {
  readonly readings: number
  /** Spaces that the readings reached, all of whose inputs were folded. */
  readonly spaces: number
  readonly inputs: number
  readonly outcomes: { readonly recorded: OutcomeCounts; readonly replayed: OutcomeCounts }
  /** Readings with another outcome than was recorded. */
  readonly changed_outcomes: number
  /** Readings that were malformed and can be read now; what they would have done is not known without their place. */
  readonly readable_now: number
  /** Readings behind a checkpoint, or behind one that arrived after the time asked for: what they follow is not there. */
  readonly not_folded: number
  /** Inputs that the log should have and has not. */
  readonly missing_inputs: number
  readonly transitions: {
    readonly recorded: number
    readonly replayed: number
    readonly remaining: number
    readonly removed: number
    readonly added: number
  }
  readonly disagreement_minutes: number
  /** Reservations that would have become no-shows, and those that would not have; null where no other policy was tried. */
  readonly no_shows: NoShows | null
  /** Those that differ. */
  readonly by_space: SpaceRow[]
  readonly changes: ChangeRow[]
  /** Changes beyond those that are listed. */
  readonly changes_not_listed: number
}

export interface NoShows {
  /** Would have become no-shows, and did not. */
  readonly added: NoShowRow[]
  /** Did, and would not have. */
  readonly removed: NoShowRow[]
  /** Of which what was recorded does not say enough. */
  readonly untold: number
}

export interface NoShowRow {
  readonly reservation: string
  /** tenant/site/space */
  readonly space: string
  readonly start: string
  /** When it became a no-show, or would have. */
  readonly at: string
}

export type OutcomeCounts = Partial<Record<Outcome, number>>

export interface SpaceRow {
  readonly space: string
  readonly recorded: number
  readonly replayed: number
  readonly removed: number
  readonly added: number
  readonly disagreement_minutes: number
}

export interface ChangeRow {
  readonly space: string
  readonly change: 'removed' | 'added'
  readonly kind: Transition['kind']
  readonly event_time: string
  readonly status: Transition['status']
}

const mostListed = 10_000
const minuteMs = 60_000

/** Takes in what a dry run finds; what it holds has a bound but for the spaces that differ. */
export class Findings {
  readings = 0
  spaces = 0
  inputs = 0
  changedOutcomes = 0
  readableNow = 0
  notFolded = 0
  missingInputs = 0
  noShows: NoShows | undefined
  readonly #outcomes: Record<'recorded' | 'replayed', OutcomeCounts> = { recorded: {}, replayed: {} }
  readonly #transitions = { recorded: 0, replayed: 0, remaining: 0, removed: 0, added: 0 }
  #disagreementMs = 0
  readonly #bySpace: SpaceRow[] = []
  readonly #changes: ChangeRow[] = []
  #notListed = 0

  /** @param replayed undefined: it was malformed and can be read now */
  outcome(recorded: Outcome, replayed: Outcome | undefined): void {
    this.readings++
    count(this.#outcomes.recorded, recorded)
    if (replayed === undefined) this.readableNow++
    else count(this.#outcomes.replayed, replayed)
    if (recorded !== replayed) this.changedOutcomes++
  }

  change(space: string, { change, transition }: Change): void {
    if (this.#changes.length >= mostListed) {
      this.#notListed++
      return
    }
    const { kind, eventTime, status } = transition
    this.#changes.push({ space, change, kind, event_time: new Date(eventTime).toISOString(), status })
  }

  addNoShows({ added, removed, untold }: ComparedNoShows): void {
    const known = this.noShows ?? { added: [], removed: [], untold: 0 }
    this.noShows = {
      added: [...known.added, ...added],
      removed: [...known.removed, ...removed],
      untold: known.untold + untold,
    }
  }

  space(path: string, { disagreementMs, ...difference }: SpaceDifference): void {
    const { recorded, replayed, removed, added } = difference
    this.#transitions.recorded += recorded
    this.#transitions.replayed += replayed
    this.#transitions.removed += removed
    this.#transitions.added += added
    this.#transitions.remaining += recorded - removed
    this.#disagreementMs += disagreementMs
    if (removed + added + disagreementMs === 0) return
    this.#bySpace.push({ space: path, ...difference, disagreement_minutes: minutes(disagreementMs) })
  }

  report(): DryRunReport {
    return {
      readings: this.readings,
      spaces: this.spaces,
      inputs: this.inputs,
      outcomes: { recorded: ordered(this.#outcomes.recorded), replayed: ordered(this.#outcomes.replayed) },
      changed_outcomes: this.changedOutcomes,
      readable_now: this.readableNow,
      not_folded: this.notFolded,
      missing_inputs: this.missingInputs,
      transitions: this.#transitions,
      disagreement_minutes: minutes(this.#disagreementMs),
      no_shows: this.noShows === undefined ? null : inOrder(this.noShows),
      by_space: this.#bySpace.toSorted((a, b) => compare(a.space, b.space)),
      changes: this.#changes.toSorted((a, b) => compare(a.event_time, b.event_time) || compare(a.space, b.space)),
      changes_not_listed: this.#notListed,
    }
  }
}

function inOrder({ added, removed, untold }: NoShows): NoShows {
  return { added: added.toSorted(byTime), removed: removed.toSorted(byTime), untold }
}

function byTime(a: NoShowRow, b: NoShowRow): number {
  return compare(a.at, b.at) || compare(a.reservation, b.reservation)
}

function count(counts: OutcomeCounts, outcome: Outcome): void {
  counts[outcome] = (counts[outcome] ?? 0) + 1
}

function ordered(counts: OutcomeCounts): OutcomeCounts {
  return Object.fromEntries(
    outcomes.toReversed().flatMap((outcome) => (counts[outcome] === undefined ? [] : [[outcome, counts[outcome]]])),
  )
}

function minutes(milliseconds: number): number {
  return Math.round((milliseconds / minuteMs) * 100) / 100
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
