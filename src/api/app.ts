import { BlockList } from 'node:net'
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Accounts } from '../auth/accounts.ts'
import type { PublishedKeys } from '../auth/published-keys.ts'
import type { SessionKeeper } from '../auth/sessions.ts'
import { systemClock, type Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import type { Live } from '../live/live.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import { findClient } from './client-address.ts'
import { problemResponse, type ApiEnv } from './context.ts'
import { ApiError } from './errors.ts'
import { failureOf, loggable } from './failure.ts'
import { invalidInput } from './input.ts'
import { boundedBody, observeRequests, wellFormedUrl } from './middleware.ts'
import { addPrivatePart } from './private-part.ts'
import type { RateLimits } from './rate-limits.ts'
import { RememberingRouter } from './router.ts'
import { addAccountRoutes, type AccountRoutesOptions } from './routes/accounts.ts'
import { addApiKeyRoutes } from './routes/api-keys.ts'
import { addAppRoutes } from './routes/apps.ts'
import { addAuditRoutes } from './routes/audit.ts'
import { addAvailabilityRoutes } from './routes/availability.ts'
import { addConsoleRoutes } from './routes/console.ts'
import { addDashboardRoutes } from './routes/dashboard.ts'
import { addDeadLetterRoutes } from './routes/dead-letters.ts'
import { addDeviceRoutes } from './routes/devices.ts'
import { addDocsRoutes } from './routes/docs.ts'
import { addDocumentRoute } from './routes/document.ts'
import { addExplainRoutes } from './routes/explain.ts'
import { addGatewayRoutes } from './routes/gateways.ts'
import { addLiveRoutes } from './routes/live.ts'
import { addJobRoutes } from './routes/jobs.ts'
import { addJwksRoute } from './routes/jwks.ts'
import { addLedgerRoutes } from './routes/ledger.ts'
import { addOrphanRoutes } from './routes/orphans.ts'
import { addParkingSessionRoutes } from './routes/parking-sessions.ts'
import { addPlaceRoutes } from './routes/place-routes.ts'
import { addProblemRoutes } from './routes/problems.ts'
import { addPublicRoutes } from './routes/public.ts'
import { addRedriveRoutes } from './routes/redrives.ts'
import { addReadingEventRoutes } from './routes/reading-events.ts'
import { addSearchRoutes } from './routes/search.ts'
import { addReplayRoutes } from './routes/replays.ts'
import { addSessionRoutes } from './routes/sessions.ts'
import { addSitePlanRoutes } from './routes/site-plan.ts'
import { addTenancyRoutes, type TenancyRoutesOptions } from './routes/tenancy-routes.ts'
import { addSystemRoutes } from './routes/system.ts'
import type { Readiness } from './readiness.ts'

/**
 * The HTTP API, constructed and not yet listening (server.ts does that). Every answer that is an error is a
 * problem document with a request id; what went wrong inside stays in the log.
 */
export interface ApiOptions {
  tenants: TenantDatabase
  metrics: Metrics
  log: Log
  readiness: () => Promise<Readiness>
  /** Tells who asks: of the routes for those who are signed in. */
  authenticator: Authenticator
  sessions: SessionKeeper
  accounts?: Accounts
  /** Whom a request counts as where failures are counted; without it, its address. */
  areaOf?: AccountRoutesOptions['areaOf']
  /** How people are invited, and what becomes of those who accept. */
  invites?: Pick<TenancyRoutesOptions, 'sender' | 'passwords' | 'mayBeSent' | 'inviteHours'>
  publishedKeys: Pick<PublishedKeys, 'jwks'>
  live: Live
  /** Without them nothing is limited. */
  limits?: RateLimits | undefined
  /** Whose word on where a request comes from is taken. */
  trustedProxies?: BlockList | undefined
  /** Of pages that may use what is not public. */
  origins?: readonly string[] | undefined
  /** What operators do to spaces happens at its time. */
  clock?: Clock
  /** How long a request waits for the database before it is answered with 503. */
  databaseWaitMs?: number
  /** Most readings of one dry run, and longest that it may take. */
  replayedReadings?: number
  replayMs?: number
}

export type Api = OpenAPIHono<ApiEnv>

export const DATABASE_WAIT_MS = 10_000
const REQUEST_ID_CHARACTERS = 64

export function createApi(options: ApiOptions): Api {
  const { log, databaseWaitMs = DATABASE_WAIT_MS } = options
  const app = beginApp(options)
  addSystemRoutes(app, options)
  addDocsRoutes(app)
  addProblemRoutes(app)
  addPublicRoutes(app, { views: options.live.views, databaseWaitMs, counted: options.limits?.perAddress })
  addJwksRoute(app, { publishedKeys: options.publishedKeys, databaseWaitMs })
  addPrivateRoutes(app, options)
  addDocumentRoute(app)
  addConsoleRoutes(app)
  return answerFailures(app, log)
}

/** What needs somebody to be signed in, or to sign in. */
function addPrivateRoutes(app: Api, options: ApiOptions): void {
  const {
    tenants,
    authenticator,
    limits,
    origins = [],
    databaseWaitMs = DATABASE_WAIT_MS,
    clock = systemClock,
  } = options
  addPrivatePart(app, { authenticator, limits, origins, databaseWaitMs, metrics: options.metrics })
  const { accounts, areaOf = (c) => c.get('client').network } = options
  if (accounts !== undefined) addAccountRoutes(app, { accounts, areaOf, databaseWaitMs, limits })
  addSessionRoutes(app, { tenants, databaseWaitMs, clock, sessions: options.sessions })
  addApiKeyRoutes(app, { tenants, databaseWaitMs, clock })
  const { invites } = options
  if (invites !== undefined) addTenancyRoutes(app, { tenants, databaseWaitMs, authenticator, ...invites })
  addPlaceRoutes(app, { tenants, databaseWaitMs, clock })
  addAvailabilityRoutes(app, { views: options.live.views, databaseWaitMs })
  addDeviceRoutes(app, { tenants, databaseWaitMs })
  addGatewayRoutes(app, { tenants, databaseWaitMs })
  addAppRoutes(app, { tenants, databaseWaitMs })
  addOrphanRoutes(app, { tenants, databaseWaitMs })
  addDashboardRoutes(app, { tenants, databaseWaitMs, clock })
  addLedgerRoutes(app, { tenants, databaseWaitMs, clock })
  addSearchRoutes(app, { tenants, databaseWaitMs })
  addLiveRoutes(app, { tenants, databaseWaitMs, authenticator, live: options.live, origins })
  addReadingEventRoutes(app, { tenants, databaseWaitMs, authenticator, live: options.live, origins })
  addJobRoutes(app, { tenants, databaseWaitMs })
  addParkingSessionRoutes(app, { tenants, databaseWaitMs })
  addAuditRoutes(app, { tenants, databaseWaitMs })
  addExplainRoutes(app, { tenants, databaseWaitMs, clock })
  addDeadLetterRoutes(app, { tenants, databaseWaitMs, clock })
  addRedriveRoutes(app, { tenants, databaseWaitMs })
  addSitePlanRoutes(app, { tenants, databaseWaitMs, clock })
  addReplayRoutes(app, {
    tenants,
    databaseWaitMs,
    clock,
    replayedReadings: options.replayedReadings,
    replayMs: options.replayMs,
  })
}

/** /health, /ready and /metrics alone, for a process without the API. */
export function createMonitor(options: Pick<ApiOptions, 'metrics' | 'log' | 'readiness'>): Api {
  const app = beginApp(options)
  addSystemRoutes(app, options)
  return answerFailures(app, options.log)
}

function beginApp(options: Pick<ApiOptions, 'metrics' | 'log' | 'trustedProxies'>): Api {
  const app: Api = new OpenAPIHono<ApiEnv>({ defaultHook: invalidInput, router: new RememberingRouter() })
  // Takes over an id of letters, digits and _ - = only: it is written to the log.
  app.use(requestId({ limitLength: REQUEST_ID_CHARACTERS, generator: () => newId() }))
  app.use(observeRequests(options))
  app.use(apiHeaders)
  app.use(findClient(options.trustedProxies ?? new BlockList()))
  app.use(methodNotAllowed({ app, onMethodNotAllowed: answerOtherMethod }))
  app.use(wellFormedUrl)
  app.use(boundedBody)
  return app
}

function answerFailures(app: Api, log: Log): Api {
  app.notFound((c) => problemResponse(c, new ApiError('not_found', 'There is nothing at this URL.')))
  app.onError((error, c) => {
    const failure = failureOf(error)
    const logged = { request_id: c.get('requestId'), method: c.req.method, path: c.req.path, error: loggable(failure) }
    if (failure.code === 'internal') log.error(logged, 'request failed')
    if (failure.code === 'unavailable') log.warn(logged, 'request could not be answered')
    return problemResponse(c, failure)
  })
  return app
}

/** This is an API of JSON: nothing of it is a page, and nothing of it is to be framed or sniffed. */
const apiHeaders = secureHeaders({
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  // Whether there is TLS, and for which names, is known to the proxy in front alone.
  strictTransportSecurity: false,
  xFrameOptions: 'DENY',
  overwrite: false,
})

function answerOtherMethod(c: Context<ApiEnv>, allowed: string[]): Response {
  const methods = [...allowed, 'OPTIONS'].join(', ')
  if (c.req.method === 'OPTIONS') {
    const response = c.body(null, 204, { Allow: methods })
    response.headers.delete('Content-Type')
    return response
  }
  const response = problemResponse(c, new ApiError('method_not_allowed', `This URL takes ${methods}.`))
  response.headers.set('Allow', methods)
  return response
}
