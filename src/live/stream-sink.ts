import type { Batch } from './event-body.ts'
import type { Room } from './rooms.ts'

/** Why a stream ends, as those at its other end are told where there is a way to. */
export type EndReason =
  /** This process stops; another goes on. */
  | 'stopping'
  /** The access token, or the key, has come to its end. */
  | 'expired'
  /** Whoever opened it may not follow any more. */
  | 'forbidden'
  /** Reads too slowly. */
  | 'too_slow'
  /** Says too much, or has too many streams. */
  | 'too_busy'
  /** This process has too many streams. */
  | 'full'

export interface Reset {
  room: Room
  /** Events behind this cursor follow. */
  id: string
  snapshotUrl: string
}

/** One connection to somebody who follows, as the stream sees it: how things are written is its own affair. */
export interface Sink {
  readonly kind: 'sse' | 'ws'
  /** Bytes that were written and have not left this process. */
  readonly unsentBytes: number
  events(batch: Batch): void
  reset(reset: Reset): void
  expiring(at: Date): void
  /** All that there was has been sent; `id` is the cursor of its end. */
  caughtUp(id: string): void
  /** @param id a cursor that one may resume from, where all before it was sent */
  heartbeat(id: string | undefined): void
  /** Resolves when what was written has left, or the connection is gone. */
  drained(): Promise<void>
  /** Says why, and closes. */
  end(reason: EndReason): void
  /** Closes at once: whatever was not sent is dropped. */
  cut(): void
}
