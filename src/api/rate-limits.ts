import type { Context, MiddlewareHandler } from 'hono'
import { LRUCache } from 'lru-cache'
import type { Principal } from '../auth/principal.ts'
import type { Bucket, BucketState, RateLimitStore } from '../store/rate-limits.ts'
import type { ApiEnv } from './context.ts'
import { ApiError } from './errors.ts'
import { withinTime } from './time-limit.ts'

/** How much may be asked for; 0 is without limit. What may be sent to one destination is limited where it is sent (auth/). */
export interface LimitSettings {
  /** Anything below /api/v1, per network address. */
  addressPerMinute: number
  /** What needs no token, of /api/v1/auth, per network address. */
  openPerMinute: number
  apiPerMinute: number
  apiPerHour: number
  apiPerDay: number
  tenantPerMinute: number
  loginsPerMinute: number
}

export interface RateLimits {
  /** Counted in each process by itself, before anything else is done for a request. */
  perAddress: MiddlewareHandler<ApiEnv>
  perOpenRoute: MiddlewareHandler<ApiEnv>
  /** Needs the principal, so it comes behind `signedIn`. */
  perPrincipal: MiddlewareHandler<ApiEnv>
  /** @param account the e-mail address in its one form, whether there is such an account or not */
  login(c: Context<ApiEnv>, account: string): Promise<void>
}

export interface RateLimitsOptions {
  settings: LimitSettings
  store: Pick<RateLimitStore, 'take'>
  databaseWaitMs: number
}

const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400
/** What a program may ask for, of what a person may. */
const API_KEY_TIMES = 10
/** Most networks that a process remembers; beyond, the ones not heard of for longest begin anew. */
const NETWORKS = 100_000

/** A bucket with the name that the answer gives it. */
type Named = Bucket & { readonly name: string }

export function rateLimits({ settings, store, databaseWaitMs }: RateLimitsOptions): RateLimits {
  /** Without the store nobody is let through: the request fails as the database does. */
  async function take(c: Context<ApiEnv>, buckets: readonly Named[]): Promise<Limited[]> {
    const wanted = buckets.filter(({ limit }) => limit > 0)
    if (wanted.length === 0) return []
    const { allowed, states } = await withinTime(store.take(wanted), databaseWaitMs)
    const limited = wanted.map((bucket, i) => ({ ...bucket, ...(states[i] ?? { remaining: 0, resetMs: 0 }) }))
    if (!allowed) refuse(c, limited)
    return limited
  }

  return {
    perAddress: perProcess({ name: 'address', limit: settings.addressPerMinute }),
    perOpenRoute: async (c, next) => {
      const key = `open:${c.get('client').network}`
      const limited = await take(c, [{ name: 'open', key, limit: settings.openPerMinute, windowS: MINUTE_S }])
      await next()
      tell(c.res.headers, limited)
    },
    perPrincipal: async (c, next) => {
      const principal: Principal | undefined = c.get('principal')
      // Of nobody where only the methods of a URL are asked for, which costs nothing.
      const limited = principal === undefined ? [] : await take(c, bucketsOf(principal, settings))
      await next()
      tell(c.res.headers, limited)
    },
    async login(c, account) {
      const key = `login:${account} ${c.get('client').network}`
      await take(c, [{ name: 'login', key, limit: settings.loginsPerMinute, windowS: MINUTE_S }])
    },
  }
}

function bucketsOf(principal: Principal, settings: LimitSettings): Named[] {
  const [who, times] =
    principal.kind === 'user' ? [`user:${principal.userId}`, 1] : [`api_key:${principal.apiKeyId}`, API_KEY_TIMES]
  const { tenant } = principal
  return [
    { name: 'minute', key: `${who} m`, limit: settings.apiPerMinute * times, windowS: MINUTE_S },
    { name: 'hour', key: `${who} h`, limit: settings.apiPerHour * times, windowS: HOUR_S },
    { name: 'day', key: `${who} d`, limit: settings.apiPerDay * times, windowS: DAY_S },
    ...(tenant === undefined
      ? []
      : [{ name: 'tenant', key: `tenant:${tenant.id}`, limit: settings.tenantPerMinute, windowS: MINUTE_S }]),
  ]
}

/** Guards the process itself: bounded in memory, and without a round trip to the database. */
function perProcess({ name, limit }: { name: string; limit: number }): MiddlewareHandler<ApiEnv> {
  const networks = new LRUCache<string, { used: number; endsAt: number }>({ max: NETWORKS })
  return async (c, next) => {
    if (limit === 0) return await next()
    const now = performance.now()
    const { network } = c.get('client')
    let window = networks.get(network)
    if (window === undefined || window.endsAt <= now) {
      window = { used: 0, endsAt: now + MINUTE_S * 1000 }
      networks.set(network, window)
    }
    const bucket = { name, key: network, limit, windowS: MINUTE_S }
    const state = () => ({ remaining: limit - window.used, resetMs: window.endsAt - now })
    if (window.used >= limit) refuse(c, [{ ...bucket, ...state() }])
    window.used += 1
    const limited = [{ ...bucket, ...state() }]
    await next()
    tell(c.res.headers, limited)
  }
}

type Limited = Named & BucketState

function refuse(c: Context<ApiEnv>, limited: readonly Limited[]): never {
  const empty = limited.filter(({ remaining }) => remaining === 0)
  const waitS = Math.max(1, ...empty.map(({ resetMs }) => Math.ceil(resetMs / 1000)))
  const headers = new Headers()
  tell(headers, limited)
  for (const [header, value] of headers) c.header(header, value)
  throw new ApiError('too_many_requests', `That was too much: try again in ${waitS} s.`, { retryAfterS: waitS })
}

/** As draft-ietf-httpapi-ratelimit-headers has it: lists of structured fields, an item for each limit. */
function tell(headers: Headers, limited: readonly Limited[]): void {
  for (const { name, limit, windowS, remaining, resetMs } of limited) {
    headers.append('RateLimit-Policy', `"${name}";q=${limit};w=${windowS}`)
    headers.append('RateLimit', `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`)
  }
}
