import {
  endOwnSession,
  endOwnSessions,
  ownSessions,
  requirePerson,
  switchTenant,
  type Self,
} from '../../auth/own-sessions.ts'
import type { IssuedTokens } from '../../auth/sessions-contract.ts'
import { notSignedIn, type SessionKeeper } from '../../auth/sessions.ts'
import type { Clock } from '../../clock.ts'
import type { SessionRow } from '../../store/sessions.ts'
import type { Context } from 'hono'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { afterId, toPageById } from '../id-cursor.ts'
import { inAccounts, type SignedInOptions } from '../signed-in.ts'
import {
  endSessionRoute,
  endSessionsRoute,
  listSessionsRoute,
  logoutRoute,
  refreshRoute,
  switchTenantRoute,
} from './sessions-descriptions.ts'

export interface SessionRoutesOptions extends SignedInOptions {
  sessions: SessionKeeper
  clock: Clock
}

const LIST = 'sessions'

/** Refreshing and ending logins, and the tenant that they work in. */
export function addSessionRoutes(app: Api, options: SessionRoutesOptions): void {
  addTokenRoutes(app, options)
  const { sessions, clock } = options
  const selfOf = (c: Context<ApiEnv>): Self => ({
    principal: requirePerson(c.get('principal')),
    requestId: c.get('requestId'),
    clock,
  })

  app.openapi(listSessionsRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const self = selfOf(c)
    const page = { after: afterId(LIST, cursor), limit: limit + 1 }
    const rows = await inAccounts(options, (tx) => ownSessions(tx, self, page))
    return c.json(toPageById(rows, { list: LIST, limit, item: (row) => sessionOf(row, self) }), 200)
  })

  app.openapi(endSessionRoute, async (c) => {
    const self = selfOf(c)
    await inAccounts(options, (tx) => endOwnSession(tx, self, c.req.valid('param').id))
    return c.body(null, 204)
  })

  app.openapi(endSessionsRoute, async (c) => {
    const self = selfOf(c)
    const keepCurrent = c.req.valid('query').keep === 'current'
    const ended = await inAccounts(options, (tx) => endOwnSessions(tx, self, { keepCurrent }))
    return c.json({ ended }, 200)
  })

  app.openapi(switchTenantRoute, async (c) => {
    const self = selfOf(c)
    const { tenant_id: tenantId } = c.req.valid('json')
    const { token, expiresIn } = await inAccounts(options, (tx) => switchTenant(tx, self, { tenantId, sessions }))
    return c.json({ access_token: token, token_type: 'Bearer' as const, expires_in: expiresIn }, 200)
  })
}

/** Who holds a refresh token need not be signed in otherwise. */
function addTokenRoutes(app: Api, { sessions, ...options }: SessionRoutesOptions): void {
  app.openapi(refreshRoute, async (c) => {
    const { refresh_token: refreshToken } = c.req.valid('json')
    const issued = await inAccounts(options, (tx) => sessions.refresh(tx, refreshToken))
    // Only now: what the refresh has ended is committed.
    if (issued === undefined) throw notSignedIn()
    c.header('Cache-Control', 'no-store')
    return c.json(tokensOf(issued), 200)
  })

  app.openapi(logoutRoute, async (c) => {
    const { refresh_token: refreshToken } = c.req.valid('json')
    await inAccounts(options, (tx) => sessions.logout(tx, { refreshToken, requestId: c.get('requestId') }))
    c.header('Cache-Control', 'no-store')
    return c.body(null, 204)
  })
}

/** As login and refresh answer. */
export function tokensOf({ accessToken, refreshToken, expiresIn }: IssuedTokens) {
  return {
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: 'Bearer' as const,
    expires_in: expiresIn,
  }
}

function sessionOf(row: SessionRow, { principal }: Self) {
  return {
    id: row.id,
    current: row.id === principal.sessionId,
    device: row.device,
    address_area: row.addressArea,
    remember: row.remember,
    created_at: row.createdAt.toISOString(),
    last_used_at: row.lastUsedAt.toISOString(),
    expires_at: row.expiresAt.toISOString(),
  }
}
