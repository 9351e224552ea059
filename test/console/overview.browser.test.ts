import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { createCredential } from '../../src/store/credentials.ts'
import { inTenant } from '../../src/store/provision.ts'
import { Sender } from '../e2e/support/sender.ts'
import { desktop, noBrowser, phone, screenshot, seriousFaults } from './support/browser.ts'
import { ConsoleHome } from './support/console.ts'
import type { Person } from './support/town.ts'

const olga: Person = { email: 'olga@city.example', password: 'plinth gravel otter', tenant: 'city', role: 'operator' }
const vera: Person = { email: 'vera@city.example', password: 'wandering teapot museum', tenant: 'city', role: 'viewer' }
const nina: Person = { email: 'nina@new.example', password: 'sixteen copper ladders', tenant: 'new', role: 'owner' }

const hostileNames = ['<img src=x onerror=alert(1)>', 'שלום ‮gnp.exe', 'W'.repeat(64)]

const needs = (page: Page) => page.getByRole('region', { name: 'What needs somebody' })

const harbour = (page: Page) =>
  page.getByRole('table', { name: 'Sites, and how many' }).getByRole('row').filter({ hasText: 'Harbour' })

const countOf = async (page: Page, status: string) =>
  Number(await harbour(page).locator(`[data-count=${status}]`).textContent())

