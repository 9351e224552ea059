import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createApi, type ApiOptions } from '../../src/api/app.ts'
import { problemBody } from '../../src/api/schemas.ts'
import { createLive } from '../../src/live/live.ts'
import { createMetrics } from '../../src/metrics.ts'
import type { TenantDatabase } from '../../src/store/transactions.ts'
import { nobodysAccess, testSecret } from '../support/access.ts'

const noTenants: TenantDatabase = {
  tenantBySlug: () => Promise.resolve(undefined),
  withAccounts: () => Promise.reject(new Error('no accounts here')),
  withTenantWriter: () => Promise.reject(new Error('unused')),
  withTenantSnapshot: () => Promise.reject(new Error('unused')),
  withTenant: () => Promise.reject(new Error('there are no tenants')),
  close: () => Promise.resolve(),
}

function failingTenants(error: Error): TenantDatabase {
  return {
    ...noTenants,
    tenantBySlug() {
      throw error
    },
  }
}

const readiness = () => Promise.resolve({ ready: true, parts: {} })

function api(options: Partial<ApiOptions> = {}) {
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const metrics = createMetrics()
  const { tenants = noTenants } = options
  const live = createLive({ tenants, secret: testSecret, log, metrics })
  const app = createApi({ ...nobodysAccess(), tenants, live, metrics, log, readiness, ...options })
  return { app, metrics, lines }
}

async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.get('cache-control')).toBe('no-store')
  const body = problemBody.strict().parse(await response.json())
  expect(body).toMatchObject({ status: response.status, request_id: response.headers.get('x-request-id') })
  return body
}

const sites = '/api/v1/public/demo/sites'

describe('errors', () => {
  it('answers a URL that nothing is at with a problem', async () => {
    const problem = await problemOf(await api().app.request('/nothing/h%C3%A4re?x=1'))
    expect(problem).toMatchObject({ type: '/problems/not-found', status: 404, instance: '/nothing/h%C3%A4re' })
  })

  it('answers another method with 405 and what is allowed', async () => {
    for (const path of [sites, '/health']) {
      const response = await api().app.request(path, { method: 'DELETE' })
      expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
      expect(await problemOf(response)).toMatchObject({ type: '/problems/method-not-allowed', status: 405 })
    }
  })

  it('refuses percent-encoding that is none, in the path and in the query', async () => {
    for (const path of ['/api/v1/public/%zz/sites', '/api/v1/public/%ff/sites', `${sites}?cursor=%`, '/%']) {
      expect(await problemOf(await api().app.request(path))).toMatchObject({ type: '/problems/malformed-request' })
    }
  })

  it('names each parameter that is wrong or unknown', async () => {
    const wrong = `${sites}?limit=0&cursor=abc&offset=1&__proto__=2`
    const problem = await problemOf(await api().app.request(wrong))
    expect(problem).toMatchObject({ type: '/problems/invalid-input', status: 400 })
    expect(problem.errors).toEqual([
      { path: 'limit', message: 'must be a whole number from 1 to 1000' },
      { path: 'offset', message: 'is not known here' },
      { path: '__proto__', message: 'is not known here' },
    ])
  })

  it.each(['', '-1', '1.5', '1e2', '0x10', ' 5', '1001', '99999999999999999999', '٣'])(
    'refuses limit "%s"',
    async (limit) => {
      const problem = await problemOf(await api().app.request(`${sites}?limit=${encodeURIComponent(limit)}`))
      expect(problem.errors).toEqual([{ path: 'limit', message: 'must be a whole number from 1 to 1000' }])
    },
  )

  it('refuses a parameter that is given twice', async () => {
    const problem = await problemOf(await api().app.request(`${sites}?limit=1&limit=2`))
    expect(problem.errors).toEqual([{ path: 'limit', message: 'must be given once' }])
  })

  it('bounds how much of a hostile query it repeats', async () => {
    const query = Array.from({ length: 200 }, (_, n) => `${'x'.repeat(500)}${n}=`).join('&')
    const response = await api().app.request(`${sites}?${query}`)
    const { errors } = problemBody.parse(await response.clone().json())
    expect(errors).toHaveLength(20)
    expect((await response.text()).length).toBeLessThan(4000)
  })

  it('refuses a body that is too large', async () => {
    const response = await api().app.request('/nothing', { method: 'POST', body: 'x'.repeat(1_048_577) })
    expect(await problemOf(response)).toMatchObject({ type: '/problems/content-too-large', status: 413 })
  })

  it('says nothing of a defect but the request id, which finds it in the log', async () => {
    const { app, lines } = api({ tenants: failingTenants(new Error('the inside')) })
    const response = await app.request(sites)
    const text = await response.clone().text()
    expect(text).not.toContain('inside')
    expect(await problemOf(response)).toMatchObject({ type: '/problems/internal', status: 500 })
    const line = lines.find((candidate) => candidate.includes('the inside'))
    expect(line).toContain(response.headers.get('x-request-id'))
  })

  it('answers 503 with a time to try again when the database is gone', async () => {
    const lost = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const response = await api({ tenants: failingTenants(lost) }).app.request(sites)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await problemOf(response)).toMatchObject({ type: '/problems/unavailable', status: 503 })
  })

  it('answers 503 when the database does not answer at all', async () => {
    const tenants: TenantDatabase = { ...noTenants, tenantBySlug: () => new Promise(() => {}) }
    const response = await api({ tenants, databaseWaitMs: 5 }).app.request(sites)
    expect(await problemOf(response)).toMatchObject({ status: 503 })
  })
})

