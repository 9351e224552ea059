import { sql } from 'drizzle-orm'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { inTenant } from '../../src/store/provision.ts'
import { createCredential } from '../../src/store/credentials.ts'
import { knock, Sender } from '../e2e/support/sender.ts'
import type { Identity } from '../e2e/support/tenant.ts'
import { noBrowser, phone, screenshot, seriousFaults } from './support/browser.ts'
import { ConsoleHome } from './support/console.ts'
import type { Person } from './support/town.ts'

const olga: Person = { email: 'olga@city.example', password: 'plinth gravel otter', tenant: 'city', role: 'operator' }
const vera: Person = { email: 'vera@city.example', password: 'wandering teapot museum', tenant: 'city', role: 'viewer' }
const nina: Person = { email: 'nina@new.example', password: 'sixteen copper ladders', tenant: 'new', role: 'owner' }

/** A name that would run as a script, one that is written from right to left, and one that does not end. */
const hostileNames = ['<img src=x onerror=alert(1)>', 'שלום ‮gnp.exe', 'W'.repeat(200)]
const longestCode = `A-${'w'.repeat(62)}`

const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name })

describe.skipIf(noBrowser)('the page of devices', () => {
  let own: ConsoleHome
  let gateway: Identity
  let sender: Sender
  let identities: Map<string, Identity>

  beforeAll(async () => {
    own = await ConsoleHome.create()
    const codes = ['A-1', 'A-2', 'A-3', 'A-4', 'A-5', 'A-6']
    identities = await own.town.makeTenant('city', {
      sites: [
        { code: 'harbour', name: 'Harbour' },
        { code: 'market', name: 'Market hall' },
      ],
      spaces: [...codes.map((code) => ({ site: 'harbour', code })), { site: 'market', code: 'M-1' }],
      gateways: ['roof'],
      devices: codes.slice(0, 5).map((code) => ({ code, site: 'harbour', space: code })),
    })
    await own.town.makeTenant('new', {})
    gateway = await inTenant(own.town.database, { slug: 'city' }, async (tx) => ({
      username: 'city/gateways/roof',
      secret: await createCredential(tx, { kind: 'gateways', code: 'roof' }),
    }))
    await own.town.addPerson(olga)
    await own.town.addPerson(vera)
    await own.town.addPerson(nina)
    const { mqttPort: port } = own.home
    const device = await Sender.connect({ port, identity: identities.get('A-1') ?? { username: '', secret: '' } })
    const reading = { occupied: true, battery: 12, rssi: -118, seq: 1, boot: 1 }
    await device.publish('parking/v1/city/devices/A-1/reading', [JSON.stringify(reading)])
    await device.close()
    sender = await Sender.connect({ port, identity: gateway })
  })
  afterEach(() => own.expectNoTrouble())
  afterAll(async () => {
    await sender?.close()
    await own?.remove()
  })

  const say = (device: string, occupied: boolean) =>
    sender.publish('parking/v1/city/gateways/roof/readings', [JSON.stringify({ readings: [{ device, occupied }] })])

  it('shows those first that are silent, with what each said of itself', async () => {
    const page = await own.openAs(olga, '/devices')
    await page.getByRole('link', { name: 'A-2', exact: true }).waitFor()
    const codes = await page
      .getByRole('table')
      .getByRole('link', { name: /^A-\d$/ })
      .allTextContents()
    expect(codes).toEqual(['A-2', 'A-3', 'A-4', 'A-5', 'A-1'])
    expect(await row(page, 'Low: 12 %').textContent()).toMatch(/A-1.*Heard.*harbour\/A-1.*Weak: -118 dBm.*Applied/)
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'devices-desktop')
  })

  it('shows at once that a silent device was heard', async () => {
    const page = await own.openAs(olga, '/devices')
    await row(page, 'harbour/A-2').getByText('Silent').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    await say('A-2', true)
    await row(page, 'harbour/A-2').getByText('Heard', { exact: true }).waitFor()
  })

  it('keeps its filters in the URL, and says what to do where nothing fits', async () => {
    const page = await own.openAs(olga, '/devices?state=low-battery')
    await page.getByRole('link', { name: 'A-1', exact: true }).waitFor()
    expect(await page.getByRole('row').count()).toBe(2)
    await page.getByLabel('Code begins with').fill('B')
    await page.getByText('No device fits these filters').waitFor()
    expect(new URL(page.url()).search).toBe('?state=low-battery&code=B')
    await page.reload()
    await page.getByText('No device fits these filters').waitFor()
    await page.getByRole('link', { name: 'Show all devices' }).click()
    await page.getByRole('link', { name: 'A-5', exact: true }).waitFor()
  })

  it('claims an orphan and puts it at a space in one go', async () => {
    for (let count = 0; count < 3; count++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await say('N-77', true)
    }
    const page = await own.openAs(olga, '/devices?tab=orphans')
    const orphan = row(page, 'N-77')
    await orphan.getByText('{"readings":[{"device":"N-77","occupied":true}]}').waitFor()
    expect(await orphan.getByRole('cell').nth(1).textContent()).toBe('3')
    await page.getByRole('link', { name: 'Orphan inbox (1)' }).waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'devices-orphans-desktop')
    await orphan.getByRole('button', { name: 'Claim' }).click()
    await page.getByLabel('Site').selectOption({ label: 'Harbour (harbour)' })
    await page.getByLabel('Its code begins with').fill('A-6')
    await page.getByRole('radio', { name: 'A-6' }).check()
    await page.getByLabel('Name').fill(hostileNames[0] ?? '')
    await screenshot(page, 'devices-claim-desktop')
    expect(await seriousFaults(page)).toEqual([])
    await page.getByRole('button', { name: 'Claim and put at harbour/A-6' }).click()
    await page.getByRole('heading', { name: 'N-77 is a device now' }).waitFor()
    const redrive = page.getByRole('link', { name: 'Redrive its dead letters' })
    expect(await redrive.getAttribute('href')).toContain('device=N-77')
    await screenshot(page, 'devices-claimed-desktop')
    await page.getByRole('link', { name: 'See the device' }).click()
    await page.getByRole('heading', { name: 'Device N-77' }).waitFor()
    await page.getByRole('link', { name: 'harbour/A-6' }).first().waitFor()
    await page.goto(own.home.url('/devices?tab=orphans'))
    await page.getByText('The inbox is empty').waitFor()
    // What it says from now on counts.
    await say('N-77', true)
    await page.goto(own.home.url('/devices?code=N-77'))
    await row(page, 'harbour/A-6').getByText('Heard', { exact: true }).waitFor()
  })

  it('hears no more of an orphan that is ignored, until somebody says so', async () => {
    await say('X-1', true)
    const page = await own.openAs(olga, '/devices?tab=orphans&code=X-1')
    await page.getByRole('button', { name: 'Ignore' }).click()
    await page.getByText('Nobody unknown has a code that begins so').waitFor()
    await page.getByLabel('Show', { exact: true }).selectOption({ label: 'Those ignored' })
    await page.getByRole('button', { name: 'Hear of it again' }).click()
    await page.getByText('Nobody unknown has a code that begins so').waitFor()
    await page.getByLabel('Show', { exact: true }).selectOption({ label: 'Those to be looked at' })
    await row(page, 'X-1').waitFor()
  })

  it('says so where somebody else has claimed it meanwhile', async () => {
    await say('X-2', true)
    const page = await own.openAs(olga, '/devices?tab=orphans&code=X-2')
    await page.getByRole('button', { name: 'Claim' }).click()
    await inTenant(own.town.database, { slug: 'city' }, async (tx) => {
      await tx.execute(sql`delete from orphan_devices where device = 'X-2'`)
    })
    await page.getByRole('button', { name: 'Claim without a space' }).click()
    await page.getByText('somebody else has claimed it').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
  })

  it('moves a device, and ends its assignment', async () => {
    const page = await own.openAs(olga, '/devices?code=A-3')
    await page.getByRole('link', { name: 'A-3', exact: true }).click()
    await page.getByRole('button', { name: 'Move…' }).click()
    await page.getByLabel('Site').selectOption({ label: 'Market hall (market)' })
    await page.getByRole('radio', { name: 'M-1' }).check()
    await page.getByRole('button', { name: 'Put at market/M-1' }).click()
    await page.getByRole('definition').getByRole('link', { name: 'market/M-1' }).waitFor()
    await page.getByRole('button', { name: 'End assignment…' }).click()
    await page.getByRole('button', { name: 'End 1 assignment' }).click()
    await page.getByText('Stands nowhere').waitFor()
    await page.getByRole('table', { name: 'Where it stood' }).getByText('harbour/A-3').waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'device-desktop')
  })

  it('shows a new secret once, which opens the broker; a revoked one opens it no more', async () => {
    const page = await own.openAs(olga, '/devices?code=A-4')
    await page.getByRole('link', { name: 'A-4', exact: true }).click()
    await page.getByRole('button', { name: 'Rotate secret…' }).click()
    await page.getByRole('button', { name: 'Rotate 1 secret' }).click()
    await page.getByText('the secret is shown this once').waitFor()
    const [username = '', secret = ''] = await page
      .getByRole('status')
      .getByRole('definition')
      .locator('code')
      .allTextContents()
    await screenshot(page, 'device-secret-desktop')
    const { mqttPort } = own.home
    expect(await knock(mqttPort, { username, secret })).toBe('let in')
    await page.getByRole('button', { name: 'I have kept it' }).click()
    expect(await page.getByText(secret).count()).toBe(0)
    await page.getByRole('button', { name: 'Revoke…' }).click()
    await page.getByRole('button', { name: 'Revoke 1 credential' }).click()
    await page.getByText('It has no credential').waitFor()
    expect(await knock(mqttPort, { username, secret })).not.toBe('let in')
    await page.getByRole('button', { name: 'Give it a credential' }).click()
    await page.getByText('the secret is shown this once').waitFor()
  })

  it('does not write over what somebody else has changed meanwhile', async () => {
    const page = await own.openAs(olga, '/devices?code=A-5')
    await page.getByRole('link', { name: 'A-5', exact: true }).click()
    await page.getByRole('button', { name: 'Rename…' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('Mine')
    await inTenant(own.town.database, { slug: 'city' }, async (tx) => {
      await tx.execute(sql`update devices set name = 'Theirs', revision = revision + 1 where code = 'A-5'`)
    })
    await page.getByRole('button', { name: 'Rename', exact: true }).click()
    await page.getByText('Somebody else has changed it').waitFor()
    await page.getByRole('definition').getByText('Theirs').waitFor()
    await page.getByRole('button', { name: 'Rename', exact: true }).click()
    await page.getByRole('definition').getByText('Mine').waitFor()
  })

  it('shows gateways, and gives one another secret', async () => {
    const page = await own.openAs(olga, '/devices?tab=gateways')
    await row(page, 'roof').getByRole('button', { name: 'Manage' }).click()
    await page.getByRole('button', { name: 'Rotate secret…' }).waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await screenshot(page, 'devices-gateway-desktop')
    await page.getByRole('button', { name: 'Close' }).click()
    await screenshot(page, 'devices-gateways-desktop')
  })

  it('shows hostile names and the longest code as they are, and stays in its place', async () => {
    await inTenant(own.town.database, { slug: 'city' }, async (tx) => {
      for (const [index, name] of hostileNames.entries()) {
        const code = index === 0 ? longestCode : `H-${index}`
        // oxlint-disable-next-line no-await-in-loop -- one statement at a time
        await tx.execute(
          sql`insert into devices (tenant_id, id, code, name) values (${tx.tenantId}, gen_random_uuid(), ${code}, ${name})`,
        )
      }
    })
    for (const viewport of [phone, { width: 1280, height: 800 }]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const page = await own.openAs(olga, '/devices?state=nowhere', { viewport })
      // oxlint-disable-next-line no-await-in-loop
      await page.getByText(hostileNames[0] ?? '').waitFor()
      // oxlint-disable-next-line no-await-in-loop
      await screenshot(page, `devices-hostile-${viewport.width === phone.width ? 'phone' : 'desktop'}`)
      // oxlint-disable-next-line no-await-in-loop
      const width = await page.evaluate(() => document.documentElement.scrollWidth)
      expect(width).toBeLessThanOrEqual(viewport.width)
    }
  })

  it('is read on a phone, in the dark', async () => {
    for (const [name, path, ready] of [
      ['devices', '/devices', 'harbour/A-4'],
      ['devices-orphans', '/devices?tab=orphans', 'X-1'],
      ['devices-gateways', '/devices?tab=gateways', 'roof'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const page = await own.openAs(olga, path, { viewport: phone, dark: name !== 'devices' })
      // oxlint-disable-next-line no-await-in-loop
      await page.getByRole('main').getByText(ready).first().waitFor()
      // oxlint-disable-next-line no-await-in-loop
      expect(await seriousFaults(page)).toEqual([])
      // oxlint-disable-next-line no-await-in-loop
      await screenshot(page, `${name}-phone`)
    }
  })

  it('lets whoever may only look do nothing', async () => {
    const page = await own.openAs(vera, '/devices?tab=orphans')
    await row(page, 'X-1').waitFor()
    expect(await page.getByRole('main').getByRole('button').count()).toBe(0)
    await page.getByRole('link', { name: 'Devices', exact: true }).last().click()
    await page.getByRole('link', { name: 'A-1', exact: true }).click()
    await page.getByRole('heading', { name: 'Device A-1' }).waitFor()
    expect(await page.getByRole('main').getByRole('button').count()).toBe(0)
  })

  it('says what to do where there is nothing yet', async () => {
    const page = await own.openAs(nina, '/devices')
    await page.getByText('There are no devices yet').waitFor()
    await page.getByRole('link', { name: 'Gateways' }).click()
    await page.getByText('There are no gateways').waitFor()
    await page.getByRole('link', { name: 'Orphan inbox', exact: true }).click()
    await page.getByText('The inbox is empty').waitFor()
    await screenshot(page, 'devices-empty-desktop')
    await page.goto(own.home.url('/devices/01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55'))
    await page.getByText('There is no device at this address').waitFor()
    await page.goto(own.home.url('/devices/nonsense'))
    await page.getByText('There is no device at this address').waitFor()
  })

  it('keeps what it shows while the API is gone', async () => {
    const page = await own.openAs(olga, '/devices?code=A-1')
    await row(page, 'harbour/A-1').waitFor()
    await own.program.kill()
    await page.getByText('The API does not answer; what you see is of').waitFor()
    expect(await row(page, 'harbour/A-1').isVisible()).toBe(true)
    own.program = await own.home.start()
    await page.getByText('The API does not answer').waitFor({ state: 'hidden', timeout: 60_000 })
  })
})
