import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import { AccessControl, accessHoldMs } from './access-control.ts'
import { Maintenance } from './maintenance.ts'
import { PublishedKeys } from './published-keys.ts'
import { SessionKeeper, type SessionLimits } from './sessions.ts'
import { SigningKeys } from './signing-keys.ts'
import type { TokenSettings } from './tokens.ts'

export interface AccessOptions {
  tenants: Pick<TenantDatabase, 'withAccounts' | 'withTenant'>
  /** BAYWIRE_SECRET. */
  secret: string
  settings: AccessSettings
  clock: Clock
  log: Log
  /** Milliseconds of a clock that only goes on. */
  elapsed?: () => number
}

export interface AccessSettings {
  tokens: Omit<TokenSettings, 'clock'>
  limits: SessionLimits
  signingKeyDays: number
  /** Of signing keys: see signing-keys.ts. */
  onOtherSecret: 'refuse' | 'replace'
}

/** All that tells who asks, put together. Nothing of it asks the database before it is used. */
export interface Access {
  authenticator: AccessControl
  sessions: SessionKeeper
  publishedKeys: PublishedKeys
  maintenance: Maintenance
}

export function createAccess({ tenants, secret, settings, clock, log, ...timing }: AccessOptions): Access {
  const tokens = { ...settings.tokens, clock }
  const { signingKeyDays: keyDays, onOtherSecret } = settings
  const keys = new SigningKeys({ tenants, secret, keyDays, onOtherSecret, clock })
  const publishedKeys = new PublishedKeys({ tenants, holdMs: accessHoldMs, ...timing })
  return {
    authenticator: new AccessControl({ tenants, keys: publishedKeys, tokens, clock, log, ...timing }),
    sessions: new SessionKeeper({ keys, tokens, limits: settings.limits, clock }),
    publishedKeys,
    maintenance: new Maintenance({ tenants, keys, clock, log }),
  }
}
