import type { SpaceEvent } from '../occupancy/events.ts'
import type { Policy } from '../occupancy/policy.ts'
import type { SessionReading } from '../occupancy/sessions.ts'
import { initialState, type SpaceState } from '../occupancy/state.ts'
import { step, type Step } from '../occupancy/step.ts'
import type { KeptInput } from './kept-inputs.ts'

export interface Folded {
  readonly state: SpaceState
  readonly events: readonly { readonly inputSeq: number; readonly ordinal: number; readonly event: SpaceEvent }[]
  /** Step by step, in the order of the inputs. */
  readonly steps: readonly { readonly kept: KeptInput; readonly stepped: Step }[]
  /** The readings in it, for the projection of parking sessions. */
  readonly readings: readonly SessionReading[]
}

/** Folds a space's inputs, from a state on, each under the policy of its own version. Pure. */
export function fold(
  inputs: readonly KeptInput[],
  { from = initialState, policyOf }: { from?: SpaceState | undefined; policyOf: (policyVersion: number) => Policy },
): Folded {
  let state = from
  const events: { inputSeq: number; ordinal: number; event: SpaceEvent }[] = []
  const steps: { kept: KeptInput; stepped: Step }[] = []
  const readings: SessionReading[] = []
  for (const kept of inputs) {
    const policy = policyOf(kept.policyVersion)
    const stepped = step(state, kept.input, policy)
    state = stepped.state
    steps.push({ kept, stepped })
    stepped.events.forEach((event, ordinal) => events.push({ inputSeq: kept.inputSeq, ordinal, event }))
    if (kept.input.kind === 'reading' && stepped.observed !== null) {
      const { session, device, counter, occupied } = kept.input
      readings.push({
        evidence: { at: stepped.observed.at, session: session ?? '', device, counter },
        occupied,
        policy,
      })
    }
  }
  return { state, events, steps, readings }
}
