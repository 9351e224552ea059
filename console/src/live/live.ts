import { effect, signal, type ReadonlySignal } from '@preact/signals'
import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'
import type { Connection } from '../requests/connection.ts'
import type { Requests } from '../requests/requests.ts'
import type { Session } from '../session/session.ts'
import { EventStream, type StreamState } from './event-stream.ts'

export type SpaceEvent = InferResponseType<BaywireClient['api']['v1']['changes']['$get'], 200>['items'][number]

export interface Follower {
  /** Each change of a space of the tenant, in the order of its recording. */
  onEvent?: (event: SpaceEvent) => void
  /** Something may have been missed: read anew what you show. */
  onReset?: () => void
}

export interface LiveOptions {
  session: Session
  requests: Requests
  connection: Connection
}

/** How long a page waits for the stream before it reads without it. */
const liveWaitMs = 3000

/**
 * What happens in the tenant, as it happens: one stream for the whole tab, open while somebody is signed in who may see
 * it. First follow, then read: whatever comes in between is then heard, and of two states the one with the higher
 * `version` is the newer one.
 */
export class Live {
  readonly #followers = new Set<Follower>()
  readonly #state = signal<StreamState>('off')
  /** A page has read while nothing was followed. */
  #readWithout = false

  constructor({ session, requests, connection }: LiveOptions) {
    let following: string | undefined
    let stop: (() => void) | undefined
    effect(() => {
      const state = session.state.value
      const wanted =
        state.kind === 'signed in' && session.may('places:read')
          ? `${state.me.user?.id} ${state.me.tenant?.id}`
          : undefined
      if (wanted === following) return
      stop?.()
      following = wanted
      stop = wanted === undefined ? undefined : this.#begin({ session, requests, connection })
    })
  }

  get state(): ReadonlySignal<StreamState> {
    return this.#state
  }

  /** @returns what ends it */
  follow(follower: Follower): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }

  /** To be awaited before one reads. Resolves when the stream is live, or will not be so soon. */
  async settled(): Promise<void> {
    if (this.#state.peek() === 'connecting') await this.#connected()
    if (this.#state.peek() !== 'live') this.#readWithout = true
  }

  #connected(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, liveWaitMs)
      const stop = this.#state.subscribe((state) => {
        if (state === 'connecting') return
        clearTimeout(timer)
        queueMicrotask(() => stop())
        resolve()
      })
    })
  }

  #begin({ session, requests, connection }: LiveOptions): () => void {
    const stream = new EventStream({
      send: requests.send,
      url: '/api/v1/events',
      onEvent: ({ data }) => {
        const event = JSON.parse(data) as SpaceEvent
        for (const follower of this.#followers) follower.onEvent?.(event)
      },
      onReset: ({ first }) => {
        if (first && !this.#readWithout) return
        this.#readWithout = false
        for (const follower of this.#followers) follower.onReset?.()
      },
      onForbidden: () => void session.readMe().catch(() => {}),
      onAlive: () => connection.answered(),
    })
    const stopState = stream.state.subscribe((state) => {
      this.#state.value = state
    })
    const stopWaking = connection.recoveries.subscribe(() => stream.wake())
    return () => {
      stream.stop()
      stopState()
      stopWaking()
      this.#state.value = 'off'
    }
  }
}
