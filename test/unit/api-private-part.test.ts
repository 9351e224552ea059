import { testAccess } from '../support/access.ts'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createApi, type Api } from '../../src/api/app.ts'
import { isOpenPath, WEB_SOCKET } from '../../src/api/private-part.ts'
import { createMetrics } from '../../src/metrics.ts'
import { Refusal } from '../../src/refusal.ts'

const nobody = () => Promise.reject(new Error('no database here'))

function api({ metrics = createMetrics() } = {}): Api {
  const tenants = {
    tenantBySlug: nobody,
    withAccounts: nobody,
    withTenant: nobody,
    withTenantWriter: nobody,
    withTenantSnapshot: nobody,
    close: () => Promise.resolve(),
  }
  return createApi({
    ...testAccess({ tenants }),
    tenants,
    metrics,
    log: pino({ level: 'silent' }),
    readiness: () => Promise.resolve({ ready: true, parts: {} }),
    authenticator: { authenticate: () => Promise.reject(new Refusal('unauthenticated', 'Sign in.')) },
  })
}

/** Without a token; a WebSocket has its ticket. */
const isOpen = (path: string) => isOpenPath(path) || path === WEB_SOCKET

function routesOf(app: Api) {
  return app.openAPIRegistry.definitions
    .flatMap((definition) => (definition.type === 'route' ? [definition.route] : []))
    .filter(({ path }) => path.startsWith('/api/v1/') && !path.startsWith('/api/v1/public/'))
}

it('says of a route that one must be signed in where one must be, and nowhere else', () => {
  const routes = routesOf(api())
  expect(routes.length).toBeGreaterThan(0)
  const wrong = routes.filter(({ path, security }) => isOpen(path) === (security !== undefined))
  expect(wrong.map(({ method, path }) => `${method} ${path}`)).toEqual([])
})

it('lets nobody in who is not signed in, in whatever spelling they ask', async () => {
  const app = api()
  const paths = routesOf(app)
    .filter(({ path }) => !isOpen(path))
    .flatMap(({ method, path }) => {
      const real = path.replaceAll(/\{\w+\}/g, '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55')
      const spellings = [
        real,
        `${real}?x=1`,
        real.replace('/api', '/%61pi'),
        `/api/v1/public/../..${real.slice(4)}`,
        `/api/v1/auth/login/../..${real.slice(7)}`,
      ]
      return spellings.map((spelling) => [method.toUpperCase(), spelling] as const)
    })
  for (const [method, path] of [...paths, ['GET', '/api/v1/nothing'], ['DELETE', '/api/v1/AUTH/login']] as const) {
    // oxlint-disable-next-line no-await-in-loop
    const { status } = await app.request(path, { method })
    expect([401, 404], `${method} ${path}`).toContain(status)
  }
})

it('counts who brings a token or an API key that is not in force', async () => {
  const metrics = createMetrics()
  const app = api({ metrics })
  const send = async (authorization?: string) =>
    await app.request('/api/v1/sites', { headers: authorization === undefined ? {} : { Authorization: authorization } })
  for (const credential of [undefined, 'Bearer bw_guessed', 'Bearer bw_again', 'Bearer a.b.c']) {
    // oxlint-disable-next-line no-await-in-loop
    expect((await send(credential)).status).toBe(401)
  }
  const { values } = await metrics.unauthenticated.get()
  expect(values.map(({ labels, value }) => [labels.credential, value])).toEqual([
    ['api_key', 2],
    ['token', 1],
  ])
})
