import type { Clock } from '../clock.ts'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { deleteOldSessions } from '../store/sessions.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import type { SigningKeys } from './signing-keys.ts'

export interface MaintenanceOptions {
  tenants: Pick<TenantDatabase, 'withAccounts'>
  keys: Pick<SigningKeys, 'maintain'>
  clock: Clock
  log: Log
}

const everyMs = 10 * 60_000
/** How long sessions that ended are kept, and with them the tokens that show who reuses one. */
const keptMs = 30 * 24 * 3_600_000
const mostAtOnce = 1000

/** Each process of the API looks after the signing keys and old sessions from time to time; that several do is no harm. */
export class Maintenance {
  readonly #options: MaintenanceOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: MaintenanceOptions) {
    this.#options = options
  }

  /** @throws BaywireError where the signing keys cannot be used */
  async start(): Promise<void> {
    await this.#options.keys.maintain()
    this.#timer = setInterval(() => {
      this.#running = this.run()
    }, everyMs)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  async run(): Promise<void> {
    const { tenants, keys, clock, log } = this.#options
    try {
      await keys.maintain()
      const before = new Date(clock.now() - keptMs)
      await tenants.withAccounts((tx) => deleteOldSessions(tx, { before, limit: mostAtOnce }))
    } catch (error) {
      log.warn({ reason: describeError(error) }, 'signing keys and old sessions were not looked after')
    }
  }
}
