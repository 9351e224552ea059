import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Identity } from '../e2e/support/tenant.ts'
import { Sender } from '../e2e/support/sender.ts'
import { eventually } from '../support/program.ts'
import { noBrowser, phone, screenshot, seriousFaults } from './support/browser.ts'
import { ConsoleHome } from './support/console.ts'
import type { Person } from './support/town.ts'

const olga: Person = { email: 'olga@city.example', password: 'plinth gravel otter', tenant: 'city', role: 'owner' }
const hostileName = '<img src=x onerror="alert(1)"> \u202Egnp.exe'
const longCode = 'L'.repeat(64)
const bigSite = 5000

/** Two levels of a garage with a plan, a square of which only coordinates are known, a lot of which nothing is. */
const spaces = [
  ...Array.from({ length: 12 }, (_, index) => ({
    site: 'garage',
    level: 'P0',
    code: `A-${index + 1}`,
    planX: (index % 6) * 2.5,
    planY: index < 6 ? 0 : 11,
    ...(index === 1 ? { name: hostileName } : {}),
  })),
  { site: 'garage', level: 'P1', code: longCode, planX: 0, planY: 0 },
  { site: 'garage', level: 'P1', code: 'B-1', planX: 2.5, planY: 0 },
  ...[0, 1, 2].map((index) => ({ site: 'square', code: `S-${index}`, lat: 56.15, lon: 10.2 + index * 0.00005 })),
  ...[0, 1, 2].map((index) => ({ site: 'lot', code: `N-${index}` })),
  ...Array.from({ length: bigSite }, (_, index) => ({
    site: 'big',
    code: `X-${index}`,
    planX: (index % 100) * 2.5,
    planY: Math.floor(index / 100) * 8,
  })),
]

const bay = (page: Page, code: string): Locator => page.locator(`.bay[data-code="${code}"]`)
const statusOf = (page: Page, code: string) => bay(page, code).getAttribute('data-status')
const untilStatus = (page: Page, code: string, status: string) =>
  eventually(`${code} ${status}`, async () => (await statusOf(page, code)) === status)
const fillOf = (page: Page, code: string) =>
  bay(page, code)
    .locator('.ground')
    .evaluate((element) => getComputedStyle(element).fill)

