import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { noBrowser, phone, screenshot, seriousFaults } from './support/browser.ts'
import { ConsoleHome, signIn } from './support/console.ts'
import type { Person } from './support/town.ts'

const olga: Person = { email: 'olga@city.example', password: 'plinth gravel otter', tenant: 'city', role: 'owner' }
const vera: Person = { email: 'vera@city.example', password: 'wandering teapot museum', tenant: 'city', role: 'viewer' }

describe.skipIf(noBrowser)('the console', () => {
  let own: ConsoleHome
  beforeAll(async () => {
    own = await ConsoleHome.create()
    await own.town.makeTenant('city', {
      sites: [{ code: 'north', name: 'North' }],
      spaces: [{ site: 'north', code: 'A-1' }],
    })
    await own.town.makeTenant('other', {
      sites: [{ code: 'south', name: 'South' }],
      spaces: [{ site: 'south', code: 'B-1' }],
    })
    await own.town.addPerson(olga)
    await own.town.addPerson(vera)
    await own.town.addMembership({ email: olga.email, tenant: 'other', role: 'viewer' })
  })
  afterEach(() => own.expectNoTrouble())
  afterAll(() => own.remove())

  it('is signed in to with an account of the API, and goes where the URL says', async () => {
    const page = await own.openAs(olga, '/sites')
    await page.getByRole('heading', { name: 'Sites' }).waitFor()
    await page.getByRole('link', { name: 'North' }).waitFor()
    expect(await page.title()).toBe('Sites · Baywire')
    await page.getByText('Live', { exact: true }).waitFor()
  })

  it('says what is wrong with a wrong password, and lets one try again', async () => {
    const page = await own.open()
    await signIn(page, { ...olga, password: 'not the right one' })
    await page.getByRole('alert').getByText('do not belong together').waitFor()
    await signIn(page, olga)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })

  it('keeps the session over a reload, and ends it when one signs out', async () => {
    const page = await own.openAs(olga, '/sites')
    const refreshes: string[] = []
    page.on('request', (request) => {
      if (request.url().endsWith('/auth/refresh')) refreshes.push(request.url())
    })
    await page.reload()
    await page.getByRole('link', { name: 'North' }).waitFor()
    await page.reload()
    await page.getByRole('link', { name: 'North' }).waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    // One for each: whoever asks first, the others wait for it.
    expect(refreshes).toHaveLength(2)
    await page.getByRole('button', { name: /^Account:/ }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are signed out.').waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Sign in to Baywire' }).waitFor()
  })

  it('keeps no token where another tab or a later visitor finds it', async () => {
    const page = await own.openAs(olga)
    const kept = await page.evaluate(() =>
      JSON.stringify([Object.entries(localStorage), document.cookie, location.href]),
    )
    expect(kept).toBe(JSON.stringify([[], '', own.home.url('/')]))
    const other = await own.open('/', { context: page.context() })
    await other.getByRole('heading', { name: 'Sign in to Baywire' }).waitFor()
  })

  it('does not use the session of the tab that it is a copy of', async () => {
    const page = await own.openAs(olga, '/sites')
    const copied = await page.evaluate(() => Object.entries(sessionStorage))
    const copy = await page.context().newPage()
    await copy.addInitScript((entries) => {
      for (const [key, value] of entries) sessionStorage.setItem(key, String(value))
    }, copied)
    await copy.goto(own.home.url('/sites'))
    await copy.getByRole('heading', { name: 'Sign in to Baywire' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Sites' }).waitFor()
  })

  it('asks to sign in again where the session has ended, and goes on where one was', async () => {
    const page = await own.openAs(olga, '/sites')
    await page.getByRole('link', { name: 'North' }).waitFor()
    const ended = await own.home.run(['user', 'password', '--email', olga.email, '--json'])
    expect(ended.code).toBe(0)
    await page.getByText('Your session has ended.').waitFor()
    const { password } = JSON.parse(ended.stdout) as { password: string }
    await signIn(page, { ...olga, password })
    await page.getByText('must be changed now').waitFor()
    olga.password = 'a marble in the rain barrel'
    await page.getByLabel('New password').fill(olga.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Sites' }).waitFor()
  })

  it('says so while the API is gone, and goes on by itself when it is back', async () => {
    const page = await own.openAs(olga, '/sites')
    await page.getByRole('link', { name: 'North' }).waitFor()
    await own.program.kill()
    await page.getByText('The API does not answer; what you see is of').waitFor()
    // What was read stays.
    expect(await page.getByRole('link', { name: 'North' }).isVisible()).toBe(true)
    own.program = await own.home.start()
    await page.getByText('The API does not answer').waitFor({ state: 'hidden', timeout: 60_000 })
    await page.getByText('Live', { exact: true }).waitFor()
  })

  it('shows whoever has less rights less, and says what is missing', async () => {
    const page = await own.openAs(vera, '/audit')
    await page.getByText('audit:read').waitFor()
    const links = await page.getByRole('navigation').getByRole('link').allTextContents()
    expect(links).toEqual(['Overview', 'Sites', 'Devices', 'Reservations'])
  })

  it('goes on in another tenant, of which nothing else is seen then', async () => {
    const page = await own.openAs(olga, '/sites')
    await page.getByRole('link', { name: 'North' }).waitFor()
    await page.getByRole('button', { name: 'Account: The city car parks' }).click()
    await page.getByRole('button', { name: 'The other car parks (viewer)' }).click()
    await page.getByRole('button', { name: 'Account: The other car parks' }).waitFor()
    await page.getByRole('navigation').getByRole('link', { name: 'Sites' }).click()
    await page.getByRole('link', { name: 'South' }).waitFor()
    expect(await page.getByRole('link', { name: 'North' }).count()).toBe(0)
    expect(await page.getByRole('link', { name: 'Audit' }).count()).toBe(0)
    await page.getByText('Live', { exact: true }).waitFor()
  })

  it('finds a space by its code, by keyboard alone', async () => {
    const page = await own.openAs(olga, '/sites')
    await page.getByRole('combobox', { name: 'Go to space' }).focus()
    await page.keyboard.type('a-')
    await page.getByRole('option', { name: /A-1/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL('**/spaces/*')
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1')
  })

  it('has no serious fault of accessibility where one signs in, light and dark', async () => {
    for (const dark of [false, true]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const page = await own.open('/', { dark })
      // oxlint-disable-next-line no-await-in-loop
      await page.getByRole('heading', { name: 'Sign in to Baywire' }).waitFor()
      // oxlint-disable-next-line no-await-in-loop
      expect(await seriousFaults(page)).toEqual([])
      // oxlint-disable-next-line no-await-in-loop
      await screenshot(page, `sign-in-desktop-${dark ? 'dark' : 'light'}`)
    }
    const small = await own.open('/', { viewport: phone })
    await small.getByRole('heading', { name: 'Sign in to Baywire' }).waitFor()
    await screenshot(small, 'sign-in-phone')
  })
})

describe.skipIf(noBrowser)('what serves the console', () => {
  let own: ConsoleHome
  beforeAll(async () => (own = await ConsoleHome.create({ BAYWIRE_LIMIT_LOGINS_PER_MINUTE: '1' })))
  afterEach(() => own.expectNoTrouble())
  afterAll(() => own.remove())

  it('says when to try again, where it was too much', async () => {
    const page = await own.open()
    await signIn(page, olga)
    await page.getByText('do not belong together').waitFor()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').getByText('Too many requests').waitFor()
    await page.getByText(/Try again in \d+ s/).waitFor()
  })

  it('lets its pages load nothing but themselves, and nobody keep an old one', async () => {
    const page = await fetch(own.home.url('/sites/abc'))
    expect(page.status).toBe(200)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('cache-control')).toBe('no-cache')
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
    const text = await page.text()
    expect(text).not.toMatch(/<script(?![^>]*\bsrc=)|<style|style=/)
    for (const [, asset = ''] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect(asset).toMatch(/^\/console\/assets\//)
      // oxlint-disable-next-line no-await-in-loop
      const { status, headers } = await fetch(own.home.url(asset))
      expect([status, headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable'])
    }
  })

  it('answers what is no page as before', async () => {
    for (const path of ['/nothing', '/api/nothing', '/console/assets/nothing.js', '/sites/a/b']) {
      // oxlint-disable-next-line no-await-in-loop
      const { status, headers } = await fetch(own.home.url(path), { headers: { Accept: 'text/html' } })
      expect([status, headers.get('content-type')], path).toEqual([404, 'application/problem+json'])
    }
  })
})
