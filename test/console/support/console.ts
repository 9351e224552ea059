import type { Browser, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Program } from '../../support/program.ts'
import { Home } from '../../e2e/support/home.ts'
import { launchBrowser, newPage, type PageOptions } from './browser.ts'
import { Town, type Person } from './town.ts'

/**
 * The whole program, a browser, and people who sign in: one per file.
 *
 *     let own: ConsoleHome
 *     beforeAll(async () => (own = await ConsoleHome.create()))
 *     afterEach(() => own.expectNoTrouble())
 *     afterAll(() => own.remove())
 */
export class ConsoleHome {
  readonly home: Home
  readonly town: Town
  readonly browser: Browser
  /** What serves. */
  program: Program
  readonly #pages: { page: Page; trouble: string[] }[] = []

  private constructor(parts: { home: Home; town: Town; browser: Browser; program: Program }) {
    this.home = parts.home
    this.town = parts.town
    this.browser = parts.browser
    this.program = parts.program
  }

  static async create(env: Record<string, string> = {}): Promise<ConsoleHome> {
    // Tests ask for more than a person does.
    const home = await Home.create({ ...withoutLimits, BAYWIRE_LOG_LEVEL: 'warn', ...env })
    const program = await home.start()
    return new ConsoleHome({
      home,
      program,
      town: new Town(await home.databaseUrl()),
      browser: await launchBrowser(),
    })
  }

  /** A page of a browser of its own, nobody signed in. */
  async open(path = '/', options: PageOptions = {}): Promise<Page> {
    const opened = await newPage(this.browser, options)
    this.#pages.push(opened)
    await opened.page.goto(this.home.url(path))
    return opened.page
  }

  /** The same with somebody signed in, who arrives at `path`. */
  async openAs(person: Person, path = '/', options: PageOptions = {}): Promise<Page> {
    const page = await this.open(path, options)
    await signIn(page, person)
    await page.getByRole('button', { name: /^Account:/ }).waitFor()
    return page
  }

  /** Nothing went wrong in any page since the last time; closes them. */
  async expectNoTrouble(): Promise<void> {
    const opened = this.#pages.splice(0)
    await Promise.all(opened.map(({ page }) => page.context().close()))
    expect(opened.flatMap(({ trouble }) => trouble)).toEqual([])
  }

  async remove(): Promise<void> {
    await this.browser.close()
    await this.town.close()
    await this.home.remove()
  }
}

const withoutLimits = {
  BAYWIRE_LIMIT_ADDRESS_PER_MINUTE: '0',
  BAYWIRE_LIMIT_OPEN_PER_MINUTE: '0',
  BAYWIRE_LIMIT_LOGINS_PER_MINUTE: '0',
  BAYWIRE_LIMIT_API_PER_MINUTE: '0',
  BAYWIRE_LIMIT_API_PER_HOUR: '0',
  BAYWIRE_LIMIT_API_PER_DAY: '0',
}

export async function signIn(page: Page, { email, password }: Pick<Person, 'email' | 'password'>): Promise<void> {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}
