import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Api } from '../../src/api/app.ts'
import { apiFixture, insertTenant, type ApiFixture } from './fixture.ts'
import { People } from './support/people.ts'

const consoleOrigin = 'https://console.example.org'
let fixture: ApiFixture
let app: Api

beforeAll(async () => {
  fixture = await apiFixture()
  const people = new People()
  app = fixture.otherApi({ authenticator: people, origins: [consoleOrigin, 'null', '*'] })
  people.user('ann', await insertTenant(fixture.owner, { slug: 'cors' }))
})
afterAll(() => fixture.drop())

async function read(headers: Record<string, string>, init: RequestInit = {}) {
  return await app.request('/api/v1/audit', { ...init, headers: { Authorization: 'Bearer ann', ...headers } })
}

async function preflight(Origin: string) {
  return await app.request('/api/v1/audit', {
    method: 'OPTIONS',
    headers: { Origin, 'Access-Control-Request-Method': 'PATCH', 'Access-Control-Request-Headers': 'if-match' },
  })
}

describe('what is not public', () => {
  it('may be read by a page of a listed origin, and says that the answer is for that origin', async () => {
    const answer = await read({ Origin: consoleOrigin })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe(consoleOrigin)
    expect(answer.headers.get('access-control-expose-headers')).toContain('ETag')
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
    expect(answer.headers.get('vary')).toContain('Origin')
  })

  it('allows no other origin, be it null, a part, another scheme, port or spelling of a listed one', async () => {
    const others = [
      'null',
      '*',
      'https://console.example.org.evil.example',
      'https://evil-console.example.org',
      'http://console.example.org',
      'https://console.example.org:444',
      'https://CONSOLE.example.org',
      'https://console.example.org/',
      'https://user@console.example.org',
      `${consoleOrigin}, https://evil.example`,
    ]
    const answers = await Promise.all(others.map((Origin) => read({ Origin })))
    for (const answer of [...answers, await read({})]) {
      expect(answer.headers.get('access-control-allow-origin')).toBeNull()
      expect(answer.headers.get('vary')).toContain('Origin')
    }
  })

  it('lets the page of a listed origin read errors too', async () => {
    const answer = await read({ Origin: consoleOrigin, Authorization: 'Bearer nobody' })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('access-control-allow-origin')).toBe(consoleOrigin)
    expect(answer.headers.get('www-authenticate')).toContain('Bearer')
  })

  it('answers a preflight without a token, for listed origins alone', async () => {
    const good = await preflight(consoleOrigin)
    expect(good.status).toBe(204)
    expect(good.headers.get('access-control-allow-origin')).toBe(consoleOrigin)
    expect(good.headers.get('access-control-allow-methods')).toContain('PATCH')
    expect(good.headers.get('access-control-allow-headers')).toContain('Idempotency-Key')
    const bad = await preflight('https://evil.example')
    expect(bad.headers.get('access-control-allow-origin')).toBeNull()
    expect(bad.headers.get('access-control-allow-methods')).toBeNull()
  })

  it('is kept by nobody', async () => {
    const answers = [await read({}), await read({ Authorization: '' }), await app.request('/api/v1/nothing')]
    expect(answers.map(({ headers }) => headers.get('cache-control'))).toEqual(['no-store', 'no-store', 'no-store'])
  })
})

it('leaves what is public open to all', async () => {
  const answer = await app.request('/api/v1/public/cors/sites', { headers: { Origin: 'https://anybody.example' } })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
})

it('every answer is safe from being sniffed and framed, and none speaks for TLS', async () => {
  const paths = [
    '/health',
    '/openapi.json',
    '/docs',
    '/docs/start.js',
    '/problems/not-found',
    '/nothing',
    '/api/v1/audit',
    '/api/v1/public/cors/sites',
  ]
  for (const path of paths) {
    // oxlint-disable-next-line no-await-in-loop
    const { headers } = await app.request(path)
    expect(headers.get('x-content-type-options'), path).toBe('nosniff')
    expect(headers.get('content-security-policy'), path).toContain("frame-ancestors 'none'")
    expect(headers.get('content-security-policy'), path).toContain("default-src 'none'")
    expect(headers.get('x-frame-options'), path).toBe('DENY')
    expect(headers.get('referrer-policy'), path).toBe('no-referrer')
    expect(headers.get('strict-transport-security'), path).toBeNull()
  }
})
