import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createCredential } from '../../src/store/credentials.ts'
import { inTenant } from '../../src/store/provision.ts'
import { Sender } from '../e2e/support/sender.ts'
import type { Identity } from '../e2e/support/tenant.ts'
import { noBrowser, phone, screenshot, seriousFaults } from './support/browser.ts'
import { ConsoleHome } from './support/console.ts'
import type { Person } from './support/town.ts'

const olga: Person = { email: 'olga@city.example', password: 'plinth gravel otter', tenant: 'city', role: 'operator' }
const vera: Person = { email: 'vera@city.example', password: 'wandering teapot museum', tenant: 'city', role: 'viewer' }
const nina: Person = { email: 'nina@new.example', password: 'sixteen copper ladders', tenant: 'new', role: 'owner' }

const topic = 'parking/v1/city/gateways/roof/readings'
const longestCode = `B-${'w'.repeat(62)}`

const rows = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name })
const spaceField = (page: Page) => page.getByRole('textbox', { name: 'Space' })
const following = (page: Page) => page.getByText('Following.').waitFor()

describe.skipIf(noBrowser)('the page of messages', () => {
  let own: ConsoleHome
  let sender: Sender
  let identity: Identity

  beforeAll(async () => {
    own = await ConsoleHome.create()
    const codes = ['A-1', 'A-2', 'A-3', longestCode]
    await own.town.makeTenant('city', {
      sites: [
        { code: 'harbour', name: 'Harbour' },
        { code: 'market', name: 'Market hall' },
      ],
      spaces: [...codes.map((code) => ({ site: 'harbour', code })), { site: 'market', code: 'A-1' }],
      gateways: ['roof'],
      devices: codes.filter((code) => code !== 'A-3').map((code) => ({ code, site: 'harbour', space: code })),
    })
    await own.town.makeTenant('new', {})
    const secret = await inTenant(own.town.database, { slug: 'city' }, (tx) =>
      createCredential(tx, { kind: 'gateways', code: 'roof' }),
    )
    await own.town.addPerson(olga)
    await own.town.addPerson(vera)
    await own.town.addPerson(nina)
    identity = { username: 'city/gateways/roof', secret }
    sender = await Sender.connect({ port: own.home.mqttPort, identity })
  })
  afterEach(() => own.expectNoTrouble())
  afterAll(async () => {
    await sender?.close()
    await own?.remove()
  })

  const say = (device: string, occupied: boolean, more: Record<string, unknown> = {}) =>
    sender.publish(topic, [JSON.stringify({ readings: [{ device, occupied, ...more }] })])

  it('shows a reading as it is published, and stands still while it is paused', async () => {
    await say('A-2', true)
    const page = await own.openAs(olga, '/messages')
    await following(page)
    // What came before is there, too.
    await rows(page, 'A-2').getByText('Applied').waitFor()
    await say('A-1', true)
    await rows(page, 'A-1').getByText('Applied').waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await say('A-1', false)
    await page.getByText('Paused. 1 reading since then.').waitFor()
    expect(await rows(page, 'vacant').count()).toBe(0)
    await page.getByRole('button', { name: 'Go on' }).click()
    await rows(page, 'vacant').waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'messages-live-desktop')
  })

  it('follows what the filter takes, and keeps that in the URL', async () => {
    const page = await own.openAs(olga, '/messages')
    await following(page)
    await spaceField(page).fill('harbour/A-2')
    await spaceField(page).press('Enter')
    await page.waitForURL(/space=harbour%2FA-2/)
    await following(page)
    await rows(page, 'A-1').waitFor({ state: 'detached' })
    await say('A-1', true)
    await say('A-2', false)
    await rows(page, 'A-2').filter({ hasText: 'vacant' }).waitFor()
    expect(await rows(page, 'A-1').count()).toBe(0)
    await page.getByRole('button', { name: 'Late' }).click()
    await page.getByText('No such reading in the last 24 hours').waitFor()
    await page.reload()
    await page.getByText('No such reading in the last 24 hours').waitFor()
    expect(await spaceField(page).inputValue()).toBe('harbour/A-2')
  })

  it('says at the field what is wrong with a filter, live and in the search', async () => {
    const page = await own.openAs(olga, '/messages')
    await following(page)
    const field = page.getByLabel('MQTT topic filter')
    await field.fill('parking/#/reading')
    await field.press('Enter')
    await page.locator('.field-error').waitFor()
    expect(await page.locator('.field-error').textContent()).toMatch(/topic filter/)
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    expect(await page.getByRole('row').count()).toBe(0)
    await screenshot(page, 'messages-wrong-filter-desktop')
    await page.getByRole('link', { name: 'Search', exact: true }).click()
    await page.locator('.field-error').waitFor()
    await page.getByLabel('MQTT topic filter').fill('parking/v1/+/gateways/#')
    await page.getByRole('button', { name: 'Search' }).click()
    await rows(page, 'A-1').first().waitFor()
    expect(await page.locator('.field-error').count()).toBe(0)
    await spaceField(page).fill('A-1')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByText('Several sites have it: harbour/A-1, market/A-1').waitFor()
    await spaceField(page).fill('Z-9')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByText('There is no such space.').waitFor()
  })

  it('refuses a time that is the wrong way round, at its field', async () => {
    const page = await own.openAs(olga, '/messages?tab=search&from=2026-11-21T10:00:00Z&to=2026-11-20T10:00:00Z')
    await page.locator('.field-error').getByText('before').waitFor()
  })

  it('opens a message of the log with its clocks, its payload and where it led to', async () => {
    await say('A-1', false, { at: new Date().toISOString(), seq: 7, boot: 3, note: '<img src=x onerror=alert(1)>' })
    const page = await own.openAs(olga, '/messages?tab=search&device=A-1&outcome=applied')
    await page
      .getByRole('button', { name: /^Open the message of/ })
      .first()
      .click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('it changed what its space shows').waitFor()
    await dialog.getByText('<img src=x onerror=alert(1)>').waitFor()
    await screenshot(page, 'messages-opened-desktop')
    await dialog.getByRole('button', { name: 'Bytes' }).click()
    await dialog.getByText(/^0000 {2}7b/).waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'messages-opened-bytes-desktop')
    // The URL is one that can be sent to somebody.
    await page.reload()
    await dialog.getByText('<img src=x onerror=alert(1)>').waitFor()
    expect(await dialog.getByRole('link', { name: 'A-1' }).getAttribute('href')).toMatch(/^\/devices\/[\da-f-]{36}$/)
    await dialog.getByRole('link', { name: 'What its space showed' }).click()
    await page.waitForURL(/\/spaces\/[\da-f-]{36}\?at=/)
  })

  it('shows hostile bytes, text and names without harm', async () => {
    await sender.publish(topic, [
      Buffer.from([0, 0xff, 0xfe, 0x1b, 0x5b, 0x32, 0x4a]),
      '<script>alert(1)</script>',
      JSON.stringify({ readings: [{ device: 'x', occupied: '\u202egnp.exe' }] }),
      'W'.repeat(5000),
    ])
    await say(longestCode, true)
    for (const viewport of [undefined, phone]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const page = await own.openAs(olga, '/messages?tab=dead-letters&outcome=malformed', viewport ? { viewport } : {})
      const open = page.getByRole('button', { name: /^Open the message of/ })
      // oxlint-disable-next-line no-await-in-loop
      await open.nth(3).waitFor()
      for (const index of [0, 1, 2, 3]) {
        // oxlint-disable-next-line no-await-in-loop
        await open.nth(index).click()
        // oxlint-disable-next-line no-await-in-loop
        await page.getByRole('dialog').getByRole('button', { name: 'Bytes' }).click()
        // oxlint-disable-next-line no-await-in-loop
        await page
          .getByRole('dialog')
          .getByText(/^0000 {2}/)
          .waitFor()
        // oxlint-disable-next-line no-await-in-loop
        await screenshot(page, `messages-hostile-${index}-${viewport ? 'phone' : 'desktop'}`)
        // oxlint-disable-next-line no-await-in-loop
        expect(await sideways(page)).toBe(false)
        // oxlint-disable-next-line no-await-in-loop
        await page.keyboard.press('Escape')
      }
    }
  })

  it('redrives the dead letter of a device that was claimed, and its space shows it', async () => {
    await say('A-3', true)
    const page = await own.openAs(olga, '/messages?tab=dead-letters&device=A-3')
    await page.getByRole('heading', { name: '1 dead letter' }).waitFor()
    await page.getByRole('link', { name: 'orphan inbox' }).waitFor()
    await screenshot(page, 'messages-dead-letters-desktop')
    // Nobody knows it yet: it would have no effect.
    await page.getByRole('button', { name: 'Try it without changing anything' }).click()
    await page.getByText('This dry run went through 1 letter. Nothing was changed.').waitFor()
    await page.getByText('Would wait').waitFor()
    expect(await page.getByRole('button', { name: /^Redrive/ }).count()).toBe(0)

    const spaceId = await claim(own, 'A-3')
    await page.getByRole('button', { name: 'Try it without changing anything' }).click()
    const redrive = page.getByRole('button', { name: 'Redrive this letter…' })
    await redrive.waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await redrive.click()
    await screenshot(page, 'messages-redrive-confirm-desktop')
    expect(await seriousFaults(page)).toEqual([])
    await page.getByRole('dialog').getByRole('button', { name: 'Redrive 1 letter' }).click()
    await page.getByText('This redrive went through 1 letter.').waitFor()
    await page.getByText('There are no dead letters here').waitFor()
    await page.getByText('Earlier redrives (2)').click()
    await screenshot(page, 'messages-redriven-desktop')
    expect(await statusOf(own, spaceId)).toBe('occupied')
  })

  it('counts, then runs a dry run with another policy, and says what disappears', async () => {
    for (const occupied of [true, false, true]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await say('A-2', occupied)
    }
    const page = await own.openAs(olga, '/messages?device=A-2&topic=parking/v1/%2B/gateways/%23')
    await page.getByRole('link', { name: 'Dry run' }).click()
    await page.getByRole('button', { name: 'Count the readings' }).click()
    await page.getByText(/readings that reached 1 space\./).waitFor()
    await page.getByRole('button', { name: /^Run it over/ }).click()
    await page.getByText('Nothing differs from what was recorded.').waitFor()
    await page.getByLabel('Debounce: readings').fill('2')
    await page.getByLabel('within seconds').fill('3600')
    await page.getByLabel('within seconds').blur()
    await page.getByText('"debounce":{"readings":2,"hold_s":3600}').waitFor()
    await page.getByText('This is of what was asked for before').waitFor()
    await page.getByRole('button', { name: /^Run it over/ }).click()
    await page.getByRole('heading', { name: /^Transitions that differ/ }).waitFor()
    expect(await page.getByLabel('Command', { exact: true }).textContent()).toBe(
      'echo \'{"debounce":{"readings":2,"hold_s":3600}}\' > policy.json\n' +
        "baywire replay --tenant city --topic 'parking/v1/+/gateways/#' --device A-2 --policy policy.json",
    )
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'messages-dry-run-desktop')
    await page.getByRole('button', { name: 'harbour/A-2' }).last().click()
    await page.waitForURL(/\/spaces\/[\da-f-]{36}\?at=/)
  })

  it('says what is wrong with a policy, and what to do where no reading is chosen', async () => {
    const page = await own.openAs(olga, '/messages?tab=replay&device=Z-9')
    await page.getByRole('button', { name: 'Count the readings' }).click()
    await page.getByText('No reading is chosen').waitFor()
    await page.getByLabel('Other fields, as JSON').fill('{"sensor_timeout_s": ')
    await page.getByLabel('Other fields, as JSON').blur()
    await page.getByText('This is not JSON').waitFor()
    await page.getByLabel('Other fields, as JSON').fill('{"sensor_timeout": 5}')
    await page.getByLabel('Device').fill('A-2')
    await page.getByRole('button', { name: 'Count the readings' }).click()
    await page.getByRole('button', { name: /^Run it over/ }).click()
    await page.getByRole('alert').getByText('sensor_timeout').waitFor()
  })

  it('goes on by itself when the API was gone', async () => {
    const page = await own.openAs(olga, '/messages')
    await following(page)
    await rows(page, 'A-1').first().waitFor()
    await own.program.kill()
    await page.getByText('The API does not answer; what you see is of').waitFor()
    const stays = await rows(page, 'A-1').first().isVisible()
    own.program = await own.home.start()
    expect(stays).toBe(true)
    await sender.close()
    sender = await Sender.connect({ port: own.home.mqttPort, identity })
    await page.getByText('The API does not answer').waitFor({ state: 'hidden', timeout: 60_000 })
    await following(page)
    await say('Q-1', true)
    await rows(page, 'Q-1').getByText('Unknown device').waitFor()
  })

  it('says how many came too fast to be shown, and keeps the newest', async () => {
    const page = await own.openAs(olga, '/messages')
    await following(page)
    const many = JSON.stringify({ readings: Array.from({ length: 100 }, () => ({ device: 'A-2', occupied: true })) })
    await sender.publish(
      topic,
      Array.from({ length: 40 }, () => many),
    )
    await page.getByText(/readings came too fast to be shown/).waitFor()
    await page.getByText('The newest 300 are kept here').waitFor()
    expect(await page.getByRole('row').count()).toBeLessThanOrEqual(301)
    await screenshot(page, 'messages-skipped-desktop')
  })

  it('is not shown to whoever may not read the log', async () => {
    const page = await own.openAs(vera, '/messages')
    await page.getByText('readings:read').waitFor()
  })

  it('says what to do where there is nothing yet, at phone width and in the dark', async () => {
    const page = await own.openAs(nina, '/messages', { viewport: phone, dark: true })
    await page.getByText('No such reading in the last 24 hours').waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'messages-empty-phone-dark')
    await page.getByRole('link', { name: 'Dead letters' }).click()
    await page.getByText('There are no dead letters here').waitFor()
    await screenshot(page, 'messages-no-letters-phone-dark')
  })

  it('fits a phone', async () => {
    const parts: [path: string, shown: string, name: string][] = [
      ['/messages', 'Following.', 'live'],
      ['/messages?tab=search', 'occupied', 'search'],
      ['/messages?tab=dead-letters', 'Letters', 'dead-letters'],
      ['/messages?tab=replay', 'Policy to try', 'dry-run'],
    ]
    const page = await own.openAs(olga, '/messages', { viewport: phone, dark: true })
    for (const [path, shown, name] of parts) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await page.evaluate((to) => {
        history.pushState(null, '', to)
        dispatchEvent(new PopStateEvent('popstate'))
      }, path)
      // oxlint-disable-next-line no-await-in-loop
      await page
        .getByText(shown, { exact: shown !== 'Letters' })
        .first()
        .waitFor()
      // oxlint-disable-next-line no-await-in-loop
      expect(await seriousFaults(page), path).toEqual([])
      // oxlint-disable-next-line no-await-in-loop
      expect(await sideways(page), path).toBe(false)
      // oxlint-disable-next-line no-await-in-loop
      await screenshot(page, `messages-${name}-phone-dark`)
    }
  })
})

