/** Of a message only as much is kept as is ever shown of it. */
const shownBytes = 256
const lengthBytes = 4

/** What is kept of a message: its first bytes and, where it is longer, behind them how long it is as a whole. */
export function keptOf(payload: Buffer): Buffer {
  if (payload.length <= shownBytes) return payload
  const kept = Buffer.allocUnsafe(shownBytes + lengthBytes)
  payload.copy(kept, 0, 0, shownBytes)
  kept.writeUInt32BE(payload.length, shownBytes)
  return kept
}

export interface Sample {
  /** The first bytes of the message, and how long that is as a whole. */
  sample: Buffer
  sample_bytes: number
}

export function sampleOf(kept: Buffer): Sample {
  const longer = kept.length === shownBytes + lengthBytes
  return {
    sample: kept.subarray(0, shownBytes),
    sample_bytes: longer ? kept.readUInt32BE(shownBytes) : kept.length,
  }
}
