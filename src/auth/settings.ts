import type { Config } from '../config.ts'
import type { AccessSettings } from './access.ts'

/** What of the settings concerns tokens and sessions. */
export function accessSettings(config: Config): AccessSettings {
  return {
    tokens: { issuer: config.BAYWIRE_TOKEN_ISSUER, minutes: config.BAYWIRE_ACCESS_TOKEN_MINUTES },
    limits: {
      idleDays: config.BAYWIRE_SESSION_IDLE_DAYS,
      days: config.BAYWIRE_SESSION_DAYS,
      hoursWithoutRemember: config.BAYWIRE_SESSION_HOURS,
      retryS: config.BAYWIRE_REFRESH_RETRY_S,
      perUser: config.BAYWIRE_SESSIONS_PER_USER,
    },
    // A development database may come out of a backup, without the secret that was made beside it.
    onOtherSecret: config.BAYWIRE_ENV === 'production' ? 'refuse' : 'replace',
    signingKeyDays: config.BAYWIRE_SIGNING_KEY_DAYS,
  }
}
