import { setImmediate as letIoHappen } from 'node:timers/promises'
import type { ReadingInput } from '../occupancy/input.ts'
import { effectivePolicy, type Policy, type PolicyFields } from '../occupancy/policy.ts'
import { initialState, type SpaceState } from '../occupancy/state.ts'
import { step } from '../occupancy/step.ts'
import { LogDecoder } from './decoder.ts'
import { Findings, type DryRunReport } from './dry-run-report.ts'
import { matcher, type ReadingFilter } from './filter.ts'
import { InputOrder } from './input-order.ts'
import { readReplayFile, type FiledReading } from './replay-file.ts'
import { ChangedPolicies, ended, SpaceFold, transitionsOf } from './space-fold.ts'

/**
 * A dry run of a replay file, wherever it comes from: no database is asked. A file has readings alone, so each space starts
 * from nothing, timers fire where the next reading shows that they were due, and what was recorded to happen is
 * what folding under the recorded policy gives.
 */
export interface FileDryRunOptions {
  readonly path: string
  readonly filter: ReadingFilter
  readonly policy?: PolicyFields | undefined
  readonly signal?: AbortSignal | undefined
  readonly onCount?: ((readings: number) => void) | undefined
  readonly onProgress?: ((done: number, of: number) => void) | undefined
}

/** Undefined where no reading is selected. Reads the file twice: the first time nothing but checks it. */
export async function fileDryRun(options: FileDryRunOptions): Promise<DryRunReport | undefined> {
  const { path, filter, policy, signal, onCount, onProgress } = options
  const isChosen = matcher(filter)
  const order = new InputOrder<FiledReading>()
  const reached = new Set<string>()
  let [chosen, last] = [0, -Infinity]
  for await (const readings of readReplayFile(path)) {
    signal?.throwIfAborted()
    for (const reading of readings) {
      if (reading.space !== null && reading.inputSeq !== null) order.note(pathOf(reading), reading.inputSeq)
      if (!isChosen(reading)) continue
      chosen++
      last = Math.max(last, reading.receivedAt)
      if (reading.space !== null) reached.add(pathOf(reading))
    }
  }
  onCount?.(chosen)
  if (chosen === 0) return undefined
  const run = new FileDryRun({ isChosen, reached, policy, filter })
  for await (const readings of readReplayFile(path)) {
    signal?.throwIfAborted()
    for (const reading of readings) {
      const isInput = reading.space !== null && reading.inputSeq !== null
      const ready = isInput ? order.take(pathOf(reading), reading.inputSeq ?? 0, reading) : [reading]
      for (const one of ready) run.take(one)
    }
    onProgress?.(run.findings.readings, chosen)
    await letIoHappen()
  }
  return run.finish(filter.until ?? last)
}

function pathOf({ tenant, space }: FiledReading): string {
  return `${tenant}/${space ?? ''}`
}

/** A space as it was recorded, folded beside what is replayed. */
interface FiledSpace {
  readonly fold: SpaceFold
  recorded: SpaceState
  policy: Policy
}

class FileDryRun {
  readonly findings = new Findings()
  readonly #isChosen: (reading: FiledReading) => boolean
  readonly #reached: ReadonlySet<string>
  readonly #changed: ChangedPolicies
  readonly #isBacktest: boolean
  readonly #since: number
  readonly #until: number
  readonly #decoder = new LogDecoder()
  readonly #policies = new Map<string, Policy>()
  readonly #spaces = new Map<string, FiledSpace>()

  constructor({
    isChosen,
    reached,
    policy,
    filter,
  }: Pick<FileDryRunOptions, 'filter' | 'policy'> & {
    isChosen: (reading: FiledReading) => boolean
    reached: ReadonlySet<string>
  }) {
    this.#isChosen = isChosen
    this.#reached = reached
    this.#changed = new ChangedPolicies(policy ?? {})
    this.#isBacktest = policy !== undefined
    this.#since = filter.since ?? -Infinity
    this.#until = filter.until ?? Infinity
    this.findings.spaces = reached.size
  }

  take(reading: FiledReading): void {
    const isChosen = this.#isChosen(reading)
    const input = this.#decoder.input(reading)
    if (input === undefined) {
      if (isChosen) this.findings.outcome(reading.outcome, 'malformed')
      return
    }
    const path = pathOf(reading)
    if (reading.inputSeq === null || !this.#reached.has(path) || reading.receivedAt >= this.#until) {
      const { outcome } = reading
      if (isChosen) this.findings.outcome(outcome, outcome === 'malformed' ? undefined : outcome)
      return
    }
    const outcome = this.#fold(path, reading, input)
    if (isChosen) this.findings.outcome(reading.outcome, outcome)
  }

  #fold(path: string, reading: FiledReading, input: ReadingInput) {
    const space = this.#space(path)
    space.policy = this.#policyOf(reading.policy)
    this.findings.inputs++
    const recorded = step(space.recorded, input, space.policy)
    space.recorded = recorded.state
    if (reading.receivedAt < this.#since) return space.fold.pass(input, space.policy).outcome ?? reading.outcome
    const { outcome } = space.fold.compare(input, this.#changed.of(space.policy))
    space.fold.recorded(transitionsOf(recorded))
    space.fold.settle()
    return outcome ?? reading.outcome
  }

  finish(endAt: number): DryRunReport {
    for (const [path, { fold, recorded, policy }] of this.#spaces) {
      if (this.#isBacktest) {
        fold.end(endAt, policy)
        fold.recorded(ended(recorded, { endAt, policy }))
      }
      const difference = fold.finish(endAt)
      if (difference !== undefined) this.findings.space(path, difference)
    }
    return this.findings.report()
  }

  #space(path: string): FiledSpace {
    const known = this.#spaces.get(path)
    if (known !== undefined) return known
    const onChange: ConstructorParameters<typeof SpaceFold>[0]['onChange'] = (space, change) =>
      this.findings.change(space, change)
    const space = {
      fold: new SpaceFold({ path, state: initialState, onChange }),
      recorded: initialState,
      policy: effectivePolicy(),
    }
    this.#spaces.set(path, space)
    return space
  }

  /** One object for equal policies: what is made of each is remembered. */
  #policyOf(fields: PolicyFields): Policy {
    const key = JSON.stringify(fields)
    const policy = this.#policies.get(key) ?? effectivePolicy(fields)
    this.#policies.set(key, policy)
    return policy
  }
}
