import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { root } from '../../e2e/support/documents.ts'

/** Debian's chromium, or the one that CHROMIUM names. */
export const chromiumPath = findChromium()
/** For `describe.skipIf`: there is no browser here. */
export const noBrowser = chromiumPath === undefined
if (noBrowser) process.stderr.write('skipped: tests of the console need chromium on PATH, or CHROMIUM set to one\n')

function findChromium(): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(':')
  const paths = directories.flatMap((directory) =>
    ['chromium', 'chromium-browser'].map((name) => join(directory, name)),
  )
  return [process.env['CHROMIUM'] ?? '', ...paths].find((path) => path !== '' && existsSync(path))
}

export async function launchBrowser(): Promise<Browser> {
  const args = ['--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])]
  return await chromium.launch({ executablePath: chromiumPath ?? '', args })
}

export const desktop = { width: 1280, height: 800 }
export const phone = { width: 390, height: 844 }

export interface PageOptions {
  viewport?: { width: number; height: number }
  dark?: boolean
  /** Of another page, to be beside it. */
  context?: BrowserContext
}

/** What the browser says by itself of an answer that is an error; what the page makes of it is what is tested. */
const ofAnswers = /^Failed to load resource:/

/**
 * A page in a browser context of its own, which notes what goes wrong in it: errors that nobody caught, errors on the
 * console, and what the content security policy refused.
 */
export async function newPage(
  browser: Browser,
  { viewport = desktop, dark = false, context }: PageOptions = {},
): Promise<{ page: Page; trouble: string[] }> {
  const own = context ?? (await browser.newContext({ viewport, colorScheme: dark ? 'dark' : 'light' }))
  const page = await own.newPage()
  const trouble: string[] = []
  page.on('pageerror', (error) => trouble.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !ofAnswers.test(message.text())) trouble.push(message.text())
  })
  page.on('dialog', (dialog) => {
    trouble.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return { page, trouble }
}

const require = createRequire(import.meta.url)
const axePath = require.resolve('axe-core/axe.min.js')

/** What axe finds serious or worse on the page as it is now, each with the first places of it. */
export async function seriousFaults(page: Page): Promise<string[]> {
  // Not as a script of the page, which its policy would refuse.
  await page.evaluate(await readFile(axePath, 'utf8'))
  const { violations } = await page.evaluate(
    () =>
      (window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe.run() as Promise<{
        violations: Violation[]
      }>,
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => {
      const places = nodes.slice(0, 3).map(({ html, failureSummary }) => `${html}\n${failureSummary ?? ''}`)
      return `${id}: ${help} (${nodes.length})\n${places.join('\n')}`
    })
}

interface Violation {
  id: string
  impact: string | null
  help: string
  nodes: { html: string; failureSummary?: string }[]
}

/** Into `.screenshots/`, to be looked at. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const directory = join(root, '.screenshots')
  await mkdir(directory, { recursive: true })
  await page.screenshot({ path: join(directory, `${name}.png`), animations: 'disabled' })
}
