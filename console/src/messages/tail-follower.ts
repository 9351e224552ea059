import { signal, type ReadonlySignal } from '@preact/signals'
import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'
import { EventStream, type StreamState } from '../live/event-stream.ts'
import { SignedOut } from '../requests/problem.ts'
import { bodyOf, isProblem, type Requests } from '../requests/requests.ts'
import { Tail, type TailRow } from './tail.ts'

export type Reading = InferResponseType<BaywireClient['api']['v1']['readings']['$get'], 200>['items'][number]

export interface TailView {
  rows: readonly TailRow<Reading>[]
  /** What was logged before it was followed has been read. */
  begun: boolean
  /** Readings since it was paused, those that were skipped among them; undefined while it runs. */
  held: number | undefined
  /** Too many to be sent, since it was begun. */
  skipped: number
}

export interface TailFollowerOptions extends Requests {
  /** Of the API, without a period. */
  query: Record<string, string>
  /** One may not read the log any more. */
  onForbidden: () => void
}

const recentShown = '50'
/** More often nobody can read it, and a busy tenant has hundreds in a second. */
const showMs = 250

/** Follows readings as they are logged, behind the last ones from before; what is shown stands still while it is paused. */
export class TailFollower {
  readonly #tail = new Tail<Reading>()
  readonly #view = signal<TailView>({ rows: [], begun: false, held: undefined, skipped: 0 })
  readonly #error = signal<Error>()
  readonly #stream: EventStream
  readonly #options: TailFollowerOptions
  readonly #abort = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined
  #begun = false
  #pausedAt: number | undefined

  constructor(options: TailFollowerOptions) {
    this.#options = options
    const { query, send } = options
    this.#stream = new EventStream({
      send: (input, init) => this.#watched(send(input, init)),
      url: `/api/v1/readings/events?${new URLSearchParams(query).toString()}`,
      onEvent: ({ kind, data }) => this.#onEvent(kind, data),
      onReset: ({ first }) => void this.#begin({ first }),
      onForbidden: () => options.onForbidden(),
    })
  }

  get view(): ReadonlySignal<TailView> {
    return this.#view
  }

  get state(): ReadonlySignal<StreamState> {
    return this.#stream.state
  }

  /** Why it does not follow: the last time it tried. */
  get error(): ReadonlySignal<Error | undefined> {
    return this.#error
  }

  pause(): void {
    this.#pausedAt ??= this.#tail.arrived
    this.#show()
  }

  resume(): void {
    this.#pausedAt = undefined
    this.#show()
  }

  wake(): void {
    this.#stream.wake()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#abort.abort()
    this.#stream.stop()
  }

  /** The stream only tries again; what was refused for good is to be said, and not to be asked again. */
  async #watched(asked: Promise<Response>): Promise<Response> {
    try {
      const response = await asked
      this.#error.value = undefined
      return response
    } catch (error) {
      if (isProblem(error)) {
        this.#error.value = error
        if (error.status === 400 || error.status === 404 || error.status === 422) this.#stream.stop()
      }
      throw error
    }
  }

  #onEvent(kind: string, data: string): void {
    const body: unknown = JSON.parse(data)
    if (kind === 'reading') this.#tail.push(body as Reading)
    else if (kind === 'skipped') this.#tail.skip((body as { count: number }).count)
    else return
    this.#timer ??= setTimeout(() => this.#show(), showMs)
  }

  /** What came before is read once the stream is open: nothing falls between. */
  async #begin({ first }: { first: boolean }): Promise<void> {
    const { api, query } = this.#options
    if (!first) this.#tail.clear()
    try {
      const asked = api.readings.$get(
        { query: { ...query, limit: recentShown } },
        { init: { signal: this.#abort.signal } },
      )
      const { items } = await bodyOf(asked)
      this.#tail.begin(items)
    } catch (error) {
      // What comes from now on is shown without it.
      if (error instanceof SignedOut || this.#abort.signal.aborted) return
    }
    this.#begun = true
    this.#show()
  }

  #show(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const held = this.#pausedAt === undefined ? undefined : this.#tail.arrived - this.#pausedAt
    const rows = held === undefined ? this.#tail.rows : this.#view.peek().rows
    this.#view.value = { rows, begun: this.#begun, held, skipped: this.#tail.skipped }
  }
}
