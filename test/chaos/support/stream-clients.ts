import { setTimeout as pause } from 'node:timers/promises'
import { SocketFollower, SseFollower } from '../../api/support/stream-followers.ts'

/** Where somebody follows from, and as whom. */
export interface Place {
  port: number
  key: string
  /** The cursor of before the first event. */
  start: string
}

const retryMs = { least: 50, most: 250 }

/** One who follows a tenant as an app does: whenever the connection is lost it comes back, with the last id that it has. */
export class StreamClient {
  readonly ids: string[] = []
  /** Sites that its events were of. */
  readonly sites = new Set<string>()
  resets = 0
  connections = 0
  /** The last id that came, with an event or without. */
  last: string
  readonly #place: Place
  readonly #kind: 'sse' | 'ws'
  readonly #done: Promise<void>
  #stopped = false

  constructor(kind: 'sse' | 'ws', place: Place) {
    this.#kind = kind
    this.#place = place
    this.last = place.start
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      // oxlint-disable no-await-in-loop -- one connection after the other
      try {
        await (this.#kind === 'sse' ? this.#overSse() : this.#overSocket())
      } catch {
        // Nobody is there: the next try.
      }
      await pause(retryMs.least + Math.random() * (retryMs.most - retryMs.least))
      // oxlint-enable no-await-in-loop
    }
  }

  async #overSse(): Promise<void> {
    const follower = new SseFollower(this.#place.port, { token: this.#place.key, lastEventId: this.last })
    let taken = 0
    let counted = false
    await this.#until(
      () => follower.closed,
      () => {
        if (!counted && follower.status === 200) {
          counted = true
          this.connections += 1
        }
        for (; taken < follower.heard.length; taken++) {
          const { event, data, id } = follower.heard[taken] ?? {}
          if (event === 'reset') this.resets += 1
          else if (id !== undefined) this.#take(id, String(data.site_id))
        }
        this.last = follower.lastId ?? this.last
      },
    )
    follower.close()
  }

  async #overSocket(): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.#place.port}/api/v1/ws/tickets`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.#place.key}` },
    })
    const { ticket } = (await response.json()) as { ticket: string }
    const follower = new SocketFollower(this.#place.port, ticket)
    follower.socket.on('open', () => {
      this.connections += 1
      follower.say({ type: 'subscribe', room: 'tenant', since: this.last })
    })
    let taken = 0
    await this.#until(
      () => follower.closeCode !== undefined,
      () => {
        for (; taken < follower.heard.length; taken++) {
          const said = follower.heard[taken]
          if (said?.type === 'reset') this.resets += 1
          if (said?.type === 'event') this.#take(String(said['event'].id), String(said['event'].site_id))
          else if (typeof said?.['id'] === 'string') this.last = said['id']
        }
      },
    )
    follower.close()
  }

  async #until(over: () => boolean, take: () => void): Promise<void> {
    for (let last = false; !last;) {
      last = over() || this.#stopped
      // Whatever came before the end counts.
      take()
      // oxlint-disable-next-line no-await-in-loop -- a look now and then
      if (!last) await pause(20)
    }
  }

  #take(id: string, site: string): void {
    this.ids.push(id)
    this.sites.add(site)
    this.last = id
  }
}