describe.skipIf(noBrowser)('the plan of a site', () => {
  let own: ConsoleHome
  let identities: Map<string, Identity>
  let senders: Map<string, Sender>
  beforeAll(async () => {
    own = await ConsoleHome.create()
    identities = await own.town.makeTenant('city', {
      sites: ['garage', 'square', 'lot', 'big', 'empty'].map((code) => ({
        code,
        name: `The ${code}`,
        timezone: 'Europe/Copenhagen',
      })),
      spaces,
      devices: [
        { code: 'sensor-1', site: 'garage', space: 'A-1' },
        { code: 'sensor-2', site: 'garage', space: 'A-2' },
        { code: 'sensor-x', site: 'big', space: 'X-4321' },
      ],
    })
    await own.town.addPerson(olga)
    senders = new Map()
  })
  afterEach(() => own.expectNoTrouble())
  afterAll(async () => {
    await Promise.all([...senders.values()].map((sender) => sender.close()))
    await own.remove()
  })

  async function say(device: string, occupied: boolean): Promise<void> {
    const identity = identities.get(device)
    if (identity === undefined) throw new Error(`no device ${device}`)
    const sender = senders.get(device) ?? (await Sender.connect({ port: own.home.mqttPort, identity }))
    senders.set(device, sender)
    await sender.publish(`parking/v1/city/devices/${device}/reading`, [JSON.stringify({ occupied })])
  }

  async function openSite(name: string, options: Parameters<ConsoleHome['openAs']>[2] = {}): Promise<Page> {
    const page = await own.openAs(olga, '/sites', options)
    await page.getByRole('link', { name: `The ${name}` }).click()
    await page.getByRole('heading', { name: `The ${name}` }).waitFor()
    await page.locator('.bay').first().waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    return page
  }

  it('changes the colour of a space when a reading is published, without a reload', async () => {
    const page = await openSite('garage')
    await say('sensor-1', false)
    await untilStatus(page, 'A-1', 'free')
    const before = await fillOf(page, 'A-1')
    await page.evaluate(() => Object.assign(window, { notReloaded: true }))
    await say('sensor-1', true)
    await untilStatus(page, 'A-1', 'occupied')
    expect(await fillOf(page, 'A-1')).not.toBe(before)
    await page.getByRole('button', { name: 'Occupied 1' }).waitFor()
    await say('sensor-1', false)
    await untilStatus(page, 'A-1', 'free')
    expect(await page.evaluate(() => 'notReloaded' in window)).toBe(true)
  })

  it('shows an earlier state with the slider, says so, and goes back to live', async () => {
    const page = await openSite('garage')
    await say('sensor-1', true)
    await untilStatus(page, 'A-1', 'occupied')
    const then = Date.now()
    await say('sensor-1', false)
    await untilStatus(page, 'A-1', 'free')
    const slider = page.getByLabel('Moment')
    await eventually('a slider that goes on', async () => Number(await slider.getAttribute('max')) > then)
    await slider.fill(String(then))
    await page.getByText('As it was at').waitFor()
    await untilStatus(page, 'A-1', 'occupied')
    // What happens now is not shown there.
    const other = await statusOf(page, 'A-2')
    await say('sensor-2', other !== 'occupied')
    await bay(page, 'A-1').click()
    const why = page.getByRole('link', { name: 'Why did it show this?' })
    expect(await why.getAttribute('href')).toContain(`?at=${encodeURIComponent(new Date(then).toISOString())}`)
    expect(await statusOf(page, 'A-2')).toBe(other)

    // The same by its URL, for somebody else.
    await eventually('a URL that has the moment', () => new URL(page.url()).searchParams.has('at'))
    await page.reload()
    await page.getByText('As it was at').waitFor()
    await untilStatus(page, 'A-1', 'occupied')

    await page.getByRole('button', { name: 'Back to live' }).click()
    await untilStatus(page, 'A-1', 'free')
    await untilStatus(page, 'A-2', other === 'occupied' ? 'free' : 'occupied')
    expect(new URL(page.url()).searchParams.has('at')).toBe(false)
  })

  it('goes minute by minute with the arrow keys, and plays to the end', async () => {
    const page = await openSite('garage')
    await say('sensor-1', false)
    await untilStatus(page, 'A-1', 'free')
    await page.getByLabel('Moment').focus()
    await page.keyboard.press('PageDown')
    await page.getByText('As it was at').waitFor()
    await untilStatus(page, 'A-1', 'unknown')
    await page.keyboard.press('ArrowRight')
    await page.getByLabel('Speed').selectOption('3600')
    await page.getByRole('button', { name: 'Play' }).click()
    await untilStatus(page, 'A-1', 'free')
    await page.getByRole('button', { name: 'Play' }).waitFor()
    await page.getByRole('button', { name: 'Back to live' }).click()
    await page.getByText('Shown: now').waitFor()
  })

  it('shows a day that was chosen, and the last 24 hours again', async () => {
    const page = await openSite('garage')
    const today = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Copenhagen' }).format()
    await page.getByLabel('Day').fill(today)
    await page.getByText(`As it was at ${today}`).waitFor()
    await untilStatus(page, 'A-1', 'unknown')
    await page.getByRole('button', { name: 'Last 24 hours' }).click()
    await page.getByText('Shown: now').waitFor()
    expect(await page.getByLabel('Day').inputValue()).toBe('')
  })

  it('does everything by keyboard with the list, which shows the same', async () => {
    const page = await openSite('garage')
    const row = page.getByRole('button', { name: 'A-3 Unknown' })
    await row.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'Chosen space' }).getByRole('heading', { name: 'A-3' }).waitFor()
    await page.locator('.bay.selected[data-code="A-3"]').waitFor()
    await page.getByRole('button', { name: 'Unknown' }).first().focus()
    await page.keyboard.press('Space')
    await row.waitFor({ state: 'hidden' })
    await page.locator('.bay.faint[data-code="A-4"]').waitFor()
    await page.getByRole('button', { name: 'P1', exact: true }).click()
    await bay(page, 'B-1').waitFor()
    expect(await bay(page, 'A-1').count()).toBe(0)
  })

  it('shows hostile names as what they are: text', async () => {
    const page = await openSite('garage')
    await bay(page, 'A-2').click()
    await page.getByText(hostileName).first().waitFor()
    expect(await page.locator('main img').count()).toBe(0)
    await page.getByRole('button', { name: 'P1', exact: true }).click()
    await page.getByRole('button', { name: `${longCode} Unknown` }).click()
    await page.getByRole('heading', { name: longCode }).waitFor()
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    expect(wide).toBe(0)
    await screenshot(page, 'site-hostile-names')
  })

  it('places spaces by their coordinates, or in rows where there is nothing', async () => {
    const square = await openSite('square')
    const boxes = await Promise.all([0, 1, 2].map((index) => bay(square, `S-${index}`).boundingBox()))
    const [first = 0, second = 0, third = 0] = boxes.map((box) => box?.x ?? 0)
    expect(first).toBeLessThan(second)
    expect(second).toBeLessThan(third)
    const lot = await openSite('lot')
    await lot.getByText('Nothing says where the spaces are').waitFor()
  })

  it('says what to do for a site without spaces', async () => {
    const page = await own.openAs(olga, '/sites')
    await page.getByRole('link', { name: 'The empty' }).click()
    await page.getByText('This site has no spaces yet').waitFor()
    await screenshot(page, 'site-empty')
  })

  it('shows 5,000 spaces, which change, move and grow', async () => {
    const page = await openSite('big')
    expect(await page.locator('.bay').count()).toBe(bigSite)
    await say('sensor-x', true)
    await untilStatus(page, 'X-4321', 'occupied')
    await page.getByLabel('Filter by code or name').fill('X-4321')
    await page.getByRole('button', { name: 'X-4321 Occupied' }).click()
    const before = await bay(page, 'X-4321').boundingBox()
    const zoomIn = page.getByRole('button', { name: 'Zoom in' })
    for (let times = 0; times < 6; times++) {
      // oxlint-disable-next-line no-await-in-loop -- one press after the other
      await zoomIn.click()
    }
    await eventually('a larger bay', async () => {
      const now = await bay(page, 'X-4321').boundingBox()
      return (now?.width ?? 0) > (before?.width ?? 0) * 4
    })
    await screenshot(page, 'site-5000-spaces')
  })

  it('has no serious fault of accessibility, and looks right', async () => {
    await say('sensor-1', true)
    const page = await openSite('garage')
    await untilStatus(page, 'A-1', 'occupied')
    await bay(page, 'A-1').click()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'site-desktop-light')
    await page.keyboard.press('Tab')
    await page.getByLabel('Moment').press('PageDown')
    await page.getByText('As it was at').waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'site-desktop-past')

    const dark = await openSite('garage', { dark: true })
    await untilStatus(dark, 'A-1', 'occupied')
    expect(await seriousFaults(dark)).toEqual([])
    await screenshot(dark, 'site-desktop-dark')

    const small = await openSite('garage', { viewport: phone })
    await bay(small, 'A-1').click()
    expect(await seriousFaults(small)).toEqual([])
    await screenshot(small, 'site-phone')
    await small.evaluate(() => scrollTo(0, 600))
    await screenshot(small, 'site-phone-below')

    const sites = await own.openAs(olga, '/sites')
    await sites.getByRole('link', { name: 'The garage' }).waitFor()
    expect(await seriousFaults(sites)).toEqual([])
    await screenshot(sites, 'sites-desktop')
  })
})
