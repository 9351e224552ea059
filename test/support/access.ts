import { pino } from 'pino'
import { createAccess, type Access, type AccessOptions, type AccessSettings } from '../../src/auth/access.ts'
import { systemClock } from '../../src/clock.ts'
import { createLive, type Live, type LiveOptions } from '../../src/live/live.ts'
import { createMetrics } from '../../src/metrics.ts'

/** Of the defaults. */
export const testSettings: AccessSettings = {
  tokens: { issuer: 'baywire', minutes: 15 },
  limits: { idleDays: 7, days: 30, hoursWithoutRemember: 24, retryS: 10, perUser: 20 },
  signingKeyDays: 90,
  onOtherSecret: 'refuse',
}

export const testSecret = 'a secret of the tests, 32 characters or more'

/** What tells who asks, with the settings of the tests; and the events, followed by nobody until they are started. */
export function testAccess({
  tenants,
  clock = systemClock,
  streams = {},
  now = Date.now,
  ...more
}: { tenants: AccessOptions['tenants'] & LiveOptions['tenants'] } & Partial<AccessOptions> &
  Pick<LiveOptions, 'streams' | 'now'>): Access & { live: Live } {
  const log = pino({ level: 'silent' })
  const access = createAccess({
    tenants,
    secret: testSecret,
    settings: testSettings,
    clock,
    log,
    ...more,
  })
  return { ...access, live: createLive({ tenants, secret: testSecret, log, metrics: createMetrics(), streams, now }) }
}

function refuse(): Promise<never> {
  return Promise.reject(new Error('there is no database'))
}

/** Nobody is let in: for tests without a database. */
export function nobodysAccess(): Access & { live: Live } {
  return testAccess({ tenants: { withAccounts: refuse, withTenant: refuse, tenantBySlug: refuse } })
}