/** Whether one has to scroll to the side. */
async function sideways(page: Page): Promise<boolean> {
  return await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
}

async function token(own: ConsoleHome): Promise<string> {
  const { email, password } = olga
  const response = await fetch(own.home.url('/api/v1/auth/login'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  return ((await response.json()) as { access_token: string }).access_token
}

/** Makes a device of what was heard, at the space of its code; answers the space's id. */
async function claim(own: ConsoleHome, code: string): Promise<string> {
  const headers = { Authorization: `Bearer ${await token(own)}`, 'Content-Type': 'application/json' }
  const found = await fetch(own.home.url(`/api/v1/spaces?code_prefix=${code}`), { headers })
  const [space] = ((await found.json()) as { items: { id: string }[] }).items
  const response = await fetch(own.home.url(`/api/v1/orphans/${code}/claim`), {
    method: 'POST',
    headers,
    body: JSON.stringify({ space_id: space?.id }),
  })
  expect(response.status).toBe(201)
  return space?.id ?? ''
}

async function statusOf(own: ConsoleHome, spaceId: string): Promise<string> {
  const headers = { Authorization: `Bearer ${await token(own)}` }
  const response = await fetch(own.home.url(`/api/v1/spaces/${spaceId}`), { headers })
  return ((await response.json()) as { state: { status: string } }).state.status
}
