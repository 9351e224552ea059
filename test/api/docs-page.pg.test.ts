import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { problemKinds, problemType } from '../../src/api/problem.ts'
import { apiFixture, type ApiFixture } from './fixture.ts'

let fixture: ApiFixture
beforeAll(async () => {
  fixture = await apiFixture()
})
afterAll(() => fixture.drop())

describe('/docs', () => {
  it('loads its own files alone, and its policy allows no others', async () => {
    const answer = await fixture.app.request('/docs')
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const page = await answer.text()
    const loaded = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '')
    expect(loaded).toHaveLength(4)
    for (const url of loaded) {
      expect(url).toMatch(/^\/docs\/[a-z0-9.-]+$/)
      // oxlint-disable-next-line no-await-in-loop
      expect((await fixture.app.request(url)).status, url).toBe(200)
    }
    const policy = answer.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe-inline/)
    expect(page).not.toMatch(/<script>|<style|onload=/)
  })

  it('gives the files of the package, byte for byte, and again only when they changed', async () => {
    const answer = await fixture.app.request('/docs/swagger-ui-bundle.js')
    expect(answer.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    const file = createRequire(import.meta.url).resolve('swagger-ui-dist/swagger-ui-bundle.js')
    expect(Buffer.from(await answer.arrayBuffer()).equals(await readFile(file))).toBe(true)
    const again = await fixture.app.request('/docs/swagger-ui-bundle.js', {
      headers: { 'If-None-Match': answer.headers.get('etag') ?? '' },
    })
    expect(again.status).toBe(304)
  })

  it('gives no other file', async () => {
    const names = [
      'package.json',
      'index.html',
      'constructor',
      '__proto__',
      '..%2fpackage.json',
      '%2e%2e%2fpackage.json',
      'swagger-ui.css%00',
    ]
    for (const name of names) {
      // oxlint-disable-next-line no-await-in-loop
      const answer = await fixture.app.request(`/docs/${name}`)
      expect([name, answer.status, answer.headers.get('content-type')]).toEqual([name, 404, 'application/problem+json'])
    }
  })
})

describe('/problems', () => {
  it('says of each type what it is', async () => {
    for (const [code, { status, title }] of Object.entries(problemKinds)) {
      const type = problemType(code as keyof typeof problemKinds)
      // oxlint-disable-next-line no-await-in-loop
      const answer = await fixture.app.request(type)
      // oxlint-disable-next-line no-await-in-loop
      expect(await answer.json()).toMatchObject({ type, status, title })
    }
    expect((await fixture.app.request('/problems/none')).status).toBe(404)
  })
})
