import { InvalidArgumentError, type Command } from 'commander'
import { systemClock } from '../clock.ts'
import { readConfig } from '../config.ts'
import { BaywireError, UsageError } from '../errors.ts'
import { explanationBody } from '../explain/body.ts'
import { explain as explainSpace } from '../explain/explain.ts'
import { explanationScreen } from '../explain/screen.ts'
import { codePattern } from '../ids.ts'
import { findTenantsOfSpace, selectSpacesNamed, type NamedSpace } from '../store/named-spaces.ts'
import type { TenantDatabase, TenantTransaction } from '../store/transactions.ts'
import { instantOf, parseMoment, type Moment } from './moment.ts'
import { openDatabase, type OpenDatabase } from './open.ts'
import { parseCode } from './options.ts'
import { jsonLine, processTerminal } from './terminal.ts'

/** A space as it was named: what is left out is found, where it is only one. */
type Place = readonly [string] | readonly [string, string] | readonly [string, string, string]

interface Options {
  at?: Moment
  asKnownNow?: boolean
  json?: boolean
  tenant?: string
}

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('why a space shows, or showed, what it does: the message that decided, and those that did not')
    .argument('<tenant/site/space>', 'by their codes; TENANT/SPACE or SPACE where there is only one such', parsePlace)
    .option(
      '--at <time>',
      'as it was shown then: RFC 3339, or in the time of the site 14:05, "yesterday 14:05", "2026-11-20 14:05" (default: now)',
      parseMoment,
    )
    .option('--as-known-now', 'by all that is known since, late readings in their places')
    .option('--tenant <slug>', 'of this tenant: then SITE/SPACE or SPACE is enough', parseCode)
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  baywire explain demo/harbour/A-17 --at 2026-11-20T14:05:00Z\n  baywire explain A-17 --at "yesterday 14:05"\n\nExit code 1 where the log does not reach back so far.',
    )
    .action(explain)
}

async function explain(place: Place, options: Options): Promise<void> {
  const { asKnownNow = false, json } = options
  const named = namedBy(place, options.tenant)
  const now = systemClock.now()
  if (options.at?.kind === 'instant') notInTheFuture(options.at.at, now)
  const database = await openDatabase(readConfig(process.env))
  try {
    const tenants = database.tenants('baywire explain', { statementTimeoutMs: 0 })
    const slug = named.tenant ?? (await onlyTenantWith(database, named.space))
    const known = await tenantNamed(tenants, slug)
    const { explanation, meaning } = await tenants.withTenant(known.id, async (tx) => {
      const space = await onlySpace(tx, { ...named, tenant: slug })
      const meant = options.at && instantOf(options.at, { timezone: space.timezone, now })
      if (meant !== undefined) notInTheFuture(meant.at, now)
      const question = { space: { id: space.id }, at: meant?.at, asKnownNow, clock: systemClock }
      return { explanation: await explainSpace(tx, question), meaning: meant?.meaning }
    })
    if (explanation === undefined) throw noSuch({ ...named, tenant: slug })
    const screen = () => [...(meaning === undefined ? [] : [meaning, '']), explanationScreen(explanation)].join('\n')
    processTerminal().print(json === true ? jsonLine(explanationBody(explanation)) : screen())
    if (explanation.machine === undefined) process.exitCode = 1
  } finally {
    await database.close()
  }
}

function notInTheFuture(at: number, now: number): void {
  if (at <= now) return
  throw new BaywireError(`--at lies in the future: ${new Date(at).toISOString()}`, {
    advice: 'what will be shown then nobody knows',
  })
}

function parsePlace(text: string): Place {
  const parts = text.split('/')
  const [first = '', second, third, ...rest] = parts
  if (rest.length > 0 || !parts.every((code) => codePattern.test(code))) {
    throw new InvalidArgumentError('write TENANT/SITE/SPACE, as demo/harbour/A-17')
  }
  if (second === undefined) return [first]
  return third === undefined ? [first, second] : [first, second, third]
}

interface Named {
  readonly tenant: string | undefined
  readonly site: string | undefined
  readonly space: string
}

function namedBy(place: Place, tenant: string | undefined): Named {
  switch (place.length) {
    case 1:
      return { tenant, site: undefined, space: place[0] }
    case 2:
      if (tenant === undefined) return { tenant: place[0], site: undefined, space: place[1] }
      return { tenant, site: place[0], space: place[1] }
    case 3:
      if (tenant !== undefined && tenant !== place[0]) {
        throw new UsageError(`the space is named as one of "${place[0]}", and --tenant is "${tenant}"`)
      }
      return { tenant: place[0], site: place[1], space: place[2] }
  }
}

async function tenantNamed(tenants: TenantDatabase, slug: string): Promise<{ id: string }> {
  const known = await tenants.tenantBySlug(slug)
  if (known !== undefined) return known
  throw new BaywireError(`there is no tenant "${slug}"`, { advice: 'write TENANT/SITE/SPACE' })
}

async function onlyTenantWith(database: OpenDatabase, space: string): Promise<string> {
  const system = database.system('baywire explain')
  const slugs = await system.withSystem((tx) => findTenantsOfSpace(tx, space))
  const [only, ...others] = slugs
  if (only === undefined) throw noSuch({ tenant: undefined, site: undefined, space })
  if (others.length === 0) return only
  const candidates = slugs.map((slug) => `${slug}/${space}`).join(', ')
  throw new BaywireError(`${slugs.length} tenants have a space "${space}"`, { advice: `say which: ${candidates}` })
}

async function onlySpace(tx: TenantTransaction, named: Named & { tenant: string }): Promise<NamedSpace> {
  const found = await selectSpacesNamed(tx, named)
  const [only, ...others] = found
  if (only === undefined) throw noSuch(named)
  if (others.length === 0) return only
  const candidates = found.map(({ site, space }) => `${named.tenant}/${site}/${space}`).join(', ')
  throw new BaywireError(`${found.length} sites of ${named.tenant} have a space "${named.space}"`, {
    advice: `say which: ${candidates}`,
  })
}

function noSuch({ tenant, site, space }: Named): BaywireError {
  const at = site === undefined ? '' : ` at site "${site}"`
  const of = tenant === undefined ? '' : ` of tenant "${tenant}"`
  return new BaywireError(`there is no space "${space}"${at}${of}`, { advice: 'write TENANT/SITE/SPACE' })
}
