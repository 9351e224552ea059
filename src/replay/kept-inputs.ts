import { setImmediate as letIoHappen } from 'node:timers/promises'
import { decodeReading, decodeReadings } from '../decode/native.ts'
import type { DecodedPart } from '../decode/decoded.ts'
import { parseTopic } from '../mqtt/topics.ts'
import type { Clock } from '../occupancy/evidence.ts'
import type { Input } from '../occupancy/input.ts'
import { readKeptInputs, type KeptReading, type KeptRow, type WantedInputs } from '../store/kept-inputs.ts'
import type { SystemTransaction } from '../store/transactions.ts'

/** An input as it is folded again, with what was recorded of it when it was live: to compare, never to fold. */
export interface KeptInput {
  readonly inputSeq: number
  readonly policyVersion: number
  readonly rulesVersion: number
  readonly input: Input
  readonly recorded?: { readonly outcome: string; readonly observedAt: number; readonly clock: Clock }
}

const decodedAtATime = 500

/**
 * The inputs of the given spaces, each space's in its own order. Readings are decoded again from the bytes
 * that arrived; their time of arrival and their space are facts of the log, all else follows from the payload.
 */
export async function keptInputs(
  tx: SystemTransaction,
  wanted: readonly WantedInputs[],
  arrivedBefore?: number,
): Promise<Map<string, KeptInput[]>> {
  const decoded = new Map<string, readonly DecodedPart[]>()
  const inputs = new Map<string, KeptInput[]>(wanted.map(({ spaceId }) => [spaceId, []]))
  const rows = await readKeptInputs(tx, wanted, arrivedBefore)
  for (const [index, row] of rows.entries()) {
    // The same process may be taking readings meanwhile.
    // oxlint-disable-next-line no-await-in-loop
    if (index % decodedAtATime === 0) await letIoHappen()
    inputs.get(row.spaceId)?.push(keptInput(row, decoded))
  }
  for (const ofSpace of inputs.values()) ofSpace.sort((a, b) => a.inputSeq - b.inputSeq)
  return inputs
}

function keptInput(row: KeptRow, decoded: Map<string, readonly DecodedPart[]>): KeptInput {
  const { inputSeq, policyVersion, rulesVersion } = row
  if (row.kind === 'other') return { inputSeq, policyVersion, rulesVersion, input: row.input }
  const parts = decoded.get(row.id) ?? decodeAgain(row)
  decoded.set(row.id, parts)
  const part = parts[row.part]
  if (part?.ok !== true) throw new Error(`reading ${row.id} part ${row.part} does not decode any more`)
  const input: Input = {
    kind: 'reading',
    ...part.reading,
    id: row.id,
    part: row.part,
    device: part.device,
    receivedAt: row.receivedAt,
    ...(row.clock === 'backwards_elsewhere' ? { clockBackwardsElsewhere: true } : {}),
  }
  const { outcome, observedAt, clock } = row
  return { inputSeq, policyVersion, rulesVersion, input, recorded: { outcome, observedAt, clock } }
}

export function decodeAgain({ topic, payload }: Pick<KeptReading, 'topic' | 'payload'>): readonly DecodedPart[] {
  const parsed = parseTopic(topic)
  if (parsed?.kind === 'reading') return [decodeReading(parsed.device, payload)]
  return parsed?.kind === 'readings' ? decodeReadings(payload) : []
}
