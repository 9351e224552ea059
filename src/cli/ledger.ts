import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { BaywireError } from '../errors.ts'
import { outcomes } from '../store/books.ts'
import { compareBooks, type Books } from '../store/reconcile.ts'
import { openDatabase } from './open.ts'
import { parseTimeOption } from './time-option.ts'
import { processTerminal } from './terminal.ts'

interface Options {
  tenant: string
  since?: number
  until?: number
  json?: boolean
}

export function addLedger(program: Command): void {
  program
    .command('ledger')
    .description('the books of a tenant: deliveries by outcome, and whether they agree with the log')
    .requiredOption('--tenant <slug>', 'whose books')
    .option('--since <time>', 'from this minute on, RFC 3339', parseTimeOption)
    .option('--until <time>', 'up to this minute, RFC 3339', parseTimeOption)
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  baywire ledger --tenant demo --since 2026-11-20T00:00:00Z\n\nExit code 1 where they do not agree.',
    )
    .action(ledger)
}

async function ledger({ tenant, since, until, json }: Options): Promise<void> {
  const database = await openDatabase(readConfig(process.env))
  try {
    const known = await database.tenants('baywire ledger').tenantBySlug(tenant)
    if (known === undefined) throw new BaywireError(`there is no tenant "${tenant}"`, { advice: 'check --tenant' })
    const books = await database
      .system('baywire ledger', { statementTimeoutMs: 0 })
      .withSnapshot((tx) => compareBooks(tx, { tenantId: known.id, since, until }))
    const machine = { tenant, ...books.ledger, balanced: books.imbalance === 0, readings: books.readings }
    processTerminal().print(json === true ? JSON.stringify(machine) : table(books))
    if (books.imbalance > 0) process.exitCode = 1
  } finally {
    await database.close()
  }
}

function table({ ledger: entries, readings, imbalance }: Books): string {
  const rows = (['received', ...outcomes.toReversed()] as const).map(
    (name) => [name, entries[name], readings[name]] as const,
  )
  const lines = [['', 'ledger', 'readings'] as const, ...rows].map(
    ([name, inLedger, inLog]) => `${name.padEnd(14)} ${String(inLedger).padStart(12)} ${String(inLog).padStart(12)}`,
  )
  return [...lines, imbalance === 0 ? 'balanced' : `NOT balanced: they differ by ${imbalance} readings`].join('\n')
}
