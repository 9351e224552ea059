import type { Reading } from '../occupancy/input.ts'

/** One reading of a message, or why this part of it is none. Decoders never throw. */
export type DecodedPart =
  | {
      readonly ok: true
      readonly device: string
      readonly reading: Reading
      /** Digest of the reading as sent where it has no counter, else null: the rest of its identity. */
      readonly content: number | null
    }
  | {
      readonly ok: false
      /** The device that it names, where that much could be read. */
      readonly device: string | null
      readonly reason: string
    }
