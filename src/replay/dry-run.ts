import { setImmediate as letIoHappen } from 'node:timers/promises'
import type { Input } from '../occupancy/input.ts'
import type { Policy, PolicyFields } from '../occupancy/policy.ts'
import type { Step } from '../occupancy/step.ts'
import {
  countSelected,
  readLoggedInputs,
  type LoggedInput,
  type ReadingSelection,
  type SelectedSpace,
} from '../store/logged-readings.ts'
import { PolicyCache } from '../store/policies.ts'
import {
  readOtherInputs,
  readReplayedSpaces,
  readTransitions,
  type InputRange,
  type ReplayedSpace,
} from '../store/replayed-spaces.ts'
import type { SnapshotTransaction } from '../store/transactions.ts'
import { LogDecoder } from './decoder.ts'
import type { Change } from './comparison.ts'
import { Findings, type DryRunReport } from './dry-run-report.ts'
import { ReservedSpaces } from './reserved-spaces.ts'
import { ChangedPolicies, ended, SpaceFold } from './space-fold.ts'

/**
 * A dry run: logged readings once more through decoder and state machine, into memory, compared with what was recorded live.
 * The spaces that the selection reached are folded whole, from the first input that is kept on; compared is what lies in
 * the selection's time. Reads only, in one snapshot, in the order of arrival; an input that came out of its order waits
 * for those before it. With a policy it is a backtest: from `since` on, the given fields hold instead of the recorded.
 */
export interface DryRunOptions {
  readonly selection: ReadingSelection
  readonly policy?: PolicyFields | undefined
  readonly signal?: AbortSignal | undefined
  /** Without an `until`, the end of the time that is compared; without both, when the last reading arrived. */
  readonly now?: number | undefined
  /** May throw, as the next two: then nothing more is read. */
  readonly onCount?: ((readings: number) => void) | undefined
  /** How many inputs the spaces have that are to be folded, at most. */
  readonly onInputs?: ((inputs: number) => void) | undefined
  readonly onProgress?: ((done: number, of: number) => void) | undefined
}

/** Undefined where no reading is selected. */
export async function dryRun(
  tx: SnapshotTransaction,
  { selection, policy, signal, now, onCount, onInputs, onProgress }: DryRunOptions,
): Promise<DryRunReport | undefined> {
  const selected = await countSelected(tx, selection)
  const readings = selected.reduce((sum, { count }) => sum + count, 0)
  onCount?.(readings)
  if (readings === 0) return undefined
  const between = {
    first: selected.reduce((first, one) => Math.min(first, one.first), Infinity),
    last: selected.reduce((last, one) => Math.max(last, one.last), -Infinity),
  }
  const endAt = Math.max(between.last, Math.min(selection.until ?? Infinity, now ?? selection.until ?? -Infinity))
  const run = new DryRun(tx, { selection, policy, endAt })
  const spaceIds = await run.open(selected)
  onInputs?.(run.inputs)
  const inputsOf = isNarrow(selection) ? spaceIds : 'all'
  const batches = readLoggedInputs(tx, { selection, inputsOf, between })
  let next = batches.next()
  for (let batch = await next; batch.done !== true; batch = await next) {
    signal?.throwIfAborted()
    // The database is at the next ones while these are folded here.
    next = batches.next()
    next.catch(() => {})
    await letIoHappen()
    await run.take(batch.value)
    onProgress?.(run.findings.readings + run.findings.notFolded, readings)
  }
  return await run.finish()
}

/** Whether there may be inputs of the same time that it leaves out. */
function isNarrow({ spaceIds, device, topic, outcomes }: ReadingSelection): boolean {
  return [spaceIds, device, topic, outcomes].some((narrowing) => narrowing !== undefined)
}

interface Waiting {
  readonly input: Input
  readonly policyVersion: number
  readonly at: number
  /** The reading to be counted. */
  readonly counted?: LoggedInput | undefined
}

/**
 * A space being folded. Inputs up to `done` are folded, those behind `comparedBehind` compared, and what was recorded of them
 * read up to `recordedUpTo`; up to `asked` other inputs than readings were looked for.
 */
