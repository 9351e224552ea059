import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi'
import { hc } from 'hono/client'
import type { Env, Schema } from 'hono/types'
import type * as accounts from './routes/accounts-descriptions.ts'
import type * as apiKeys from './routes/api-keys-descriptions.ts'
import type * as apps from './routes/apps-descriptions.ts'
import type * as audit from './routes/audit-descriptions.ts'
import type * as availability from './routes/availability-descriptions.ts'
import type * as dashboard from './routes/dashboard-descriptions.ts'
import type * as deadLetters from './routes/dead-letters-descriptions.ts'
import type * as devices from './routes/devices-descriptions.ts'
import type * as explain from './routes/explain-descriptions.ts'
import type * as gateways from './routes/gateways-descriptions.ts'
import type * as history from './routes/history-descriptions.ts'
import type * as invites from './routes/invites-descriptions.ts'
import type * as jobs from './routes/jobs-descriptions.ts'
import type * as ledger from './routes/ledger-descriptions.ts'
import type * as live from './routes/live-descriptions.ts'
import type * as members from './routes/members-descriptions.ts'
import type * as orphans from './routes/orphans-descriptions.ts'
import type * as overrides from './routes/overrides-descriptions.ts'
import type * as parkingSessions from './routes/parking-sessions-descriptions.ts'
import type * as policies from './routes/policies-descriptions.ts'
import type * as publicRoutes from './routes/public-descriptions.ts'
import type * as readingEvents from './routes/reading-events-descriptions.ts'
import type * as readings from './routes/readings-descriptions.ts'
import type * as redrives from './routes/redrives-descriptions.ts'
import type * as replays from './routes/replays-descriptions.ts'
import type * as reservations from './routes/reservations-descriptions.ts'
import type * as search from './routes/search-descriptions.ts'
import type * as sessions from './routes/sessions-descriptions.ts'
import type * as sitePlan from './routes/site-plan-descriptions.ts'
import type * as sites from './routes/sites-descriptions.ts'
import type * as spaces from './routes/spaces-descriptions.ts'
import type * as tenant from './routes/tenant-descriptions.ts'
import type * as zones from './routes/zones-descriptions.ts'

/**
 * The typed client: paths, parameters, bodies and answers as the descriptions of the routes have them. Each file of
 * descriptions is named in `Described`; nothing else of the server comes with it.
 */
type Described = [
  typeof accounts,
  typeof apiKeys,
  typeof apps,
  typeof audit,
  typeof availability,
  typeof dashboard,
  typeof deadLetters,
  typeof devices,
  typeof explain,
  typeof gateways,
  typeof history,
  typeof invites,
  typeof jobs,
  typeof ledger,
  typeof live,
  typeof members,
  typeof orphans,
  typeof overrides,
  typeof parkingSessions,
  typeof policies,
  typeof publicRoutes,
  typeof readingEvents,
  typeof readings,
  typeof redrives,
  typeof replays,
  typeof reservations,
  typeof search,
  typeof sessions,
  typeof sitePlan,
  typeof sites,
  typeof spaces,
  typeof tenant,
  typeof zones,
]

type Handled<R extends RouteConfig> = ReturnType<typeof bare.openapi<R>>
declare const bare: OpenAPIHono

type SchemaOf<R> = R extends RouteConfig ? (Handled<R> extends OpenAPIHono<Env, infer S> ? S : never) : never
type RoutesOf<File> = File extends unknown ? { [Name in keyof File]: SchemaOf<File[Name]> }[keyof File] : never
type Together<Union> = (Union extends unknown ? (value: Union) => void : never) extends (value: infer All) => void
  ? All
  : never

type AllRoutes = Together<RoutesOf<Described[number]>>

export type BaywireApi = OpenAPIHono<Env, AllRoutes extends Schema ? AllRoutes : never>
export type BaywireClient = ReturnType<typeof hc<BaywireApi>>

export interface ClientOptions {
  /** An access token or an API key. */
  token?: string
  /** In place of the one of the platform. */
  fetch?: typeof fetch
}

/** @param url of the server, such as `https://parking.example.org` */
export function createClient(url: string, { token, ...options }: ClientOptions = {}): BaywireClient {
  return hc<BaywireApi>(url, {
    ...options,
    ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
  })
}
