import type { DecodedPart } from '../decode/decoded.ts'
import { decodeReading, decodeReadings } from '../decode/native.ts'
import { parseTopic } from '../mqtt/topics.ts'

/** A reading of the log decoded again from the whole of its message; undefined where that does not hold it. */
export function decodedPart(
  { topic, part }: { topic: string; part: number },
  payload: Buffer | null,
): DecodedPart | undefined {
  if (payload === null) return undefined
  const parsed = parseTopic(topic)
  if (parsed?.kind === 'reading') return part === 0 ? decodeReading(parsed.device, payload) : undefined
  return parsed?.kind === 'readings' ? decodeReadings(payload)[part] : undefined
}
