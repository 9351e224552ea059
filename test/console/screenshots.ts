/** The pictures of docs/: what `baywire demo` shows after some minutes, taken by a browser. */
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { root } from '../e2e/support/documents.ts'
import { Home } from '../e2e/support/home.ts'
import { eventually, type Program } from '../support/program.ts'
import { launchBrowser, newPage } from './support/browser.ts'
import { signIn } from './support/console.ts'

/** As long as it takes that there is something of each kind to see. */
const runMs = 150_000
const giveUpMs = 300_000

const home = await Home.create({ BAYWIRE_LIMIT_ADDRESS_PER_MINUTE: '0', BAYWIRE_LIMIT_API_PER_MINUTE: '0' })
try {
  const program = await home.start(['demo'])
  const began = Date.now()
  await eventually('what to try', () => program.stdout.includes('Sign in at'))
  await eventually('readings of some minutes', async () => (await countedAt()) - began > runMs, { withinMs: giveUpMs })
  await takePictures(program)
} finally {
  await home.remove()
}

/** When the last reading of the demo was taken in. */
async function countedAt(): Promise<number> {
  const { as_of: asOf } = await home.get<{ as_of: string }>('/api/v1/public/demo/availability')
  return Date.parse(asOf)
}

async function takePictures({ stdout }: Program): Promise<void> {
  const [, email = '', password = ''] = /Sign in at \S+ as (\S+) with (\S+)/.exec(stdout) ?? []
  const browser = await launchBrowser()
  try {
    const { page } = await newPage(browser)
    await page.goto(home.url('/sites'))
    await signIn(page, { email, password })
    await page.getByRole('link', { name: 'Harbour garage' }).click()
    await page.locator('.bay[data-code="P0-12"]').click()
    await take(page, 'console-site')
    const slider = page.getByLabel('Moment')
    await slider.fill(String(Date.now() - runMs / 2))
    await page.getByText('As it was at').waitFor()
    await page.getByText('Reading what was at').waitFor({ state: 'hidden' })
    await take(page, 'console-site-past')
  } finally {
    await browser.close()
  }
}

async function take(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(root, 'docs', `${name}.png`), animations: 'disabled' })
}