describe('request ids', () => {
  it('takes over a well-formed one and replaces any other', async () => {
    const { app } = api()
    const idFor = async (id: string) =>
      (await app.request('/health', { headers: { 'X-Request-Id': id } })).headers.get('x-request-id')
    expect(await idFor('0af7651916cd43dd8448eb211c80319c')).toBe('0af7651916cd43dd8448eb211c80319c')
    for (const bad of ['a b', '{"x":1}', 'x'.repeat(65), 'id;rm', '"'])
      expect(await idFor(bad)).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('figures and log', () => {
  it('labels by the pattern of the route, never by the path', async () => {
    const { app, metrics, lines } = api()
    await app.request('/api/v1/public/some-tenant/sites')
    await app.request('/wp-admin/secret.php')
    await app.request(sites, { method: 'PROPFIND' })
    const { values } = await metrics.httpRequestSeconds.get()
    const labels = values.filter((value) => value.metricName?.endsWith('_count')).map((value) => value.labels)
    expect(labels).toEqual([
      { route: '/api/v1/public/:tenant/sites', method: 'GET', status: '404' },
      { route: 'unmatched', method: 'GET', status: '404' },
      { route: 'unmatched', method: 'other', status: '405' },
    ])
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 20,
      route: '/api/v1/public/:tenant/sites',
      status: '404',
    })
  })
})

describe('the label of a request', () => {
  it('is of its own route also where others match as well, and where it was refused before', async () => {
    const { app, metrics } = api()
    for (const path of ['/api/v1/spaces/export', '/api/v1/spaces/some-id', '/api/v1/nothing', '/health']) {
      await app.request(path)
    }
    const { values } = await metrics.httpRequestSeconds.get()
    const counted = values.filter((value) => value.metricName?.endsWith('_count'))
    expect(counted.map(({ labels }) => labels.route)).toEqual([
      '/api/v1/spaces/export',
      '/api/v1/spaces/:id',
      'unmatched',
      '/health',
    ])
  })
})

describe('headers', () => {
  it('lets any origin read the public routes, without credentials', async () => {
    const { app } = api()
    const answer = await app.request(sites, { headers: { Origin: 'https://app.example' } })
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
    expect(answer.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    const preflight = await app.request(sites, {
      method: 'OPTIONS',
      headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'GET' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET,HEAD')
    expect((await app.request('/metrics')).headers.get('access-control-allow-origin')).toBeNull()
  })

  it('tells browsers to guess and embed nothing, on every answer', async () => {
    for (const path of ['/health', '/nothing', sites, '/%']) {
      const { headers } = await api().app.request(path)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    }
  })
})

describe('system routes', () => {
  it('is healthy while it lives', async () => {
    const response = await api({ tenants: failingTenants(new Error('gone')) }).app.request('/health')
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }])
    const head = await api().app.request('/health', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    const options = await api().app.request('/health', { method: 'OPTIONS' })
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS'])
  })

  it('is ready as its parts are', async () => {
    const parts = { postgres: { ok: true, detail: 'answers' }, broker: { ok: false, detail: 'not connected' } }
    for (const ready of [true, false]) {
      const response = await api({ readiness: () => Promise.resolve({ ready, parts }) }).app.request('/ready')
      expect([response.status, await response.json()]).toEqual([ready ? 200 : 503, { ready, parts }])
    }
  })

  it('is not ready when that cannot be told, and says why only in the log', async () => {
    const { app, lines } = api({ readiness: () => Promise.reject(new Error('the inside')) })
    const response = await app.request('/ready')
    expect([response.status, await response.json()]).toEqual([503, { ready: false, parts: {} }])
    expect(lines.join('')).toContain('the inside')
  })

  it('gives its figures to Prometheus', async () => {
    const response = await api().app.request('/metrics')
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=/)
    expect(await response.text()).toContain('baywire_http_request_seconds')
  })
})
