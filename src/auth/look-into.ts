import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { Refusal } from '../refusal.ts'
import { tenantExists } from '../store/access.ts'
import { recordAudit } from '../store/audit.ts'
import { enterTenant, type TenantDatabase } from '../store/transactions.ts'
import type { UserPrincipal } from './principal.ts'

export interface LookIntoOptions {
  tenants: Pick<TenantDatabase, 'withAccounts'>
  clock: Clock
}

interface Look {
  tenantId: string
  requestId?: string | undefined
}

const auditedEveryMs = 3_600_000
const mostRemembered = 10_000

/**
 * Platform administrators look into tenants that they do not belong to: they read what its administrators may read, and change
 * nothing. The tenant's audit log says so before the first answer, and again each hour for as long as the session goes on
 * looking (in each process, and after its restart).
 */
export class LookInto {
  readonly #options: LookIntoOptions
  readonly #audited = new LRUCache<string, number>({ max: mostRemembered })

  constructor(options: LookIntoOptions) {
    this.#options = options
  }

  /** @throws Refusal `forbidden` for everybody else, whether or not there is such a tenant */
  async principal(principal: UserPrincipal, look: Look): Promise<UserPrincipal> {
    if (!principal.platformAdministrator) {
      throw new Refusal('forbidden', 'X-Baywire-Tenant is for platform administrators.')
    }
    if (!z.uuid().safeParse(look.tenantId).success) throw noSuchTenant()
    await this.#audit(principal, look)
    return { ...principal, tenant: { id: look.tenantId.toLowerCase(), role: 'admin' }, readOnly: true }
  }

  async #audit({ sessionId, userId }: UserPrincipal, { tenantId, requestId }: Look): Promise<void> {
    const now = this.#options.clock.now()
    const looked = `${sessionId} ${tenantId.toLowerCase()}`
    const last = this.#audited.get(looked)
    if (last !== undefined && now - last < auditedEveryMs) return
    await this.#options.tenants.withAccounts(async (tx) => {
      if (!(await tenantExists(tx, tenantId))) throw noSuchTenant()
      await recordAudit(await enterTenant(tx, tenantId), {
        actor: { kind: 'user', id: userId },
        action: 'tenant.looked_into',
        target: { kind: 'tenant', id: tenantId.toLowerCase() },
        detail: { session: sessionId },
        requestId,
      })
    })
    this.#audited.set(looked, now)
  }
}

function noSuchTenant(): Refusal {
  return new Refusal('not_found', 'X-Baywire-Tenant names no tenant.')
}
