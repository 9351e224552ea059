import { parseTopic } from '../mqtt/topics.ts'
import { defaultPolicy, type Policy, type PolicyFields } from '../occupancy/policy.ts'
import { countSelected, readLogged, type LoggedReading, type ReadingSelection } from '../store/logged-readings.ts'
import { PolicyCache } from '../store/policies.ts'
import { readReplayedSpaces, type ReplayedSpace } from '../store/replayed-spaces.ts'
import type { SnapshotTransaction } from '../store/transactions.ts'
import { fileLine } from './replay-file.ts'

export interface ExportOptions {
  readonly selection: ReadingSelection
  /** Takes some lines; the next come once it has. */
  readonly write: (lines: string) => Promise<void>
  readonly signal?: AbortSignal | undefined
  readonly onCount?: ((readings: number) => void) | undefined
  readonly onProgress?: ((done: number, of: number) => void) | undefined
}

export interface Exported {
  readonly readings: number
  readonly messages: number
}

/** Writes the selected readings as lines of a replay file, as of one moment. */
export async function exportReadings(
  tx: SnapshotTransaction,
  { selection, write, signal, onCount, onProgress }: ExportOptions,
): Promise<Exported> {
  const selected = await countSelected(tx, selection)
  const of = selected.reduce((sum, { count }) => sum + count, 0)
  onCount?.(of)
  if (of === 0) return { readings: 0, messages: 0 }
  const between = {
    first: selected.reduce((first, one) => Math.min(first, one.first), Infinity),
    last: selected.reduce((last, one) => Math.max(last, one.last), -Infinity),
  }
  const context = new Context(tx)
  let [n, messages, lastId] = [0, 0, '']
  for await (const readings of readLogged(tx, { selection, between })) {
    signal?.throwIfAborted()
    await context.load(readings)
    let lines = ''
    for (const reading of readings) {
      const startsMessage = reading.id !== lastId
      lastId = reading.id
      if (startsMessage) messages++
      lines += fileLine({ ...reading, ...context.of(reading), n: ++n, of }, { startsMessage })
    }
    await write(lines)
    onProgress?.(n, of)
  }
  return { readings: n, messages }
}

/** What a line says of a reading's place and policy besides what the log has of it. */
class Context {
  readonly #tx: SnapshotTransaction
  readonly #spaces = new Map<string, ReplayedSpace>()
  readonly #policies = new PolicyCache()

  constructor(tx: SnapshotTransaction) {
    this.#tx = tx
  }

  async load(readings: readonly LoggedReading[]): Promise<void> {
    const unknown = new Set<string>()
    const versions = new Map<string, { tenantId: string; version: number }>()
    for (const { tenantId, spaceId, policyVersion: version } of readings) {
      if (spaceId !== null && !this.#spaces.has(spaceId)) unknown.add(spaceId)
      if (version !== null) versions.set(`${tenantId} ${version}`, { tenantId, version })
    }
    if (unknown.size > 0) {
      for (const space of await readReplayedSpaces(this.#tx, [...unknown])) this.#spaces.set(space.spaceId, space)
    }
    await this.#policies.load(this.#tx, [...versions.values()])
  }

  of({ topic, spaceId, policyVersion }: LoggedReading): { tenant: string; space: string | null; policy: PolicyFields } {
    const space = spaceId === null ? undefined : this.#spaces.get(spaceId)
    return {
      tenant: parseTopic(topic)?.tenant ?? '',
      space: space === undefined ? null : space.path.slice(space.path.indexOf('/') + 1),
      policy:
        space === undefined || policyVersion === null
          ? {}
          : differentFields(this.#policies.policyOf(space, policyVersion)),
    }
  }
}

function differentFields(policy: Policy): PolicyFields {
  if (policy === defaultPolicy) return {}
  const names = Object.keys(policy) as (keyof Policy)[]
  return Object.fromEntries(
    names.filter((name) => policy[name] !== defaultPolicy[name]).map((name) => [name, policy[name]]),
  )
}