describe.skipIf(noBrowser)('the overview', () => {
  let own: ConsoleHome
  let sender: Sender

  beforeAll(async () => {
    own = await ConsoleHome.create()
    const codes = Array.from({ length: 12 }, (_, index) => `A-${index + 1}`)
    await own.town.makeTenant('city', {
      sites: [
        { code: 'harbour', name: 'Harbour' },
        ...hostileNames.map((name, index) => ({ code: `h-${index}`, name })),
      ],
      spaces: codes.map((code) => ({ site: 'harbour', code })),
      gateways: ['roof'],
      devices: codes.slice(0, 10).map((code) => ({ code, site: 'harbour', space: code })),
    })
    await own.town.makeTenant('new', {})
    const secret = await inTenant(own.town.database, { slug: 'city' }, (tx) =>
      createCredential(tx, { kind: 'gateways', code: 'roof' }),
    )
    await Promise.all([own.town.addPerson(olga), own.town.addPerson(vera), own.town.addPerson(nina)])
    sender = await Sender.connect({ port: own.home.mqttPort, identity: { username: 'city/gateways/roof', secret } })
    for (const [index, device] of codes.slice(0, 8).entries()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await say({ device, occupied: index % 3 !== 0, seq: 1, boot: 1 })
    }
    await say({ device: 'A-1', occupied: false, seq: 1, boot: 1 }, { device: 'A-1', occupied: false, seq: 2, boot: 1 })
    await say({ device: 'N-77', occupied: true }, { device: 'A-2', occupied: 'perhaps' })
  })
  afterEach(() => own.expectNoTrouble())
  afterAll(async () => {
    await sender?.close()
    await own?.remove()
  })

  const say = (...readings: { device: string; occupied: unknown; seq?: number; boot?: number }[]) =>
    sender.publish('parking/v1/city/gateways/roof/readings', [JSON.stringify({ readings })])

  it('says what needs somebody, and leads to where it is mended', async () => {
    const page = await own.openAs(olga)
    const found = needs(page).getByRole('link')
    await found.first().waitFor()
    expect(await found.allTextContents()).toEqual(['2 silent devices', '1 orphan', '2 dead letters waiting'])
    await found.filter({ hasText: 'silent' }).click()
    await page.waitForURL('**/devices?state=silent')
    await page.getByRole('link', { name: 'A-10', exact: true }).waitFor()
    await page.goBack()
    await found.filter({ hasText: 'orphan' }).click()
    await page.getByRole('row').filter({ hasText: 'N-77' }).waitFor()
  })

  it('shows the books of today, hour by hour, and that they balance', async () => {
    const page = await own.openAs(olga)
    await page.getByText('The books balance:').waitFor()
    const outcome = (name: string) => page.locator(`[data-outcome=${name}]`).textContent()
    expect(
      await Promise.all(['applied', 'unchanged', 'duplicate', 'unknown_device', 'malformed'].map(outcome)),
    ).toEqual(['8', '1', '1', '1', '1'])
    await page.getByText('By hour, as a table').click()
    const row = page.getByRole('table', { name: 'Readings per hour' }).getByRole('row').nth(1)
    expect(await row.getByRole('cell').nth(1).textContent()).toBe('12')
    expect(await seriousFaults(page)).toEqual([])
    await page.getByText('By hour, as a table').click()
    await screenshot(page, 'overview-desktop')
  })

  it('counts a published reading without a reload, and shows what it changed', async () => {
    const page = await own.openAs(olga)
    await page.getByText('Live', { exact: true }).waitFor()
    await harbour(page).waitFor()
    const [free, occupied] = [await countOf(page, 'free'), await countOf(page, 'occupied')]
    await say({ device: 'A-1', occupied: true, seq: 3, boot: 1 })
    await harbour(page)
      .locator('[data-count=occupied]')
      .getByText(String(occupied + 1), { exact: true })
      .waitFor()
    expect(await countOf(page, 'free')).toBe(free - 1)
    const newest = page.getByRole('region', { name: 'Last changes' }).getByRole('listitem').first()
    await newest.getByRole('link', { name: 'harbour/A-1', exact: true }).waitFor()
    await newest.locator('[data-status=occupied]').waitFor()
  })

  it('asks for little, however much happens', async () => {
    const page = await own.openAs(olga)
    await page.getByText('Live', { exact: true }).waitFor()
    await harbour(page).waitFor()
    let asked = 0
    page.on('request', (request) => (asked += request.url().includes('/api/') ? 1 : 0))
    const occupied = await countOf(page, 'occupied')
    for (let seq = 10; seq < 50; seq++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await say({ device: 'A-9', occupied: seq % 2 === 0, seq, boot: 1 })
    }
    await say({ device: 'A-9', occupied: true, seq: 50, boot: 1 })
    await harbour(page)
      .locator('[data-count=occupied]')
      .getByText(String(occupied + 1), { exact: true })
      .waitFor()
    expect(asked).toBeLessThan(8)
  })

  it('is told when the books do not balance', async () => {
    const sql = connect({ url: await own.home.databaseUrl(), max: 1, statementTimeoutMs: 10_000, name: 'test' })
    const unbalance = (by: number) => sql`
      update ledger_entries set received = received + ${by}, applied = applied + ${by}
      where (minute, writer) = (select minute, writer from ledger_entries order by minute desc, writer limit 1)`
    await unbalance(3)
    const page = await own.openAs(olga)
    await needs(page).getByRole('link', { name: 'The books do not balance' }).waitFor()
    await page.getByText('ledger and log differ by 3 readings').waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'overview-unbalanced-desktop')
    await unbalance(-3)
    await sql.end()
  })

  it('is read on a phone, in the dark, and by whoever may see less', async () => {
    const page = await own.openAs(olga, '/', { viewport: phone })
    await page.getByText('The books balance:').waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width)
    expect(await seriousFaults(page)).toEqual([])
    await page.screenshot({ path: '.screenshots/overview-phone.png', fullPage: true, animations: 'disabled' })
    const dark = await own.openAs(vera, '/', { viewport: desktop, dark: true })
    await dark.getByText('The books balance:').waitFor()
    // What is mended on a page that they may not see is not theirs.
    expect(await needs(dark).getByText('dead letter').count()).toBe(0)
    expect(await seriousFaults(dark)).toEqual([])
    await screenshot(dark, 'overview-desktop-dark')
  })

  it('says what to do where there is nothing yet', async () => {
    const page = await own.openAs(nina)
    await page.getByText('There are no sites yet').waitFor()
    await page.getByText('Nothing was delivered today').waitFor()
    await page.getByText('Nothing has changed yet').waitFor()
    await page.getByText('Nothing does.').waitFor()
    await screenshot(page, 'overview-empty-desktop')
  })

  it('keeps what it shows while the API is gone, and goes on when it is back', async () => {
    const page = await own.openAs(olga)
    await page.getByText('The books balance:').waitFor()
    await own.program.kill()
    const banner = page.getByText('The API does not answer; what you see is of')
    await banner.waitFor()
    expect(await harbour(page).isVisible()).toBe(true)
    own.program = await own.home.start()
    await banner.waitFor({ state: 'hidden', timeout: 60_000 })
    await harbour(page).waitFor()
  })
})
