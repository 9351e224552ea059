import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import type { Accounts } from '../auth/accounts.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { newId } from '../ids.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import { problemResponse, type ApiEnv } from './context.ts'
import { ApiError } from './errors.ts'
import { failureOf, loggable } from './failure.ts'
import { invalidInput } from './input.ts'
import { boundedBody, observeRequests, wellFormedUrl } from './middleware.ts'
import { addAccountRoutes, type AccountRoutesOptions } from './routes/accounts.ts'
import { addDocumentRoute } from './routes/document.ts'
import { addPublicRoutes } from './routes/public.ts'
import { addSystemRoutes } from './routes/system.ts'
import { addTenancyRoutes, type TenancyRoutesOptions } from './routes/tenancy-routes.ts'
import type { Readiness } from './readiness.ts'
import { signedIn } from './signed-in.ts'

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
  authenticator?: Authenticator
  /** How people are invited, and what becomes of those who accept. */
  invites?: Pick<TenancyRoutesOptions, 'sender' | 'passwords' | 'mayBeSent' | 'inviteHours'>
  accounts?: Accounts
  /** Whom an address counts as where failures are counted. */
  areaOf?: AccountRoutesOptions['areaOf']
  /** How long a request waits for the database before it is answered with 503. */
  databaseWaitMs?: number
}

export type Api = OpenAPIHono<ApiEnv>

const ownAccountPaths = ['me', 'profile', 'password/change'].map((path) => `/api/v1/auth/${path}`)
const DATABASE_WAIT_MS = 10_000
const REQUEST_ID_CHARACTERS = 64

const TENANCY_PATHS = ['tenant', 'members', 'invites'].map((noun) => `/api/v1/${noun}/*`)

export function createApi(options: ApiOptions): Api {
  const { log, tenants, authenticator, invites, databaseWaitMs = DATABASE_WAIT_MS } = options
  const app = beginApp(options)
  addSystemRoutes(app, options)
  addPublicRoutes(app, { tenants, databaseWaitMs })
  if (authenticator !== undefined && invites !== undefined) {
    for (const path of TENANCY_PATHS) app.use(path, signedIn(authenticator))
    addTenancyRoutes(app, { tenants, databaseWaitMs, authenticator, ...invites })
  }
  const { accounts, areaOf = () => 'none' } = options
  if (accounts !== undefined && authenticator !== undefined) {
    for (const path of ownAccountPaths) app.use(path, signedIn(authenticator))
    addAccountRoutes(app, { accounts, areaOf, databaseWaitMs })
  }
  addDocumentRoute(app)
  return answerFailures(app, log)
}

/** /health, /ready and /metrics alone, for a process without the API. */
export function createMonitor(options: Omit<ApiOptions, 'tenants' | 'databaseWaitMs'>): Api {
  const app = beginApp(options)
  addSystemRoutes(app, options)
  return answerFailures(app, options.log)
}

function beginApp(options: Pick<ApiOptions, 'metrics' | 'log'>): Api {
  const app: Api = new OpenAPIHono<ApiEnv>({ defaultHook: invalidInput })
  // Takes over an id of letters, digits and _ - = only: it is written to the log.
  app.use(requestId({ limitLength: REQUEST_ID_CHARACTERS, generator: () => newId() }))
  app.use(observeRequests(options))
  app.use(apiHeaders)
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
