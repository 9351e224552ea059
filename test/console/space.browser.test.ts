import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { momentOf } from '../../console/src/space/moments.ts'
import { localDay } from '../../console/src/times.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import type { Identity } from '../e2e/support/tenant.ts'
import { Sender } from '../e2e/support/sender.ts'
import { startTestIngest } from '../support/ingest.ts'
import { eventually } from '../support/program.ts'
import { noBrowser, phone, screenshot, seriousFaults } from './support/browser.ts'
import { ConsoleHome } from './support/console.ts'
import type { Person } from './support/town.ts'

const olga: Person = { email: 'olga@city.example', password: 'plinth gravel otter', tenant: 'city', role: 'operator' }
const vera: Person = { email: 'vera@city.example', password: 'wandering teapot museum', tenant: 'city', role: 'viewer' }
const timezone = 'Europe/Copenhagen'
const hostile = '<img src=x onerror="alert(1)"> \u202Egnp.exe'
const longCode = 'L'.repeat(64)
const yesterday = localDay(new Date(Date.now() - 86_400_000), timezone)
const topic = (device: string) => `parking/v1/city/devices/${device}/reading`

/** A moment of yesterday, as the clocks of the site showed it. */
function at(clock: string): number {
  return momentOf(`${yesterday}T${clock}`, timezone) ?? Number.NaN
}

const spaceCodes = ['A-17', 'A-18', 'B-1', longCode]
const devices = ['A-17', 'A-18', longCode].map((space) => ({
  code: `sensor-${space.slice(0, 8)}`,
  site: 'garage',
  space,
}))

