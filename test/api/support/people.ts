import type { Authenticator } from '../../../src/auth/authenticator.ts'
import type { Permission, Role } from '../../../src/auth/permissions.ts'
import type { Principal } from '../../../src/auth/principal.ts'
import { newId } from '../../../src/ids.ts'
import { Refusal } from '../../../src/refusal.ts'

/** Those who may ask, each by the token that they are registered under. */
export class People implements Authenticator {
  readonly #byToken = new Map<string, Principal>()

  user(token: string, tenantId: string | undefined, role: Role = 'owner'): Principal {
    const tenant = tenantId === undefined ? undefined : { id: tenantId, role }
    return this.#add(token, { kind: 'user', userId: newId(), sessionId: newId(), tenant, platformAdministrator: false })
  }

  apiKey(token: string, tenantId: string, scopes: readonly Permission[]): Principal {
    return this.#add(token, { kind: 'api_key', apiKeyId: newId(), tenant: { id: tenantId, role: 'owner' }, scopes })
  }

  #add(token: string, principal: Principal): Principal {
    this.#byToken.set(`Bearer ${token}`, principal)
    return principal
  }

  async authenticate(authorization: string | undefined): Promise<Principal> {
    const principal = this.#byToken.get(authorization ?? '')
    if (principal === undefined) throw new Refusal('unauthenticated', 'Sign in.')
    return principal
  }
}
