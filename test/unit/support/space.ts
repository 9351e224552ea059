import type { ReadingInput } from '../../../src/occupancy/input.ts'
import { defaultPolicy, type Policy } from '../../../src/occupancy/policy.ts'
import { initialState, nextDeadline, type SpaceState } from '../../../src/occupancy/state.ts'
import { step, type Step } from '../../../src/occupancy/step.ts'

/** Builders for the tests of the state machine: everything not named by a test is plain and fixed. */

export const t0 = Date.UTC(2026, 10, 20, 8)
export const second = 1000

/** A reading by device `d`, received when it was measured unless told otherwise. */
export function readingAt(at: number, occupied: boolean, part: Partial<ReadingInput> = {}): ReadingInput {
  return {
    kind: 'reading',
    id: 'm',
    part: 0,
    device: 'd',
    occupied,
    at,
    session: null,
    counter: null,
    receivedAt: at,
    ...part,
  }
}

export function policyOf(part: Partial<Policy> = {}): Policy {
  return { ...defaultPolicy, ...part }
}

/** Freezes a value and all within it, so that a step that writes to its input throws. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) frozen(inner)
  }
  return value
}

/** A step whose input state cannot be written to. */
export function stepFrozen(...[state, input, policy]: Parameters<typeof step>): Step {
  return step(frozen(state), frozen(input), frozen(policy))
}

/** The jobs role: fires each deadline that is due by the wall clock, one input per deadline, at its own time. */
export function sweep(state: SpaceState, wall: number, policy: Policy): { state: SpaceState; steps: Step[] } {
  const steps: Step[] = []
  let swept = state
  for (let next = nextDeadline(swept); next !== null && next.at <= wall; next = nextDeadline(swept)) {
    const result = stepFrozen(swept, { kind: 'deadline', ...next }, policy)
    if (result.state === swept) throw new Error(`a due deadline changed nothing: ${JSON.stringify(next)}`)
    if (steps.length > 10) throw new Error(`deadlines fire without end: ${JSON.stringify(next)}`)
    steps.push(result)
    swept = result.state
  }
  return { state: swept, steps }
}

/** Folds readings (in the order given) from a new space, each of them newer or not, without any sweep. */
export function fold(readings: readonly ReadingInput[], policy: Policy = defaultPolicy): Step[] {
  const steps: Step[] = []
  for (const reading of readings) steps.push(stepFrozen(steps.at(-1)?.state ?? initialState, reading, policy))
  return steps
}

/** `kind:rule` of each event. */
export function words(events: Step['events']): string[] {
  return events.map(({ kind, rule }) => `${kind}:${rule}`)
}
