import { signal, type ReadonlySignal } from '@preact/signals'
import { Problem, SignedOut } from '../requests/problem.ts'
import { SseParser, type ServerEvent } from './sse.ts'

/** `off` where it may not be followed, or was stopped. */
export type StreamState = 'connecting' | 'live' | 'lost' | 'off'

export interface EventStreamOptions {
  /** With the token. */
  send: typeof fetch
  /** Of the stream, with its query. */
  url: string
  onEvent: (event: ServerEvent) => void
  /**
   * Something may have been missed: what was read before is to be read anew. Once after the first connection too, with
   * `first`, since nothing was followed before.
   */
  onReset?: (how: { first: boolean }) => void
  /** It may not be followed now: rights have changed. Stop it, or it asks again now and then. */
  onForbidden?: () => void
  /** Something came, if only a heartbeat. */
  onAlive?: () => void
}

const firstWaitMs = 1000
const longestWaitMs = 30_000
/** There is a heartbeat every 15 s: a connection that is silent for longer than two is dead. */
const silenceMs = 40_000

/** Longer than anybody waits: `wake` ends it. */
const untilSeen = 2 ** 31 - 1
/** With another token. */
const renewedMs = 200
/** A browser opens six connections to a server, for all tabs together: one that nobody looks at gives its own back. */
const hiddenMs = 60_000

/**
 * Follows a stream of the API (docs/live.md): comes back where it was lost, with growing waits; begins a new connection
 * with a new token shortly before the old one ends; and goes on, without a gap, when somebody looks again.
 */
export class EventStream {
  readonly #options: EventStreamOptions
  readonly #state = signal<StreamState>('connecting')
  #place: string | undefined
  #waitMs = firstWaitMs
  #stopped = false
  #endWait = () => {}
  #connection = new AbortController()
  #hiding: ReturnType<typeof setTimeout> | undefined

  constructor(options: EventStreamOptions) {
    this.#options = options
    document.addEventListener('visibilitychange', this.#onVisibility)
    void this.#run()
  }

  get state(): ReadonlySignal<StreamState> {
    return this.#state
  }

  /** Comes back now, if it waits: there is reason to think that it succeeds. */
  wake(): void {
    this.#waitMs = firstWaitMs
    this.#endWait()
  }

  stop(): void {
    this.#stopped = true
    this.#state.value = 'off'
    this.#connection.abort()
    this.#endWait()
  }

  readonly #onVisibility = () => {
    clearTimeout(this.#hiding)
    this.#hiding = undefined
    if (document.hidden) this.#hiding = setTimeout(() => this.#connection.abort(), hiddenMs)
    else this.wake()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      // oxlint-disable-next-line no-await-in-loop -- one connection after the other
      const waitMs = await this.#follow()
      if (waitMs === undefined || this.#stopped) break
      // oxlint-disable-next-line no-await-in-loop
      if (waitMs > 0) await this.#pause(waitMs)
    }
    this.#state.value = 'off'
    clearTimeout(this.#hiding)
    document.removeEventListener('visibilitychange', this.#onVisibility)
  }

  /** One connection to its end. Answers how long to wait for the next one; undefined where there is to be none. */
  async #follow(): Promise<number | undefined> {
    this.#connection = new AbortController()
    try {
      return await this.#read(this.#connection)
    } catch (error) {
      if (this.#stopped || error instanceof SignedOut) return undefined
      if (document.hidden) return untilSeen
      this.#state.value = 'lost'
      if (error instanceof Problem && error.status === 403) return this.#forbidden()
      const asked = error instanceof Problem ? (error.retryAfterS ?? 0) * 1000 : 0
      return Math.max(asked, this.#nextWait())
    } finally {
      this.#connection.abort()
    }
  }

  async #read(connection: AbortController): Promise<number> {
    const { send, url, onEvent, onReset } = this.#options
    const first = this.#place === undefined
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    if (this.#place !== undefined) headers['Last-Event-ID'] = this.#place
    const { body } = await send(url, { headers, signal: connection.signal })
    if (body === null) throw new Error('an answer without a body')
    let fresh = first
    /** How long to wait for the next connection, once it is known that there is to be one. */
    const next: { waitMs?: number } = {}
    const goneLive = (id: string) => {
      this.#place = id
      this.#waitMs = firstWaitMs
      this.#state.value = 'live'
      if (fresh) onReset?.({ first })
      fresh = false
    }
    const parser = new SseParser({
      onPlace: goneLive,
      onEvent: (event) => {
        if (event.kind === 'session_expiring') next.waitMs = renewedMs
        else if (event.kind === 'end') next.waitMs = this.#afterEnd(event.data)
        else if (event.kind === 'reset') {
          fresh = true
          goneLive(event.id)
        } else {
          goneLive(event.id)
          onEvent(event)
        }
      },
    })
    const reader = body.getReader()
    const decoder = new TextDecoder()
    while (next.waitMs === undefined) {
      // oxlint-disable-next-line no-await-in-loop -- piece after piece
      const { done, value } = await withinSilence(reader.read(), connection)
      if (done) throw new Error('the stream ended')
      this.#options.onAlive?.()
      parser.push(decoder.decode(value, { stream: true }))
    }
    return next.waitMs
  }

  #afterEnd(data: string): number {
    if (data.includes('"forbidden"')) return this.#forbidden()
    // All who were connected to a process that stops come back: not in the same instant.
    return data.includes('"stopping"') ? Math.random() * firstWaitMs : 0
  }

  #forbidden(): number {
    this.#options.onForbidden?.()
    return longestWaitMs
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#endWait = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #nextWait(): number {
    const waitMs = this.#waitMs * (0.75 + Math.random() / 2)
    this.#waitMs = Math.min(this.#waitMs * 2, longestWaitMs)
    return waitMs
  }
}

async function withinSilence<T>(read: Promise<T>, connection: AbortController): Promise<T> {
  const timer = setTimeout(() => connection.abort(), silenceMs)
  try {
    return await read
  } finally {
    clearTimeout(timer)
  }
}