describe.skipIf(noBrowser)('the page of a space', () => {
  let own: ConsoleHome
  let identities: Map<string, Identity>
  const senders = new Map<string, Sender>()
  beforeAll(async () => {
    own = await ConsoleHome.create()
    identities = await own.town.makeTenant('city', {
      sites: [{ code: 'garage', name: 'The garage', timezone }],
      spaces: spaceCodes.map((code) => ({
        site: 'garage',
        code,
        level: 'P1',
        ...(code === longCode ? { name: hostile } : {}),
      })),
      devices,
    })
    await own.town.addPerson(olga)
    await own.town.addPerson(vera)
    await liveYesterday(await own.home.databaseUrl())
  })
  afterEach(() => own.expectNoTrouble())
  afterAll(async () => {
    await Promise.all([...senders.values()].map((sender) => sender.close()))
    await own.remove()
  })

  async function say(device: string, payload: string): Promise<void> {
    const identity = identities.get(device)
    if (identity === undefined) throw new Error(`no device ${device}`)
    const sender = senders.get(device) ?? (await Sender.connect({ port: own.home.mqttPort, identity }))
    senders.set(device, sender)
    await sender.publish(topic(device), [payload])
  }

  async function openSpace(
    code: string,
    { person = olga, ...options }: Parameters<ConsoleHome['openAs']>[2] & { person?: Person } = {},
  ): Promise<Page> {
    const page = await own.openAs(person, '/sites', options)
    await goTo(page, code)
    return page
  }

  it('leads from "A-17 looked wrong at 14:05 yesterday" to the message in three steps', async () => {
    const page = await own.openAs(olga)
    // One: the space.
    await page.getByRole('combobox', { name: 'Go to space' }).fill('A-17')
    await page.getByRole('option', { name: /A-17/ }).first().click()
    await page.getByRole('heading', { name: 'A-17', exact: true }).waitFor()
    // Two: the moment.
    await page.getByLabel('Moment').fill(`${yesterday}T14:05`)
    const why = page.getByRole('region', { name: 'Why did it show this?' })
    await why.getByText('Device sensor-A-17 said vacant at').waitFor()
    const won = why.getByRole('article', { name: 'Message of sensor-A-17' }).first()
    expect(
      await won
        .locator('pre')
        .getByText(/"seq": ?81/)
        .isVisible(),
    ).toBe(true)
    expect(await why.getByText('Free').first().isVisible()).toBe(true)
    expect(new URL(page.url()).searchParams.get('at')).toBe(new Date(at('14:05')).toISOString())
    await why.getByText(/duplicate: the same reading as/).waitFor()
    // Three: its place in the log.
    await won.getByRole('link', { name: 'Open it in the log' }).click()
    const opened = page.getByRole('dialog')
    await opened.getByText(topic('sensor-A-17')).waitFor()
    await opened
      .locator('pre')
      .getByText(/"seq": ?81/)
      .waitFor()
    await screenshot(page, 'space-to-message')

    await page.goBack()
    await why.getByRole('button', { name: 'As known now' }).click()
    await why.getByText('Device sensor-A-17 said occupied at').waitFor()
    await why.getByText('What is known now says otherwise.').waitFor()
    await screenshot(page, 'space-known-now')
    // The same for whoever is sent the address.
    await page.reload()
    await why.getByText('What is known now says otherwise.').waitFor()
    await page.getByRole('button', { name: 'Now', exact: true }).click()
    await page.getByRole('region', { name: 'Why does it show this?' }).waitFor()
  })

  it('goes from change to change, with buttons and with the arrow keys', async () => {
    const page = await openSpace('A-17')
    await page.getByLabel('Moment').fill(`${yesterday}T14:05`)
    await page.getByText('Device sensor-A-17 said vacant at').waitFor()
    await page.getByRole('button', { name: 'Previous change' }).click()
    await untilAt(page, at('13:40:02') + 480)
    await page.getByRole('button', { name: 'Previous change' }).click()
    await untilAt(page, at('13:12:40') + 310)
    await page.getByText('Device sensor-A-17 said occupied at').waitFor()
    const chart = page.getByRole('slider', { name: 'Timeline' })
    await chart.focus()
    await page.keyboard.press('ArrowRight')
    await untilAt(page, at('13:40:02') + 480)
    await page.keyboard.press('ArrowRight')
    await untilAt(page, at('14:22:41'))
    expect(await chart.getAttribute('aria-valuetext')).toContain('Occupied')
    await page.keyboard.press('ArrowLeft')
    await untilAt(page, at('13:40:02') + 480)
    // Each change is in the list as well, and leads to the same.
    const row = page.getByRole('row', { name: /Occupied.*14:22|14:22.*Occupied/ })
    await row
      .getByRole('link', { name: /14:22:41/ })
      .first()
      .click()
    await untilAt(page, at('14:22:41'))
    // And so does the message that caused it.
    await row.getByRole('link', { name: /^message / }).click()
    await page
      .getByRole('dialog')
      .locator('pre')
      .getByText(/"seq": ?82/)
      .waitFor()
    await page.goBack()
    await untilAt(page, at('14:22:41'))
    // What has left the chart is found, too.
    await page.getByLabel('Moment').fill('2020-01-01T10:00')
    await page.getByText('Nothing changed in this time').waitFor()
    await page.getByRole('button', { name: 'Next change' }).click()
    await untilAt(page, at('13:12:40') + 310)
    await chart.focus()
    await page.keyboard.press('End')
    await page.getByRole('region', { name: 'Why does it show this?' }).waitFor()
  })

  it('explains the moment that is pointed at in the chart', async () => {
    const page = await openSpace('A-17')
    await page.getByLabel('Moment').fill(`${yesterday}T14:05`)
    await page.getByText('Device sensor-A-17 said vacant at').waitFor()
    const chart = page.getByRole('slider', { name: 'Timeline' })
    const box = await chart.boundingBox()
    const from = Number(await chart.getAttribute('aria-valuemin'))
    const to = Number(await chart.getAttribute('aria-valuemax'))
    const x = (((at('13:25') - from) / (to - from)) * (box?.width ?? 0)) | 0
    await chart.hover({ position: { x, y: 40 } })
    await page.locator('.chart-told', { hasText: 'Occupied' }).waitFor()
    await chart.click({ position: { x, y: 40 } })
    await page.getByText('Device sensor-A-17 said occupied at').waitFor()
    await page.getByRole('list', { name: 'Readings that did not count' }).getByText('1 duplicate').waitFor()
    await page.getByLabel('Show', { exact: true }).selectOption('168')
    await eventually('seven days', async () => {
      const [low, high] = [await chart.getAttribute('aria-valuemin'), await chart.getAttribute('aria-valuemax')]
      return Number(high) - Number(low) === 7 * 86_400_000
    })
  })

  it('changes as it happens, without a reload', async () => {
    const page = await openSpace('A-18')
    await page.getByRole('heading', { name: 'A-18', exact: true }).waitFor()
    await say('sensor-A-18', '{"occupied":false,"battery":81,"rssi":-97}')
    await statusNow(page, 'Free')
    await page.getByText('Device sensor-A-18 said vacant at').waitFor()
    const rows = await page.getByRole('row').count()
    await say('sensor-A-18', '{"occupied":true,"battery":80,"rssi":-98}')
    await statusNow(page, 'Occupied')
    await page.getByText('Device sensor-A-18 said occupied at').waitFor()
    await eventually('one more row', async () => (await page.getByRole('row').count()) === rows + 1)
    await page.getByText('80 %').waitFor()
    await page.getByText('-98 dBm').waitFor()
  })

  it('blocks a space until a time and for a reason, and returns it to service', async () => {
    const page = await openSpace('B-1')
    await statusNow(page, 'Unknown')
    await page.getByRole('button', { name: 'Block…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Until').fill('2020-01-01T10:00')
    await dialog.getByRole('button', { name: 'Block: B-1' }).click()
    await dialog.getByText('The end must be later than now.').waitFor()
    await dialog.getByLabel('Until').fill('2099-01-01T10:00')
    await dialog.getByLabel('Reason').fill(hostile.replace('\u202E', ''))
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'space-block-dialog')
    await dialog.getByRole('button', { name: 'Block: B-1' }).click()
    await statusNow(page, 'Blocked')
    const panel = page.getByRole('region', { name: 'Override' })
    await panel.getByText('by you').waitFor()
    await panel.getByText('<img src=x').waitFor()
    await page.getByText('An operator had blocked it').waitFor()
    expect(await page.locator('main img').count()).toBe(0)
    await screenshot(page, 'space-blocked')

    await panel.getByRole('button', { name: 'Take out of service…' }).click()
    await page.getByText('It takes the place of what is in force now.').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Take out of service: B-1' }).click()
    await statusNow(page, 'Out of service')
    await panel.getByText('out of service', { exact: true }).waitFor()
    await panel.getByRole('button', { name: 'Return to service' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Return B-1 to service' }).click()
    await statusNow(page, 'Unknown')
    await panel.getByText('None: it shows').waitFor()
  })

  it('says what to do where there is nothing, and no such thing', async () => {
    const page = await openSpace('B-1')
    await page.getByText('None stands here, so nothing is heard.').waitFor()
    await page.getByLabel('Moment').fill('2020-01-01T10:00')
    await page.getByText('Nothing changed in this time').waitFor()
    await screenshot(page, 'space-empty')
    await page.getByLabel('Moment').fill('2099-01-01T10:00')
    await page.getByText('That is yet to come').waitFor()
    const later = await own.openAs(olga, `${new URL(page.url()).pathname}?at=2099-01-01T00:00:00Z`)
    await later.getByRole('alert').getByText('The moment').waitFor()
    const missing = await own.openAs(olga, '/spaces/01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55')
    await missing.getByText('There is no space at this address').waitFor()
    const wrong = await own.openAs(olga, '/spaces/nothing')
    await wrong.getByText('There is no space at this address').waitFor()
  })

  it('shows whoever may not read messages the states, and says what is missing', async () => {
    const page = await openSpace('A-17', { person: vera })
    await page.getByText('readings:read').waitFor()
    await page.getByText('overrides:write').waitFor()
    expect(await page.getByRole('button', { name: 'Block…' }).count()).toBe(0)
    await page.getByLabel('Moment').fill(`${yesterday}T14:05`)
    const why = page.getByRole('region', { name: 'Why did it show this?' })
    await why.getByText('Free').waitFor()
    await why.getByText('a newer reading changed it').waitFor()
    expect(await seriousFaults(page)).toEqual([])
  })

  it('shows hostile names and payloads as text', async () => {
    await say('sensor-LLLLLLLL', '<img src=x onerror="alert(1)">')
    await say('sensor-LLLLLLLL', '{"occupied":true}')
    const page = await openSpace(longCode)
    await page.getByText(hostile).first().waitFor()
    await page.getByText('malformed').first().click()
    await page.locator('pre', { hasText: '<img src=x onerror="alert(1)">' }).first().waitFor()
    expect(await page.locator('main img').count()).toBe(0)
    expect(await overflow(page)).toBe(0)
    await screenshot(page, 'space-hostile')
    const small = await openSpace(longCode, { viewport: phone })
    await small.getByText(hostile).first().waitFor()
    await small.getByText('The evidence that won').waitFor()
    expect(await overflow(small)).toBe(0)
    await screenshot(small, 'space-hostile-phone')
  })

  it('has no serious fault of accessibility, and looks right', async () => {
    await say('sensor-A-17', '{"occupied":false,"battery":64,"rssi":-88}')
    const page = await openSpace('A-17')
    await page.getByText('Device sensor-A-17 said vacant at').waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'space-desktop-light')
    await page.getByLabel('Moment').fill(`${yesterday}T14:25`)
    await page.getByText('Device sensor-A-17 said occupied at').waitFor()
    await page.getByText('What came before').click()
    expect(await seriousFaults(page)).toEqual([])
    await fullScreenshot(page, 'space-desktop-past')
    const dark = await openSpace('A-17', { dark: true })
    await dark.getByText('Device sensor-A-17 said vacant at').waitFor()
    expect(await seriousFaults(dark)).toEqual([])
    await screenshot(dark, 'space-desktop-dark')
    const small = await openSpace('A-17', { viewport: phone })
    await small.getByText('Device sensor-A-17 said vacant at').waitFor()
    expect(await overflow(small)).toBe(0)
    expect(await seriousFaults(small)).toEqual([])
    await fullScreenshot(small, 'space-phone')
  })

  it('keeps what it shows while the API is gone, and goes on when it is back', async () => {
    const page = await openSpace('A-18')
    await page.getByRole('region', { name: 'Why does it show this?' }).getByText('Occupied').first().waitFor()
    await own.program.kill()
    await page.getByText('The API does not answer; what you see is of').waitFor()
    expect(await page.getByText('The evidence that won').isVisible()).toBe(true)
    await page.getByRole('button', { name: 'Block…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Block: A-18' }).click()
    await page.getByRole('dialog').getByText('The API does not answer').waitFor()
    await page.keyboard.press('Escape')
    await screenshot(page, 'space-api-gone')
    own.program = await own.home.start()
    await page.getByText('The API does not answer').waitFor({ state: 'hidden', timeout: 60_000 })
    await page.getByText('Live', { exact: true }).waitFor()
    await Promise.all([...senders.values()].map((sender) => sender.close()))
    senders.clear()
    await say('sensor-A-18', '{"occupied":false}')
    await statusNow(page, 'Free')
  })
})

/**
 * What A-17 went through yesterday, as it arrived then: a car leaves and its message comes twice, another one comes and its message
 * is 21 minutes on its way.
 */
async function liveYesterday(ownerUrl: string): Promise<void> {
  const ingest = await startTestIngest({}, () => Promise.resolve({ ownerUrl, drop: () => Promise.resolve() }))
  try {
    await ingest.system.withSystem((tx) => ensurePartitions(tx, at('12:00')))
    const arrive = async (clock: string, { ms = 0, said, ...options }: Arrival) => {
      ingest.clock.set(at(clock) + ms)
      await ingest.deliver(topic('sensor-A-17'), said, options)
    }
    const reading = (occupied: boolean, clock: string, { ms, seq }: { ms: number; seq: number }) =>
      JSON.stringify({ occupied, at: new Date(at(clock) + ms).toISOString(), seq, boot: 3 })
    const left = reading(false, '13:40:02', { ms: 300, seq: 81 })
    await arrive('13:12:40', { ms: 310, said: reading(true, '13:12:40', { ms: 120, seq: 80 }) })
    await arrive('13:40:02', { ms: 480, said: left })
    await arrive('13:40:04', { ms: 900, said: left, duplicate: true })
    await arrive('14:22:41', { said: reading(true, '14:01:09', { ms: 800, seq: 82 }) })
    await arrive('14:30:00', { said: reading(false, '14:00:00', { ms: 0, seq: 79 }) })
  } finally {
    await ingest.close()
  }
}

interface Arrival {
  said: string
  ms?: number
  duplicate?: boolean
}

async function goTo(page: Page, code: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Go to space' }).fill(code)
  await page
    .getByRole('option', { name: new RegExp(`^${code}`) })
    .first()
    .click()
  await page.getByRole('heading', { name: code, exact: true }).waitFor()
}

async function untilAt(page: Page, atMs: number): Promise<void> {
  const wanted = new Date(atMs).toISOString()
  await eventually(wanted, () => new URL(page.url()).searchParams.get('at') === wanted)
}

async function statusNow(page: Page, label: string): Promise<void> {
  await page.locator('.status-now', { hasText: label }).waitFor()
}

async function overflow(page: Page): Promise<number> {
  return await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

/** With what is below the first screen. */
async function fullScreenshot(page: Page, name: string): Promise<void> {
  await screenshot(page, name)
  const { width = 0 } = page.viewportSize() ?? {}
  const height = await page.evaluate(() => document.documentElement.scrollHeight)
  await page.setViewportSize({ width, height })
  await screenshot(page, `${name}-whole`)
}
