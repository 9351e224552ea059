import type { ServerResponse } from 'node:http'
import { drained } from './drained.ts'
import type { Batch } from './event-body.ts'
import type { EndReason, Reset, Sink } from './stream-sink.ts'

export interface SseOptions {
  /** Without a byte taken for so long the connection is cut. */
  stuckMs: number
  /** What a client waits before it comes back. */
  retryMs: number
  /** `cut`: by us, because of `stuckMs`. */
  onGone: (how: 'too_slow' | 'gone') => void
}

/** For the last event to leave. */
const lastWaitMs = 2000

export const eventStreamType = 'text/event-stream; charset=utf-8'

/** Server-sent events on a response whose head has been written: https://html.spec.whatwg.org/multipage/server-sent-events.html. */
export class SseSink implements Sink {
  readonly kind = 'sse'
  readonly #response: ServerResponse

  constructor(response: ServerResponse, { stuckMs, retryMs, onGone }: SseOptions) {
    this.#response = response
    response.setTimeout(stuckMs, () => onGone('too_slow'))
    response.once('close', () => onGone('gone'))
    // The client may have reset the connection while we write: `close` follows.
    response.on('error', () => {})
    response.write(`retry: ${retryMs}\n\n`)
  }

  get unsentBytes(): number {
    return this.#response.writableLength
  }

  events(batch: Pick<Batch, 'sse'>): void {
    this.#response.write(batch.sse)
  }

  reset({ id, snapshotUrl }: Reset): void {
    this.#event('reset', { snapshot_url: snapshotUrl }, id)
  }

  expiring(at: Date): void {
    this.#event('session_expiring', { expires_at: at.toISOString() })
  }

  caughtUp(id: string): void {
    this.#response.write(`id: ${id}\n\n`)
  }

  /** An id without data is no event: it only moves the place to come back to. */
  heartbeat(id: string | undefined): void {
    this.#response.write(id === undefined ? ': heartbeat\n\n' : `: heartbeat\nid: ${id}\n\n`)
  }

  async drained(): Promise<void> {
    if (this.unsentBytes > 0) await drained(this.#response)
  }

  end(reason: EndReason): void {
    this.#event('end', { reason })
    this.#response.end()
    // Nobody else waits for one who does not take it.
    setTimeout(() => this.#response.destroy(), lastWaitMs).unref()
  }

  cut(): void {
    this.#response.destroy()
  }

  #event(kind: string, data: Record<string, unknown>, id?: string): void {
    const place = id === undefined ? '' : `id: ${id}\n`
    this.#response.write(`${place}event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`)
  }
}
