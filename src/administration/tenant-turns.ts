import { Refusal } from '../refusal.ts'

export interface TenantTurnsOptions {
  /** Most of all tenants at once. */
  readonly atOnce: number
  /** What a tenant is told of which one is running, and where others have all the turns. */
  readonly refusals: { readonly own: string; readonly others: string }
}

const retryAfterS = 5

/** Work that is dear to the process that answers everybody: one at a time of each tenant, and a few in all. Nobody waits for a turn. */
export class TenantTurns {
  readonly #options: TenantTurnsOptions
  readonly #running = new Set<string>()

  constructor(options: TenantTurnsOptions) {
    this.#options = options
  }

  /** @throws Refusal `too_many_requests` where the tenant has its turn already, `busy` where there is none left */
  async take<T>(tenantId: string, work: () => Promise<T>): Promise<T> {
    this.#enter(tenantId)
    try {
      return await work()
    } finally {
      this.#running.delete(tenantId)
    }
  }

  #enter(tenantId: string): void {
    const { atOnce, refusals } = this.#options
    if (this.#running.has(tenantId)) throw new Refusal('too_many_requests', refusals.own, { retryAfterS })
    if (this.#running.size >= atOnce) throw new Refusal('busy', refusals.others, { retryAfterS })
    this.#running.add(tenantId)
  }
}
