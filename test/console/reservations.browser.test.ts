import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Sender } from '../e2e/support/sender.ts'
import type { Identity } from '../e2e/support/tenant.ts'
import { eventually } from '../support/program.ts'
import { noBrowser, phone, screenshot, seriousFaults } from './support/browser.ts'
import { Caller } from './support/caller.ts'
import { ConsoleHome } from './support/console.ts'
import type { Person } from './support/town.ts'

const olga: Person = { email: 'olga@city.example', password: 'plinth gravel otter', tenant: 'city', role: 'owner' }
const dora: Person = { email: 'dora@city.example', password: 'lantern velvet moss', tenant: 'city', role: 'driver' }
const vera: Person = { email: 'vera@city.example', password: 'wandering teapot museum', tenant: 'city', role: 'viewer' }

const hostile = '<img src=x onerror=alert(1)> ‮gnol‬ שלום עולם מגרש חניה ארוך מאוד'
const minuteMs = 60_000

interface Booked {
  id: string
  space: string
  space_id: string
}

describe.skipIf(noBrowser)('reservations in the console', () => {
  let own: ConsoleHome
  let owner: Caller
  let driver: Caller
  let identities: Map<string, Identity>
  const spaces = new Map<string, string>()
  const sites = new Map<string, string>()

  beforeAll(async () => {
    own = await ConsoleHome.create()
    identities = await own.town.makeTenant('city', {
      sites: [
        { code: 'north', name: 'North', timezone: 'Europe/Berlin' },
        { code: 'south', name: hostile, timezone: 'Europe/Berlin' },
      ],
      spaces: [
        ...Array.from({ length: 12 }, (_, index) => ({ site: 'north', code: `A-${index + 1}` })),
        { site: 'north', code: 'B-1', features: ['ev'] },
        // Nothing is moved to these.
        { site: 'south', code: 'C-10' },
        { site: 'south', code: 'C-11' },
        { site: 'south', code: 'S-with-a-very-long-code-that-goes-on-until-it-has-64-characters.' },
      ],
      devices: [{ code: 'eye', site: 'north', space: 'A-9' }],
    })
    await own.town.makeTenant('empty', { sites: [], spaces: [] })
    for (const person of [olga, dora, vera]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await own.town.addPerson(person)
    }
    owner = await Caller.signIn(own.home, olga)
    driver = await Caller.signIn(own.home, dora)
    const found = await owner.get<{ items: { id: string; code: string }[] }>('/spaces?limit=100')
    for (const { id, code } of found.items) spaces.set(code, id)
    const places = await owner.get<{ items: { id: string; code: string }[] }>('/sites')
    for (const { id, code } of places.items) sites.set(code, id)
  })
  afterEach(() => own.expectNoTrouble())
  afterAll(() => own.remove())

  /** In minutes from now; a little less at its beginning, so that it has begun. */
  const book = (code: string, [from, to]: [number, number], more: object = {}, who = owner) =>
    who.send<Booked>('POST', '/reservations', {
      space_id: spaces.get(code),
      start: new Date(Date.now() + from * minuteMs - (from === 0 ? 20_000 : 0)).toISOString(),
      end: new Date(Date.now() + to * minuteMs).toISOString(),
      ...more,
    })
  const stateOf = async (id: string) => (await owner.get<{ state: string }>(`/reservations/${id}`)).state

  it('says what to do where nothing is booked', async () => {
    const page = await own.openAs(olga, '/reservations?when=2031-05-06')
    await page.getByText('Nothing is booked on 2031-05-06').waitFor()
    await screenshot(page, 'reservations-empty-desktop')
  })

  it('books a space, and tells what is in the way where it is taken', async () => {
    await book('A-1', [600, 720], { vehicle: 'HH-IN 1' })
    const page = await own.openAs(olga, `/reservations?site=${sites.get('north')}`)
    await page.getByRole('button', { name: 'New reservation' }).click()
    await page.getByLabel('Space', { exact: true }).fill('A-1')
    const wall = (minutes: number) => berlin(new Date(Date.now() + minutes * minuteMs))
    await page.getByLabel('From', { exact: true }).fill(wall(640))
    await page.getByLabel('To', { exact: true }).fill(wall(700))
    await page.getByLabel('Vehicle').fill('HH-AB 123')
    await page.getByRole('button', { name: 'Book', exact: true }).click()
    await page.getByText('In the way:').waitFor()
    // What is booked for today stands on the page behind it as well.
    await page.getByRole('dialog').getByText('HH-IN 1').waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'reservations-in-the-way-desktop')
    await page.getByRole('button', { name: /^Take .* instead$/ }).click()
    await page.getByRole('button', { name: 'Book', exact: true }).click()
    await page.getByText('A-1 is booked:').waitFor()
    const { items } = await owner.get<{ items: { start: string; end: string; vehicle: string }[] }>(
      `/reservations?space_id=${spaces.get('A-1')}`,
    )
    const [first, second] = items.toSorted((one, other) => one.vehicle.localeCompare(other.vehicle))
    expect(first?.vehicle).toBe('HH-AB 123')
    const gapMs = Date.parse(first?.start ?? '') - Date.parse(second?.end ?? '')
    expect(gapMs).toBeGreaterThanOrEqual(0)
    expect(gapMs).toBeLessThan(minuteMs)
  })

  it('says which field is wrong, and where there is no such space', async () => {
    const page = await own.openAs(olga, '/reservations')
    await page.getByRole('button', { name: 'New reservation' }).click()
    await page.getByLabel('Space', { exact: true }).fill('A-')
    await page.getByRole('button', { name: 'Book', exact: true }).click()
    await page.getByText('There is no space A- at this site.').waitFor()
    await page.getByRole('radio', { name: 'Any space with features' }).check()
    await page.getByRole('textbox', { name: 'Features' }).fill('ev')
    await page.getByLabel('From', { exact: true }).fill('2020-01-01T10:00')
    await page.getByRole('button', { name: 'Book', exact: true }).click()
    await page.locator('.field-error').getByText('lies in the past').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  })

  it('shows what others do as it happens, without a reload', async () => {
    const page = await own.openAs(olga, `/reservations?when=now&site=${sites.get('north')}`)
    await page.getByText('Live', { exact: true }).waitFor()
    const { id } = await book('A-2', [0, 30], { vehicle: 'LIVE 1' }, driver)
    await rowOf(page, 'A-2').getByText('Active').waitFor()
    await driver.send('PUT', `/reservations/${id}/check-in`)
    await rowOf(page, 'A-2').getByText('checked in').waitFor()
    await driver.send('PUT', `/reservations/${id}/check-out`)
    await rowOf(page, 'A-2').waitFor({ state: 'hidden' })
  })

  it('checks in, extends and checks out', async () => {
    const { id } = await book('A-3', [0, 40])
    const { id: next } = await book('A-3', [120, 180])
    const page = await own.openAs(olga, `/reservations?when=now&site=${sites.get('north')}`)
    await rowOf(page, 'A-3').getByRole('button', { name: 'Check in: A-3' }).click()
    await page.getByText('A-3: checked in.').waitFor()
    await rowOf(page, 'A-3').getByRole('button', { name: 'More of A-3' }).click()
    await page.getByRole('button', { name: 'Extend' }).click()
    await page.getByRole('button', { name: '+2 h' }).click()
    await page.getByRole('button', { name: 'Extend' }).click()
    await page.getByText('The space is taken from').waitFor()
    await page.getByRole('button', { name: '+30 min' }).click()
    await page.getByRole('button', { name: 'Extend' }).click()
    await page.getByText('A-3: extended.').waitFor()
    await rowOf(page, 'A-3').getByRole('button', { name: 'Check out: A-3' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Check out' }).click()
    await page.getByText('A-3: checked out, and free again.').waitFor()
    expect(await stateOf(id)).toBe('completed')
    await owner.send('PUT', `/reservations/${next}/cancel`)
  })

  it('cancels after a second word, by keyboard alone; not without it', async () => {
    const { id } = await book('A-4', [0, 30])
    const page = await own.openAs(olga, `/reservations?when=now&site=${sites.get('north')}`)
    await rowOf(page, 'A-4').getByRole('button', { name: 'More of A-4' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Cancel', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.getByText('Cancel the reservation of A-4?').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    expect(await stateOf(id)).toBe('active')
    await rowOf(page, 'A-4').getByRole('button', { name: 'More of A-4' }).click()
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await page.getByRole('button', { name: 'Cancel the reservation' }).press('Enter')
    await page.getByText('A-4: cancelled, and free again.').waitFor()
    expect(await stateOf(id)).toBe('cancelled')
  })

  it('tells what the API refuses because somebody else was faster', async () => {
    const { id } = await book('A-5', [0, 30])
    const page = await own.openAs(olga, `/reservations?when=now&site=${sites.get('north')}`)
    await rowOf(page, 'A-5').getByRole('button', { name: 'More of A-5' }).click()
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await owner.send('PUT', `/reservations/${id}/check-in`)
    await page.getByRole('button', { name: 'Cancel the reservation' }).click()
    await page.getByText('Somebody has checked in: check out instead.').waitFor()
    await owner.send('PUT', `/reservations/${id}/check-out`)
  })

  it('draws a day of all states with hostile names, at every width, light and dark', async () => {
    const dorasName = `<b>Dora</b> ${'x'.repeat(40)} שלום`
    await driver.change('/auth/profile', { name: dorasName })
    const identity = identities.get('eye')
    if (identity === undefined) throw new Error('no device')
    const eye = await Sender.connect({ port: own.home.mqttPort, identity })
    // Since long before anybody's time there.
    const at = new Date(Date.now() - 50 * minuteMs).toISOString()
    await eye.publish('parking/v1/city/devices/eye/reading', [JSON.stringify({ occupied: true, at })])
    await eventually('A-9 is occupied', async () => {
      const space = await owner.get<{ state: { status: string } }>(`/spaces/${spaces.get('A-9')}`)
      return space.state.status === 'occupied'
    })
    await book('A-9', [0, 50], { vehicle: 'ROT 9' }, driver)
    await eye.close()
    await book('A-6', [0, 60], { vehicle: 'שלום 123' }, driver)
    await book('A-7', [5, 55], { hold: true, vehicle: 'HH-HO 1' })
    await book('A-8', [20, 59], { vehicle: 'M-XY 1' })
    await book('S-with-a-very-long-code-that-goes-on-until-it-has-64-characters.', [1, 58])
    for (const [path, name] of [
      ['/reservations', 'today'],
      ['/reservations?when=now', 'now'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const page = await own.openAs(olga, path)
      // oxlint-disable-next-line no-await-in-loop
      await page.getByText('One reservation is contested').waitFor()
      // oxlint-disable-next-line no-await-in-loop
      await rowOf(page, 'A-9').getByText(dorasName).waitFor()
      // oxlint-disable-next-line no-await-in-loop
      expect(await seriousFaults(page)).toEqual([])
      // oxlint-disable-next-line no-await-in-loop
      await screenshot(page, `reservations-${name}-desktop`)
    }
    const dark = await own.openAs(olga, '/reservations?when=now', { dark: true, viewport: phone })
    await dark.getByText('One reservation is contested').waitFor()
    await dark.getByText('Live', { exact: true }).waitFor()
    expect(await seriousFaults(dark)).toEqual([])
    await screenshot(dark, 'reservations-phone-dark')
    const wide = await dark.evaluate(() => document.documentElement.scrollWidth)
    expect(wide).toBeLessThanOrEqual(phone.width)
    await dark.getByRole('button', { name: 'New reservation' }).click()
    await dark.getByLabel('Site').last().selectOption({ label: hostile })
    await screenshot(dark, 'reservations-new-phone-dark')
    expect(await seriousFaults(dark)).toEqual([])
  })

  it('moves a contested one', async () => {
    const page = await own.openAs(olga, `/reservations?when=now&show=needs`)
    await page.getByRole('button', { name: 'Move: A-9' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Move' }).click()
    await page.getByText(/^[AB]-\d+: moved there\.$/).waitFor()
  })

  it('shows drivers their own, and viewers no way to change any', async () => {
    await book('C-10', [0, 30], {}, driver)
    await book('C-11', [0, 30])
    const page = await own.openAs(dora, '/reservations?when=now')
    await page.getByText('Your role shows you your own reservations.').waitFor()
    await rowOf(page, 'C-10').getByText('You', { exact: true }).waitFor()
    expect(await rowOf(page, 'C-11').count()).toBe(0)
    const other = await own.openAs(vera, '/reservations?when=now')
    await other.getByText('Nothing is booked now or within the hour').waitFor()
    expect(await other.getByRole('button', { name: 'New reservation' }).count()).toBe(0)
  })

  it('keeps what was read while the API is gone', async () => {
    const page = await own.openAs(olga, `/reservations?when=now&site=${sites.get('south')}`)
    await rowOf(page, 'C-11').waitFor()
    await own.program.kill()
    await page.getByText('The API does not answer; what you see is of').waitFor()
    expect(await rowOf(page, 'C-11').isVisible()).toBe(true)
    own.program = await own.home.start()
    await page.getByText('The API does not answer').waitFor({ state: 'hidden', timeout: 60_000 })
  })
})

function rowOf(page: Page, code: string) {
  return page.getByRole('row').filter({ hasText: new RegExp(`${code}(?!\\d)`) })
}

function berlin(at: Date): string {
  return new Intl.DateTimeFormat('sv-SE', {
    timeZone: 'Europe/Berlin',
    dateStyle: 'short',
    timeStyle: 'short',
  })
    .format(at)
    .replace(' ', 'T')
}
