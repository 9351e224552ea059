/**
 * What a site showed, moment by moment: from the plan at one moment on, changes as they were recorded. It moves to and fro
 * in memory over what was read so far; nothing here reads a clock or asks anybody.
 */
export interface Change<State> {
  space_id: string
  recorded_at: string
  state: State
}

interface Step<State> {
  atMs: number
  spaceId: string
  state: State
  /** What the space showed until then. */
  before: State | undefined
}

export class Playback<State> {
  readonly fromMs: number
  /** Everything that was recorded up to then was read. */
  #readToMs: number
  readonly #shown: Map<string, State>
  /** The newest state of each space behind all steps. */
  readonly #newest: Map<string, State>
  readonly #steps: Step<State>[] = []
  #next = 0
  #atMs: number

  constructor(fromMs: number, plan: ReadonlyMap<string, State>) {
    this.fromMs = fromMs
    this.#readToMs = fromMs
    this.#atMs = fromMs
    this.#shown = new Map(plan)
    this.#newest = new Map(plan)
  }

  get readToMs(): number {
    return this.#readToMs
  }

  get atMs(): number {
    return this.#atMs
  }

  get shown(): ReadonlyMap<string, State> {
    return this.#shown
  }

  /** Whether what was shown then is known here. */
  covers(atMs: number): boolean {
    return this.fromMs <= atMs && atMs <= this.#readToMs
  }

  /** What was recorded next, in that order, and up to when that is all. */
  add(changes: readonly Change<State>[], readToMs: number): void {
    let lastMs = this.#steps.at(-1)?.atMs ?? this.fromMs
    for (const { space_id: spaceId, recorded_at: recordedAt, state } of changes) {
      // Clocks of processes differ by a little: the order of the record is what counts.
      lastMs = Math.max(lastMs, Date.parse(recordedAt))
      this.#steps.push({ atMs: lastMs, spaceId, state, before: this.#newest.get(spaceId) })
      this.#newest.set(spaceId, state)
    }
    this.#readToMs = Math.max(this.#readToMs, readToMs)
  }

  /** Goes there, or as near as is known. @returns the spaces that show something else than before */
  moveTo(atMs: number): Set<string> {
    this.#atMs = Math.min(Math.max(atMs, this.fromMs), this.#readToMs)
    const changed = new Set<string>()
    for (
      let step = this.#steps[this.#next];
      step !== undefined && step.atMs <= this.#atMs;
      step = this.#steps[this.#next]
    ) {
      this.#shown.set(step.spaceId, step.state)
      changed.add(step.spaceId)
      this.#next += 1
    }
    for (
      let step = this.#steps[this.#next - 1];
      step !== undefined && step.atMs > this.#atMs;
      step = this.#steps[this.#next - 1]
    ) {
      if (step.before === undefined) this.#shown.delete(step.spaceId)
      else this.#shown.set(step.spaceId, step.before)
      changed.add(step.spaceId)
      this.#next -= 1
    }
    return changed
  }
}
