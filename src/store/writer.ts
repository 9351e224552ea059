import type { SpaceEvent } from '../occupancy/events.ts'
import type { Input } from '../occupancy/input.ts'
import type { Policy } from '../occupancy/policy.ts'
import type { SpaceState } from '../occupancy/state.ts'
import { rulesVersion, step, type Step } from '../occupancy/step.ts'
import { insertCheckpoints, type Checkpoint } from './checkpoints.ts'
import type { PolicyCache } from './policies.ts'
import { SessionChanges } from './session-changes.ts'
import { lockSpaces, type LockedSpace, type SpaceKey, type SpaceMemory } from './space-lock.ts'
import { insertEvents, insertInputs, updateStates } from './space-rows.ts'
import type { SpaceTransaction } from './transactions.ts'

/**
 * The one writer of truth: lock, step, write. Whatever changes a space goes through here, whoever asks for it.
 * Guarantees that a space's inputs are numbered in the order in which they were stepped, and that state, events
 * and inputs commit together. Locks are taken in the order spaces, ledger, events: call `writeStates`, then whatever
 * writes the ledger, then `writeEvents` last, because its lock orders the commits of a tenant.
 */
export interface SteppedSpace extends SpaceKey {
  readonly siteId: string
  readonly policyVersion: number
  readonly policy: Policy
  state: SpaceState
  inputSeq: number
  events: { inputSeq: number; ordinal: number; event: SpaceEvent }[]
  inputs: { inputSeq: number; input: Exclude<Input, { kind: 'reading' }> }[]
  /** The space as it was found, where other rules had made it so: folding its inputs by ours starts there. */
  readonly byOtherRules: Checkpoint | undefined
  readonly sessions: SessionChanges
}

/** What a process remembers from one transaction to the next; none of it is needed to be right. */
export interface WriterMemory {
  readonly policies: PolicyCache
  readonly spaces: SpaceMemory
}

export interface SteppedInput extends Step {
  readonly inputSeq: number
}

export class SpaceWriter {
  readonly #tx: SpaceTransaction
  readonly #memory: WriterMemory
  readonly #spaces: Map<string, SteppedSpace>

  private constructor(tx: SpaceTransaction, memory: WriterMemory, locked: readonly LockedSpace[]) {
    this.#tx = tx
    this.#memory = memory
    this.#spaces = new Map(locked.map((space) => [space.spaceId, this.#open(space)]))
  }

  /** Locks the spaces; those that do not exist are left out. */
  static async lock(tx: SpaceTransaction, memory: WriterMemory, keys: readonly SpaceKey[]): Promise<SpaceWriter> {
    const locked = await lockSpaces(tx, { keys, memory: memory.spaces })
    const versions = new Map(locked.map((space) => [space.tenantId, space.policyVersion]))
    await memory.policies.load(
      tx,
      [...versions].map(([tenantId, version]) => ({ tenantId, version })),
    )
    return new SpaceWriter(tx, memory, locked)
  }

  #open(space: LockedSpace): SteppedSpace {
    const { tenantId, spaceId, policyVersion, known } = space
    const { siteId, state, inputSeq, sessionStartedAt } = known
    const policy = this.#memory.policies.policyOf({ tenantId, siteId, spaceId }, policyVersion)
    const sessions = new SessionChanges(sessionStartedAt)
    const byOtherRules =
      space.rulesVersion === rulesVersion || inputSeq === 0 ? undefined : { tenantId, spaceId, inputSeq, state }
    return {
      tenantId,
      siteId,
      spaceId,
      policyVersion,
      policy,
      state,
      inputSeq,
      events: [],
      inputs: [],
      byOtherRules,
      sessions,
    }
  }

  space(spaceId: string): SteppedSpace | undefined {
    return this.#spaces.get(spaceId)
  }

  get spaces(): IterableIterator<SteppedSpace> {
    return this.#spaces.values()
  }

  /** Gives `input` its place in the order of `space` and steps it. */
  step(space: SteppedSpace, input: Input): SteppedInput {
    const before = space.state
    const stepped = step(before, input, space.policy)
    const inputSeq = ++space.inputSeq
    space.state = stepped.state
    for (const [ordinal, event] of stepped.events.entries()) space.events.push({ inputSeq, ordinal, event })
    if (input.kind === 'reading') space.sessions.read(before, { input, stepped, policy: space.policy })
    else {
      space.inputs.push({ inputSeq, input })
      space.sessions.pass(before, stepped)
    }
    return {
      state: stepped.state,
      events: stepped.events,
      outcome: stepped.outcome,
      observed: stepped.observed,
      inputSeq,
    }
  }

  #touched(): SteppedSpace[] {
    return [...this.#spaces.values()].filter((space) => space.inputs.length > 0 || space.sessions.touched)
  }

  /** Whether something must be read again before all is written: then no statement may be sent ahead of its turn. */
  get readsToWrite(): boolean {
    return this.#touched().some((space) => space.sessions.projects)
  }

  /** States, other inputs and sessions. The readings of this transaction must have been written before. */
  async writeStates(recordedAt: number): Promise<void> {
    const touched = this.#touched()
    const sessions = SessionChanges.write(this.#tx, { spaces: touched, policies: this.#memory.policies })
    if (this.readsToWrite) await sessions
    await Promise.all([
      sessions,
      updateStates(this.#tx, { spaces: touched, recordedAt }),
      insertInputs(this.#tx, { spaces: touched, recordedAt }),
      insertCheckpoints(
        this.#tx,
        touched.flatMap(({ byOtherRules }) => byOtherRules ?? []),
      ),
    ])
  }

  /** Events, numbered in the order of commits, and the call that wakes their followers. To be written last. */
  async writeEvents(recordedAt: number): Promise<void> {
    await insertEvents(this.#tx, { spaces: this.#touched(), recordedAt })
  }

  /** To be called once the transaction is committed, and not where that is in doubt. */
  committed(): void {
    for (const { siteId, spaceId, state, inputSeq, sessions } of this.#touched()) {
      this.#memory.spaces.remember(spaceId, { siteId, state, inputSeq, sessionStartedAt: sessions.openSince })
    }
  }
}
