import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import { ReadingHub } from './reading-hub.ts'
import type { TailCursors } from './tail-cursor.ts'

export interface ReadingHubsOptions {
  tenants: Pick<TenantDatabase, 'withTenant'>
  cursors: TailCursors
  log: Log
  pauseMs?: number
}

const defaultPauseMs = 500

/** One hub for each tenant whose readings somebody listens to. */
export class ReadingHubs {
  readonly #options: ReadingHubsOptions
  readonly #hubs = new Map<string, ReadingHub>()

  constructor(options: ReadingHubsOptions) {
    this.#options = options
  }

  of(tenantId: string): ReadingHub {
    const known = this.#hubs.get(tenantId)
    if (known !== undefined) return known
    const { tenants, cursors, log, pauseMs = defaultPauseMs } = this.#options
    const hub = new ReadingHub({
      tenantId,
      tenants,
      cursors,
      pauseMs,
      onTrouble: (error) =>
        log.warn({ reason: describeError(error) }, 'readings could not be followed, next try in a moment'),
    })
    this.#hubs.set(tenantId, hub)
    return hub
  }
}
