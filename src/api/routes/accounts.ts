import type { Context, MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { Accounts, Caller } from '../../auth/accounts.ts'
import { confirmEmail, sendVerification } from '../../auth/email-verification.ts'
import { logIn, type LoggedIn } from '../../auth/login.ts'
import { emailAddress } from '../../auth/email-address.ts'
import { describeUser, renameSelf, requireUser } from '../../auth/me.ts'
import { changePassword } from '../../auth/password-change.ts'
import { forgotPassword, resetPassword } from '../../auth/password-reset.ts'
import { register } from '../../auth/register.ts'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { RateLimits } from '../rate-limits.ts'
import { etagOf, expectedRevision } from '../revision.ts'
import { withinTime } from '../time-limit.ts'
import { keyBodyOf, meBodyOf, profileBodyOf } from './accounts-bodies.ts'
import {
  changePasswordRoute,
  changeProfileRoute,
  confirmEmailRoute,
  forgotPasswordRoute,
  loginRoute,
  meRoute,
  profileRoute,
  registerRoute,
  resetPasswordRoute,
  sendVerificationRoute,
} from './accounts-descriptions.ts'

/** Registering, logging in, passwords and addresses: of people, before and after they are signed in. */
export interface AccountRoutesOptions {
  accounts: Accounts
  /** Whom an address counts as where failures are counted; the same for whoever has none. */
  areaOf: (c: Context<ApiEnv>) => string
  databaseWaitMs: number
  /** Without them logins are not limited. */
  limits?: Pick<RateLimits, 'login'> | undefined
}

/** For browsers: only over TLS (or on this machine), only to this host, never for scripts. */
const DEVICE_COOKIE = 'baywire_device'
const DEVICE_CHARACTERS = 200
const accepted = { status: 'accepted' } as const

export function addAccountRoutes(app: Api, options: AccountRoutesOptions): void {
  const accounts = inTime(options)
  const callerOf = (c: Context<ApiEnv>): Caller => ({ requestId: c.get('requestId'), area: options.areaOf(c) })
  app.use('/api/v1/auth/*', notStored)
  addOpenRoutes(app, { accounts, callerOf, limits: options.limits })
  addOwnRoutes(app, { accounts, callerOf })
}

interface Means {
  accounts: Accounts
  callerOf: (c: Context<ApiEnv>) => Caller
  limits?: AccountRoutesOptions['limits']
}

function addOpenRoutes(app: Api, { accounts, callerOf, limits }: Means): void {
  app.openapi(registerRoute, async (c) => {
    const { email, password, name, tenant_name: tenantName, tenant_slug: tenantSlug } = c.req.valid('json')
    await register(accounts, { email, password, name, tenantName, tenantSlug }, callerOf(c))
    return c.json(accepted, 202)
  })

  app.openapi(loginRoute, async (c) => {
    const login = loginOf(c.req.valid('json'), c.req.valid('form'))
    // What is no address at all is nobody's: one account to count by.
    await limits?.login(c, emailAddress(login.email) ?? '')
    const device = { device: deviceOf(c), deviceCookie: getCookie(c, DEVICE_COOKIE, 'host') }
    const tokens = await logIn(accounts, { ...login, ...device }, callerOf(c))
    rememberDevice(c, { tokens, lifeS: accounts.cookies.lifeS })
    const { accessToken, refreshToken, expiresIn } = tokens
    const body = { access_token: accessToken, refresh_token: refreshToken, token_type: 'Bearer', expires_in: expiresIn }
    return c.json({ ...body, token_type: 'Bearer' as const }, 200)
  })

  app.openapi(forgotPasswordRoute, async (c) => {
    await forgotPassword(accounts, c.req.valid('json'))
    return c.json(accepted, 202)
  })

  app.openapi(resetPasswordRoute, async (c) => {
    await resetPassword(accounts, c.req.valid('json'), callerOf(c))
    return c.body(null, 204)
  })

  app.openapi(sendVerificationRoute, async (c) => {
    await sendVerification(accounts, c.req.valid('json'))
    return c.json(accepted, 202)
  })

  app.openapi(confirmEmailRoute, async (c) => {
    await confirmEmail(accounts, c.req.valid('json'), callerOf(c))
    return c.body(null, 204)
  })
}

function addOwnRoutes(app: Api, { accounts, callerOf }: Means): void {
  app.openapi(meRoute, async (c) => {
    const principal = c.get('principal')
    if (principal.kind === 'api_key') return c.json(keyBodyOf(principal), 200)
    return c.json(meBodyOf(principal, await describeUser(accounts, principal)), 200)
  })

  app.openapi(profileRoute, async (c) => {
    const { user } = await describeUser(accounts, requireUser(c.get('principal')))
    c.header('ETag', etagOf(user))
    return c.json(profileBodyOf(user), 200)
  })

  app.openapi(changeProfileRoute, async (c) => {
    const principal = requireUser(c.get('principal'))
    const revision = expectedRevision(c)
    const change = { principal, name: c.req.valid('json').name, revision }
    const user = await renameSelf(accounts, change, callerOf(c))
    c.header('ETag', etagOf(user))
    return c.json(profileBodyOf(user), 200)
  })

  app.openapi(changePasswordRoute, async (c) => {
    const { current_password: currentPassword, new_password: newPassword } = c.req.valid('json')
    const principal = requireUser(c.get('principal'))
    await changePassword(accounts, { principal, currentPassword, newPassword }, callerOf(c))
    return c.body(null, 204)
  })
}

/** No transaction keeps a request waiting for longer than any other does. */
function inTime({ accounts, databaseWaitMs }: AccountRoutesOptions): Accounts {
  const { database } = accounts
  return {
    ...accounts,
    database: { withAccounts: (work) => withinTime(database.withAccounts(work), databaseWaitMs) },
  }
}

const notStored: MiddlewareHandler<ApiEnv> = async (c, next) => {
  c.header('Cache-Control', 'no-store')
  await next()
}

interface GivenLogin {
  email: string
  password: string
  remember: boolean
  newPassword?: string | undefined
}

type LoginJson = Partial<{ email: string; password: string; remember: boolean; new_password: string | undefined }>
type LoginForm = Partial<{ username: string; password: string; new_password: string | undefined }>

/** Whichever was sent is whole: its schema said so. Of the other nothing is there. */
function loginOf(body: LoginJson, form: LoginForm): GivenLogin {
  const email = body.email ?? form.username
  const password = body.password ?? form.password
  if (email === undefined || password === undefined) {
    throw new ApiError('invalid_input', 'Send JSON or a form, and say which in Content-Type.')
  }
  return { email, password, remember: body.remember ?? false, newPassword: body.new_password ?? form.new_password }
}

function deviceOf(c: Context<ApiEnv>): string {
  const name = (c.req.header('User-Agent') ?? '').replaceAll(/[^\x20-\x7e]/g, ' ').trim()
  return name === '' ? 'unknown' : name.slice(0, DEVICE_CHARACTERS)
}

function rememberDevice(c: Context<ApiEnv>, { tokens, lifeS }: { tokens: LoggedIn; lifeS: number }): void {
  setCookie(c, DEVICE_COOKIE, tokens.deviceCookie, {
    prefix: 'host',
    path: '/',
    secure: true,
    httpOnly: true,
    sameSite: 'Lax',
    maxAge: lifeS,
  })
}
