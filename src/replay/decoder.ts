import type { DecodedPart } from '../decode/decoded.ts'
import type { ReadingInput } from '../occupancy/input.ts'
import { decodeAgain } from './kept-inputs.ts'

interface Part {
  readonly id: string
  readonly part: number
  readonly topic: string
  readonly payload: Buffer
  readonly receivedAt: number
  readonly clock: string | null
}

/** Decodes logged messages, each once: its parts follow each other. */
export class LogDecoder {
  #id = ''
  #parts: readonly DecodedPart[] = []

  /** The input that a part of a message makes; undefined where it is none, or cannot be read. */
  input(part: Part): ReadingInput | undefined {
    if (part.id !== this.#id) {
      this.#id = part.id
      this.#parts = decodeAgain(part)
    }
    const decoded = this.#parts[part.part]
    if (decoded?.ok !== true) return undefined
    const input = {
      kind: 'reading',
      ...decoded.reading,
      id: part.id,
      part: part.part,
      device: decoded.device,
      receivedAt: part.receivedAt,
    } as const
    return part.clock === 'backwards_elsewhere' ? { ...input, clockBackwardsElsewhere: true } : input
  }
}