interface OpenSpace {
  readonly known: ReplayedSpace
  readonly fold: SpaceFold
  readonly waiting: Map<number, Waiting>
  done: number
  /** Null: none is compared yet. */
  comparedBehind: number | null
  recordedUpTo: number
  /** What was recorded of it is still to be read up to `done`. */
  isAhead: boolean
  asked: number
  highest: number
  policyVersion: number
  policy: Policy | undefined
}

const nothing = { kind: 'deadline', deadline: 'debounce_hold', at: -Infinity } as const
const spacesAtATime = 5000
/** Inputs after which what was recorded of them is read: few at a time would be a look into the index for each. */
const comparedAtATime = 50_000

class DryRun {
  readonly findings = new Findings()
  readonly #tx: SnapshotTransaction
  readonly #since: number
  readonly #until: number
  readonly #endAt: number
  readonly #changed: ChangedPolicies | undefined
  readonly #policies = new PolicyCache()
  readonly #decoder = new LogDecoder()
  readonly #spaces = new Map<string, OpenSpace>()
  /** Spaces with inputs that were compared, and what was recorded of them is still to be read. */
  #ahead: OpenSpace[] = []
  #inputsAhead = 0
  /** Of a backtest alone. */
  #reserved: ReservedSpaces | undefined

  constructor(
    tx: SnapshotTransaction,
    { selection, policy, endAt }: { selection: ReadingSelection; policy: PolicyFields | undefined; endAt: number },
  ) {
    this.#tx = tx
    this.#since = selection.since ?? -Infinity
    this.#until = selection.until ?? Infinity
    this.#endAt = endAt
    this.#changed = policy && new ChangedPolicies(policy)
  }

