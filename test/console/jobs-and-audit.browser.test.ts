import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { claimSlot, finishRun, registerJobs } from '../../src/store/job-runs.ts'
import { systemDatabase, type SystemDatabase } from '../../src/store/transactions.ts'
import { noBrowser, phone, screenshot, seriousFaults } from './support/browser.ts'
import { Caller } from './support/caller.ts'
import { ConsoleHome } from './support/console.ts'
import type { Person } from './support/town.ts'

const olga: Person = { email: 'olga@city.example', password: 'plinth gravel otter', tenant: 'city', role: 'owner' }
const oskar: Person = { email: 'oskar@city.example', password: 'copper ladder fern', tenant: 'city', role: 'operator' }
const vera: Person = { email: 'vera@city.example', password: 'wandering teapot museum', tenant: 'city', role: 'viewer' }
const hostile = `<img src=x onerror=alert(1)>${'W'.repeat(36)}`

describe.skipIf(noBrowser)('jobs and audit in the console', () => {
  let own: ConsoleHome
  let system: SystemDatabase
  let owner: Caller
  const spaces = new Map<string, string>()

  beforeAll(async () => {
    own = await ConsoleHome.create()
    await own.town.makeTenant('city', {
      sites: [{ code: 'north', name: 'North' }],
      spaces: Array.from({ length: 12 }, (_, index) => ({ site: 'north', code: `A-${index + 1}` })),
    })
    for (const person of [olga, oskar, vera]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await own.town.addPerson(person)
    }
    const url = await own.home.databaseUrl()
    system = systemDatabase({ url, max: 1, statementTimeoutMs: 30_000, name: 'console tests' })
    owner = await Caller.signIn(own.home, olga)
    const found = await owner.get<{ items: { id: string; code: string }[] }>('/spaces?limit=100')
    for (const { id, code } of found.items) spaces.set(code, id)
  })
  afterEach(() => own.expectNoTrouble())
  afterAll(async () => {
    await system.close()
    await own.remove()
  })

  const block = (code: string, endsAt?: string) =>
    owner.send('POST', '/overrides', {
      space_id: spaces.get(code),
      kind: 'blocked',
      ...(endsAt === undefined ? {} : { ends_at: endsAt }),
    })

  describe('jobs', () => {
    it('are all there, on time, and for operators to see alone', async () => {
      const page = await own.openAs(oskar, '/jobs')
      await page.getByText(/All \d jobs run on time/).waitFor()
      const row = page.getByRole('row').filter({ hasText: 'books' })
      await row.getByText('every minute').waitFor()
      expect(await page.getByRole('button', { name: /^Run / }).count()).toBe(0)
      const other = await own.openAs(vera, '/jobs')
      await other.getByText('jobs:read').waitFor()
    })

    it('are run by platform administrators, after a second word', async () => {
      const made = await own.home.run(['user', 'admin', '--email', olga.email])
      expect(made.code, made.stderr).toBe(0)
      const page = await own.openAs(olga, '/jobs')
      await page.getByRole('button', { name: 'Run now: leftovers' }).click()
      expect(await seriousFaults(page)).toEqual([])
      await screenshot(page, 'jobs-run-desktop')
      await page.getByRole('button', { name: 'Run leftovers', exact: true }).click()
      const row = page.getByRole('row').filter({ hasText: 'leftovers' })
      await row.getByText(', on request').waitFor()
      await row.getByText('On time').waitFor()
      await page.getByText(/All \d jobs run on time/).waitFor()
      await screenshot(page, 'jobs-desktop')
      const small = await own.openAs(olga, '/jobs', { viewport: phone })
      await small.getByText(/All \d jobs run on time/).waitFor()
      await screenshot(small, 'jobs-phone')
    })

    it('that failed or are late come first, with why and what to do', async () => {
      const slot = { intervalMs: 3_600_000 }
      await system.withSystem(async (tx) => {
        await registerJobs(tx, [
          { job: 'zz-export', ...slot },
          { job: 'zz-late', ...slot },
        ])
        const failed = await claimSlot(tx, { job: 'zz-export', ...slot }, 'tests')
        const late = await claimSlot(tx, { job: 'zz-late', ...slot }, 'tests')
        if (failed === undefined || late === undefined) throw new Error('no slot')
        await finishRun(tx, failed.runId, { result: 'failed', detail: { reason: `57014 ${hostile}` } })
        await finishRun(tx, late.runId, { result: 'succeeded', detail: {} })
        await tx`UPDATE job_runs SET next_at = now() - interval '20 minutes' WHERE job = 'zz-late'`
      })
      const page = await own.openAs(olga, '/jobs')
      await page.getByRole('heading', { name: '2 jobs need you' }).waitFor()
      const first = page.getByRole('row').nth(1)
      await first.getByText('zz-export').waitFor()
      await first.getByText(hostile).waitFor()
      expect(await seriousFaults(page)).toEqual([])
      await screenshot(page, 'jobs-failed-desktop')
      const small = await own.openAs(oskar, '/jobs', { viewport: phone, dark: true })
      await small.getByRole('heading', { name: '2 jobs need you' }).waitFor()
      expect(await small.getByText(hostile).count()).toBe(0)
      expect(await seriousFaults(small)).toEqual([])
      expect(await small.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width)
      await screenshot(small, 'jobs-failed-phone-dark')
    })
  })

  describe('the audit log', () => {
    it('is read as sentences, with all that is kept on demand', async () => {
      const ends = new Date(Date.now() + 3_600_000).toISOString()
      await block('A-1', ends)
      const page = await own.openAs(olga, '/audit')
      const row = page.getByRole('row').filter({ hasText: 'override.created' }).first()
      await row.getByText('You blocked A-1 until').waitFor()
      await row.locator('summary').click()
      await row.getByText('"kind": "blocked"').waitFor()
      await screenshot(page, 'audit-desktop')
      await page.getByText('How to check that nothing was changed or removed').click()
      await page.getByText('baywire audit verify --tenant city').waitFor()
      expect(await seriousFaults(page)).toEqual([])
      await screenshot(page, 'audit-verify-desktop')
      await row.getByRole('link', { name: 'A-1', exact: true }).click()
      await page.waitForURL(`**/spaces/${spaces.get('A-1')}`)
    })

    it('is filtered by the URL, by what stands in it, and goes back to everything', async () => {
      await owner.send('POST', '/api-keys', { name: hostile, scopes: ['places:read'] })
      const page = await own.openAs(olga, '/audit?action=api_key.created')
      await page.getByText(`You made the API key ${hostile}`).waitFor()
      expect(await page.getByRole('row').count()).toBe(2)
      await page.getByRole('combobox', { name: 'Action' }).fill('override.created')
      await page.keyboard.press('Enter')
      await page.waitForURL('**/audit?action=override.created')
      await page.getByText('You blocked A-1 until').waitFor()
      await page.getByRole('button', { name: 'Show everything' }).click()
      await page.getByText(`You made the API key ${hostile}`).waitFor()
      await page.getByLabel('By').selectOption({ label: 'baywire tenant' })
      await page.getByText('Nothing like this was done').waitFor()
      await page.goBack()
      const until = await own.openAs(olga, '/audit?until=2020-01-01T00:00:00.000Z')
      await until.getByText('Nothing like this was done').waitFor()
      await screenshot(until, 'audit-empty-desktop')
    })

    it('says which filter is wrong', async () => {
      const page = await own.openAs(olga, '/audit?target=%3Cimg%3E')
      await page.getByRole('alert').getByText('must be a kind, or kind:id').waitFor()
      await screenshot(page, 'audit-error-desktop')
    })

    it('goes on page by page, also on a telephone', async () => {
      for (let turn = 0; turn < 60; turn += 1) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await block(`A-${(turn % 12) + 1}`)
      }
      const page = await own.openAs(olga, '/audit?action=override.created', { viewport: phone, dark: true })
      await page.getByText('You blocked A-12 until further notice').first().waitFor()
      expect(await seriousFaults(page)).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width)
      await screenshot(page, 'audit-phone-dark')
      const all = await own.openAs(olga, '/audit')
      await all.getByText('You blocked A-12').first().waitFor()
      const before = await all.getByRole('row').count()
      await all.getByRole('button', { name: 'Show more' }).click()
      await all
        .getByRole('row')
        .nth(before + 1)
        .waitFor()
    })

    it('is for owners and admins', async () => {
      const page = await own.openAs(oskar, '/audit')
      await page.getByText('audit:read').waitFor()
    })
  })

  it('keeps what was read while the API is gone', async () => {
    const page = await own.openAs(olga, '/audit')
    await page.getByText('You blocked').first().waitFor()
    await own.program.kill()
    await page.getByRole('button', { name: 'Read again' }).click()
    await page.getByText('The API does not answer; what you see is of').waitFor()
    expect(await page.getByText('You blocked').first().isVisible()).toBe(true)
    own.program = await own.home.start()
    await page.getByText('The API does not answer').waitFor({ state: 'hidden', timeout: 60_000 })
  })
})
