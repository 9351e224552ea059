import type { Input } from '../occupancy/input.ts'
import { effectivePolicy, type Policy, type PolicyFields } from '../occupancy/policy.ts'
import { nextDeadline, visibleState, type SpaceState } from '../occupancy/state.ts'
import { step, type Step } from '../occupancy/step.ts'
import type { Transition } from '../store/replayed-spaces.ts'
import type { EvidenceLog } from './reserved-spaces.ts'
import { SpaceComparison, type Change, type SpaceDifference } from './comparison.ts'

export interface SpaceFoldOptions {
  /** tenant/site/space */
  readonly path: string
  readonly state: SpaceState
  readonly onChange: (space: string, change: Change) => void
  /** Takes in what the evidence says, where somebody wants to know. */
  readonly evidence?: EvidenceLog | undefined
}

/** One space folded in memory, input by input in its order, beside what was recorded of it. */
export class SpaceFold {
  readonly path: string
  readonly evidence: EvidenceLog | undefined
  readonly #onChange: SpaceFoldOptions['onChange']
  #state: SpaceState
  #comparison: SpaceComparison | undefined

  constructor({ path, state, onChange, evidence }: SpaceFoldOptions) {
    this.path = path
    this.evidence = evidence
    this.#state = state
    this.#onChange = onChange
  }

  /** Steps what lies before the range that is compared. */
  pass(input: Input, policy: Policy): Step {
    const stepped = step(this.#state, input, policy)
    this.#state = stepped.state
    this.evidence?.take(stepped)
    return stepped
  }

  /** Steps an input of the range that is compared. */
  compare(input: Input, policy: Policy): Step {
    const comparison = this.#compared()
    const stepped = this.pass(input, policy)
    // Most inputs bring nothing about.
    if (stepped.events.length > 0) for (const transition of transitionsOf(stepped)) comparison.replayed(transition)
    return stepped
  }

  get state(): SpaceState {
    return this.#state
  }

  /** The end: timers that are due by then fire, and a hold that is open elapses, as when nothing more had come. */
  end(endAt: number, policy: Policy): void {
    const due = dueBy(this.#state, endAt)
    if (due !== undefined) this.compare(due, policy)
    const held = elapsed(this.#state, policy)
    if (held === undefined) return
    const comparison = this.#compared()
    for (const transition of held) comparison.replayed(transition)
  }

  /** What was recorded to have happened, in its order, but not more than was compared. */
  recorded(transitions: readonly Transition[]): void {
    for (const transition of transitions) this.#compared().recorded(transition)
  }

  /** To be called where what was recorded is taken in up to the last input that was stepped. */
  settle(): void {
    this.#comparison?.settle()
  }

  finish(endAt: number): SpaceDifference | undefined {
    return this.#comparison?.finish(endAt)
  }

  #compared(): SpaceComparison {
    this.#comparison ??= new SpaceComparison(visibleState(this.#state).status, (change) =>
      this.#onChange(this.path, change),
    )
    return this.#comparison
  }
}

export function transitionsOf({ events }: Step): Transition[] {
  return events.map(({ kind, eventTime, state }) => ({ kind, eventTime, status: state.status }))
}

/** What the end of the time brings about at a space that was recorded: as `SpaceFold.end`. */
export function ended(state: SpaceState, { endAt, policy }: { endAt: number; policy: Policy }): Transition[] {
  const due = dueBy(state, endAt)
  const stepped = due && step(state, due, policy)
  const held = elapsed(stepped?.state ?? state, policy) ?? []
  return stepped === undefined ? held : [...transitionsOf(stepped), ...held]
}

/** The input by which all timers fire that are due by then; undefined where none is. */
function dueBy(state: SpaceState, at: number): Input | undefined {
  const next = nextDeadline(state)
  return next === null || next.at > at ? undefined : { kind: 'deadline', deadline: next.deadline, at }
}

/** What the end of an open hold brings about; undefined where none is open. */
function elapsed(state: SpaceState, policy: Policy): Transition[] | undefined {
  const next = nextDeadline(state)
  if (next?.deadline !== 'debounce_hold') return undefined
  return transitionsOf(step(state, { kind: 'deadline', ...next }, policy))
}

/** A policy with some of its fields changed; each is made once. */
export class ChangedPolicies {
  readonly #changed = new WeakMap<Policy, Policy>()
  readonly #fields: PolicyFields

  constructor(fields: PolicyFields) {
    this.#fields = fields
  }

  of(policy: Policy): Policy {
    const known = this.#changed.get(policy)
    if (known !== undefined) return known
    const changed = effectivePolicy(policy, this.#fields)
    this.#changed.set(policy, changed)
    return changed
  }
}