  /** Makes the spaces that were reached ready to be folded. */
  async open(selected: readonly SelectedSpace[]): Promise<string[]> {
    const ids = [...new Set(selected.flatMap(({ spaceId }) => spaceId ?? []))]
    this.findings.spaces = ids.length
    if (this.#changed !== undefined) {
      const from = Math.max(
        this.#since,
        selected.reduce((first, one) => Math.min(first, one.first), Infinity),
      )
      this.#reserved = await ReservedSpaces.read(this.#tx, { spaceIds: ids, from, to: this.#endAt })
    }
    for (let start = 0; start < ids.length; start += spacesAtATime) {
      // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
      for (const known of await readReplayedSpaces(this.#tx, ids.slice(start, start + spacesAtATime))) {
        this.#spaces.set(known.spaceId, this.#openSpace(known))
      }
    }
    return ids
  }

  /** Of all spaces, those too that arrived behind the selection. */
  get inputs(): number {
    return [...this.#spaces.values()].reduce((sum, { known }) => sum + known.live.inputSeq - known.behind, 0)
  }

  #openSpace(known: ReplayedSpace): OpenSpace {
    const { path, state, behind } = known
    const onChange = (space: string, change: Change) => this.findings.change(space, change)
    return {
      known,
      fold: new SpaceFold({ path, state, onChange, evidence: this.#reserved?.logOf(known.spaceId) }),
      waiting: new Map(),
      done: behind,
      comparedBehind: null,
      recordedUpTo: behind,
      isAhead: false,
      asked: behind,
      highest: behind,
      policyVersion: -1,
      policy: undefined,
    }
  }

  /** Takes in some readings in the order of arrival, and folds what is in order by then. */
  async take(rows: readonly LoggedInput[]): Promise<void> {
    const touched = new Set<OpenSpace>()
    for (const row of rows) {
      const space = this.#receive(row)
      if (space !== undefined) touched.add(space)
    }
    if (touched.size > 0) await this.#fillGaps([...touched])
    for (const space of touched) this.#foldInOrder(space)
    if (this.#inputsAhead >= comparedAtATime) await this.#readRecorded()
  }

  /** The space that has to be folded on, if it waits for this one. */
  #receive(row: LoggedInput): OpenSpace | undefined {
    const { inputSeq, spaceId, policyVersion } = row
    const input = this.#decoder.input(row)
    const counted = row.chosen ? row : undefined
    if (spaceId === null || inputSeq === null) {
      if (counted !== undefined) this.#countUnfolded(row, input !== undefined)
      return undefined
    }
    const space = this.#spaces.get(spaceId)
    if (space === undefined) return undefined
    if (inputSeq <= space.done) {
      if (counted !== undefined) this.findings.notFolded++
      return undefined
    }
    if (inputSeq > space.highest) space.highest = inputSeq
    if (input === undefined && counted !== undefined) this.findings.outcome(row.outcome, 'malformed')
    // What the decoder does not read any more is as if it had never come.
    const next = input ?? nothing
    const outcomeOf = input === undefined ? undefined : counted
    if (inputSeq !== space.done + 1 || policyVersion !== space.policyVersion || space.policy === undefined) {
      const at = row.receivedAt
      space.waiting.set(inputSeq, { input: next, policyVersion: policyVersion ?? 0, at, counted: outcomeOf })
      return space
    }
    space.done = inputSeq
    this.#foldUnder(space, space.policy, { input: next, at: row.receivedAt, counted: outcomeOf })
    return space.waiting.size > 0 ? space : undefined
  }

  /** A reading that never reached a space: its bytes can be judged again, its place cannot. */
  #countUnfolded({ outcome }: LoggedInput, isReadable: boolean): void {
    if (!isReadable) this.findings.outcome(outcome, 'malformed')
    else this.findings.outcome(outcome, outcome === 'malformed' ? undefined : outcome)
  }

  /** Where inputs are missing that came before others, they are no readings, or will come yet. */
  async #fillGaps(spaces: readonly OpenSpace[]): Promise<void> {
    const gaps = spaces
      .filter((space) => space.asked < space.highest && space.waiting.size < space.highest - space.done)
      .map((space) => this.#gapOf(space, space.highest))
    await this.#readOthers(gaps)
    await this.#loadPolicies(spaces)
  }

  #gapOf(space: OpenSpace, upTo: number): InputRange {
    const { tenantId, spaceId } = space.known
    const behind = Math.max(space.asked, space.done)
    space.asked = upTo
    return { tenantId, spaceId, behind, upTo }
  }

  async #readOthers(gaps: readonly InputRange[]): Promise<void> {
    for (const { spaceId, inputSeq, policyVersion, input } of await readOtherInputs(this.#tx, gaps)) {
      this.#spaces.get(spaceId)?.waiting.set(inputSeq, { input, policyVersion, at: input.at })
    }
  }

  /** What was recorded to have happened by the inputs that were compared since the last time. */
  async #readRecorded(): Promise<void> {
    const spaces = this.#ahead
    this.#ahead = []
    this.#inputsAhead = 0
    const ranges = spaces.map(({ known: { tenantId, spaceId }, comparedBehind, recordedUpTo, done }) => {
      return { tenantId, spaceId, behind: Math.max(comparedBehind ?? 0, recordedUpTo), upTo: done }
    })
    for (const transition of await readTransitions(this.#tx, ranges)) {
      this.#spaces.get(transition.spaceId)?.fold.recorded([transition])
    }
    for (const space of spaces) {
      space.recordedUpTo = space.done
      space.isAhead = false
      space.fold.settle()
    }
  }

  async #loadPolicies(spaces: readonly OpenSpace[]): Promise<void> {
    const wanted = new Map<string, { tenantId: string; version: number }>()
    for (const { known, waiting } of spaces) {
      for (const { policyVersion: version } of waiting.values()) {
        wanted.set(`${known.tenantId} ${version}`, { tenantId: known.tenantId, version })
      }
    }
    await this.#policies.load(this.#tx, [...wanted.values()])
  }

