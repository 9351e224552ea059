import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { noteApiKeyUse } from '../store/api-keys.ts'
import { noteSessionUse } from '../store/sessions.ts'
import type { TenantDatabase } from '../store/transactions.ts'

export interface LastUseOptions {
  tenants: Pick<TenantDatabase, 'withAccounts' | 'withTenant'>
  clock: Clock
  log: Log
}

type Used = { kind: 'session'; id: string } | { kind: 'api_key'; id: string; tenantId: string }

const onceMs = 60_000
const mostRemembered = 20_000
const mostWaiting = 1000

/**
 * When sessions and API keys were last used, to the minute: written beside the requests, one row at a time, which no request
 * waits for. What could not be written is left out; the next use writes it.
 */
export class LastUse {
  readonly #options: LastUseOptions
  readonly #noted = new LRUCache<string, number>({ max: mostRemembered })
  readonly #waiting: Used[] = []
  #running: Promise<void> | undefined

  constructor(options: LastUseOptions) {
    this.#options = options
  }

  note(used: Used): void {
    const now = this.#options.clock.now()
    const before = this.#noted.get(used.id)
    if (this.#waiting.length >= mostWaiting || (before !== undefined && now - before < onceMs)) return
    this.#noted.set(used.id, now)
    this.#waiting.push(used)
    this.#running ??= this.#run()
  }

  /** When all that was noted is written. */
  async settled(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    for (let used = this.#waiting.shift(); used !== undefined; used = this.#waiting.shift()) {
      // oxlint-disable-next-line no-await-in-loop -- a row at a time: it takes no lock while it waits for another
      await this.#write(used).catch((error: unknown) =>
        this.#options.log.debug({ reason: describeError(error) }, 'a last use was not noted'),
      )
    }
    this.#running = undefined
  }

  async #write(used: Used): Promise<void> {
    const { tenants, clock } = this.#options
    const now = clock.now()
    const times = { at: new Date(now), unlessAfter: new Date(now - onceMs) }
    if (used.kind === 'session') {
      await tenants.withAccounts((tx) => noteSessionUse(tx, { sessionId: used.id, ...times }))
    } else await tenants.withTenant(used.tenantId, (tx) => noteApiKeyUse(tx, { id: used.id, ...times }))
  }
}
