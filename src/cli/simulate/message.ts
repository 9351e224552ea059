import { mostReadingsPerMessage } from '../../decode/native.ts'

/** One reading of one device, numbered: what it is known by when it arrives twice. */
export interface NumberedReading {
  readonly device: string
  readonly seq: number
  readonly atMs: number
  /** What a log says where that is neither occupied nor vacant: published as it is. */
  readonly occupied: boolean | string
}

/** A gateway's message, ready to be sent. */
export interface Message {
  readonly payload: string
  readonly readings: readonly NumberedReading[]
}

/** What one connection sends, in order. Nothing is made before it is due, so that it may say now. */
export interface Lane {
  /** When the next message is to be sent, in milliseconds from the start of the run; undefined after the last. */
  nextDueMs(): number | undefined
  /** The next message. Called only where there is one. */
  take(): Message
}

export const mostPerMessage = mostReadingsPerMessage
/** Below what Baywire takes by default, with room for what is around the readings. */
export const mostMessageBytes = 60_000

export function encodeReading({ device, seq, atMs, occupied }: NumberedReading, boot: number): string {
  return JSON.stringify({ device, occupied, at: new Date(atMs).toISOString(), seq, boot })
}

export function makeMessage(readings: readonly NumberedReading[], encoded: readonly string[]): Message {
  return { payload: `{"readings":[${encoded.join(',')}]}`, readings }
}