  #foldInOrder(space: OpenSpace, before = Infinity): void {
    for (;;) {
      const inputSeq = space.done + 1
      const next = space.waiting.get(inputSeq)
      if (next === undefined || next.at >= before) return
      this.#fold(space, inputSeq, next)
    }
  }

  #fold(space: OpenSpace, inputSeq: number, { input, policyVersion, at, counted }: Waiting): void {
    space.waiting.delete(inputSeq)
    space.done = inputSeq
    if (space.policyVersion !== policyVersion || space.policy === undefined) {
      space.policy = this.#policies.policyOf(space.known, policyVersion)
      space.policyVersion = policyVersion
    }
    this.#foldUnder(space, space.policy, { input, at, counted })
  }

  #foldUnder(space: OpenSpace, policy: Policy, { input, at, counted }: Omit<Waiting, 'policyVersion'>): void {
    this.findings.inputs++
    if (space.comparedBehind === null && at >= this.#since) space.comparedBehind = space.done - 1
    const { outcome } =
      space.comparedBehind === null ? space.fold.pass(input, policy) : this.#compare(space, input, policy)
    if (counted !== undefined) this.findings.outcome(counted.outcome, outcome ?? counted.outcome)
  }

  #compare(space: OpenSpace, input: Input, policy: Policy): Step {
    if (!space.isAhead) this.#ahead.push(space)
    space.isAhead = true
    this.#inputsAhead++
    return space.fold.compare(input, this.#changed?.of(policy) ?? policy)
  }

  /** What comes after the last readings: other inputs, holds that elapse, and what never came into its order. */
  async finish(): Promise<DryRunReport> {
    const spaces = [...this.#spaces.values()]
    for (let start = 0; start < spaces.length; start += spacesAtATime) {
      const some = spaces.slice(start, start + spacesAtATime)
      /* oxlint-disable no-await-in-loop -- one transaction takes one statement at a time */
      await this.#readEnd(some)
      for (const space of some) this.#foldRest(space)
      await this.#readRecorded()
      for (const space of some) this.#endSpace(space)
      await this.#compareNoShows(some)
      /* oxlint-enable no-await-in-loop */
      for (const space of some) this.#finishSpace(space)
    }
    return this.findings.report()
  }

  /** Of a backtest: what timers and holds bring about by the end, of both. */
  #endSpace({ known, fold, policy }: OpenSpace): void {
    if (this.#changed === undefined || policy === undefined) return
    fold.end(this.#endAt, policy)
    if (this.#until === Infinity) fold.recorded(ended(known.live.state, { endAt: this.#endAt, policy }))
  }

  async #compareNoShows(spaces: readonly OpenSpace[]): Promise<void> {
    if (this.#reserved === undefined) return
    const evidence = await this.#reserved.recorded(
      this.#tx,
      spaces.map(({ known }) => known.spaceId),
    )
    this.findings.noShows ??= { added: [], removed: [], untold: 0 }
    for (const { known, fold, policy } of spaces) {
      if (fold.evidence === undefined || policy === undefined) continue
      const { spaceId, path, live } = known
      const state = this.#until === Infinity ? live.state : undefined
      const recorded = { policy, state, evidence: evidence.get(spaceId) ?? [] }
      const replayed = { policy: this.#changed?.of(policy) ?? policy, log: fold.evidence, state: fold.state }
      this.findings.addNoShows(this.#reserved.compare({ spaceId, path, recorded, replayed }))
    }
  }

  async #readEnd(spaces: readonly OpenSpace[]): Promise<void> {
    const behind = spaces.filter(({ done, known }) => done < known.live.inputSeq)
    await this.#readOthers(behind.map((space) => this.#gapOf(space, space.known.live.inputSeq)))
    await this.#loadPolicies(spaces)
  }

  #foldRest(space: OpenSpace): void {
    const { known, waiting } = space
    this.#foldInOrder(space, this.#until)
    if (this.#until < Infinity) {
      // Those that arrived in the range, while one that they follow did not.
      for (const { counted } of waiting.values()) if (counted !== undefined) this.findings.notFolded++
      return
    }
    if (space.done === known.live.inputSeq) return
    this.findings.missingInputs += known.live.inputSeq - space.done - waiting.size
    for (const [inputSeq, next] of [...waiting].toSorted(([a], [b]) => a - b)) this.#fold(space, inputSeq, next)
  }

  #finishSpace({ known, fold }: OpenSpace): void {
    const difference = fold.finish(this.#endAt)
    if (difference !== undefined) this.findings.space(known.path, difference)
    this.#spaces.delete(known.spaceId)
  }
}
