import { InvalidArgumentError, type Command } from 'commander'
import { systemClock } from '../clock.ts'
import { readConfig } from '../config.ts'
import { BaywireError } from '../errors.ts'
import { explanationBody } from '../explain/body.ts'
import { explain as explainSpace } from '../explain/explain.ts'
import { explanationScreen } from '../explain/screen.ts'
import { codePattern } from '../ids.ts'
import { openDatabase } from './open.ts'
import { processTerminal } from './terminal.ts'
import { parseTimeOption } from './time-option.ts'

interface Place {
  tenant: string
  site: string
  space: string
}

interface Options {
  at?: number
  asKnownNow?: boolean
  json?: boolean
}

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('why a space shows, or showed, what it does: the message that decided, and those that did not')
    .argument('<tenant/site/space>', 'by their codes', parsePlace)
    .option('--at <time>', 'as it was shown then, RFC 3339 (default: now)', parseTimeOption)
    .option('--as-known-now', 'by all that is known since, late readings in their places')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  baywire explain demo/harbour/A-17 --at 2026-11-20T14:05:00Z\n\nExit code 1 where the log does not reach back so far.',
    )
    .action(explain)
}

async function explain(place: Place, { at, asKnownNow = false, json }: Options): Promise<void> {
  if (at !== undefined && at > systemClock.now()) {
    throw new BaywireError('--at lies in the future', { advice: 'what will be shown then nobody knows' })
  }
  const database = await openDatabase(readConfig(process.env))
  try {
    const tenants = database.tenants('baywire explain', { statementTimeoutMs: 0 })
    const known = await tenants.tenantBySlug(place.tenant)
    if (known === undefined) {
      throw new BaywireError(`there is no tenant "${place.tenant}"`, { advice: 'write TENANT/SITE/SPACE' })
    }
    const question = { space: place, at, asKnownNow, clock: systemClock }
    const explanation = await tenants.withTenant(known.id, (tx) => explainSpace(tx, question))
    if (explanation === undefined) {
      throw new BaywireError(`there is no space "${place.space}" at site "${place.site}"`, {
        advice: 'write TENANT/SITE/SPACE',
      })
    }
    processTerminal().print(
      json === true ? JSON.stringify(explanationBody(explanation)) : explanationScreen(explanation),
    )
    if (explanation.explainableFrom !== undefined) process.exitCode = 1
  } finally {
    await database.close()
  }
}

function parsePlace(text: string): Place {
  const [tenant = '', site = '', space = '', ...rest] = text.split('/')
  if (rest.length > 0 || ![tenant, site, space].every((code) => codePattern.test(code))) {
    throw new InvalidArgumentError('write TENANT/SITE/SPACE, as demo/harbour/A-17')
  }
  return { tenant, site, space }
}
