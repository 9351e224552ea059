import { placeInOrder } from '../../../src/occupancy/evidence.ts'
import type { Input, ReadingInput } from '../../../src/occupancy/input.ts'
import type { Policy } from '../../../src/occupancy/policy.ts'
import { initialState, type SpaceState } from '../../../src/occupancy/state.ts'
import type { Step } from '../../../src/occupancy/step.ts'
import { stepFrozen } from './space.ts'

/**
 * Plays the part of the one writer for a single space: looks a reading's identity up where `placeInOrder` asks for
 * it, among the identities that have reached `step`, and keeps every step it took.
 */
export class Writer {
  state: SpaceState = initialState
  readonly steps: { before: SpaceState; input: Input; policy: Policy; result: Step }[] = []
  /** How often each identity has reached `step`: more than once is a reading that counted twice. */
  readonly reached = new Map<string, number>()
  duplicates = 0

  deliver(reading: ReadingInput, policy: Policy): Step | 'duplicate' {
    const id = identityOf(reading)
    if (id !== null && placeInOrder(this.state, reading, policy).mustLookUp && this.reached.has(id)) {
      this.duplicates += 1
      return 'duplicate'
    }
    if (id !== null) this.reached.set(id, (this.reached.get(id) ?? 0) + 1)
    return this.take(reading, policy)
  }

  take(input: Input, policy: Policy): Step {
    const before = this.state
    const result = stepFrozen(before, input, policy)
    this.steps.push({ before, input, policy, result })
    this.state = result.state
    return result
  }
}

/** DESIGN.md section 1: by counter where the device counts, else by `at` as sent; without either it has none. */
export function identityOf({ device, session, counter, at, occupied }: ReadingInput): string | null {
  if (counter !== null) return JSON.stringify([device, session ?? '', counter])
  return at === null ? null : JSON.stringify([device, at, occupied])
}
