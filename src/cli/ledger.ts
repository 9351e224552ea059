import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { BaywireError } from '../errors.ts'
import { outcomes, type Outcome } from '../store/books.ts'
import { compareBooks, readDroppedBooks, type Books } from '../store/reconcile.ts'
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
    const period = { tenantId: known.id, since, until }
    const { books, dropped } = await database
      .system('baywire ledger', { statementTimeoutMs: 0 })
      .withSnapshot(async (tx) => ({
        books: await compareBooks(tx, period),
        dropped: await readDroppedBooks(tx, period),
      }))
    const totals = sumOf(books.ledger, dropped)
    const machine = { tenant, ...totals, balanced: books.imbalance === 0, readings: books.readings, dropped }
    processTerminal().print(json === true ? JSON.stringify(machine) : table({ totals, dropped, books }))
    if (books.imbalance > 0) process.exitCode = 1
  } finally {
    await database.close()
  }
}

type Counts = Readonly<Record<'received' | Outcome, number>>

const names = ['received', ...outcomes.toReversed()] as const

function sumOf(a: Counts, b: Counts): Counts {
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as Record<'received' | Outcome, number>
}

/** All that was ever received is in the log, or was dropped with its day. */
function table({ totals, dropped, books }: { totals: Counts; dropped: Counts; books: Books }): string {
  const columns = dropped.received > 0 ? [totals, dropped, books.readings] : [totals, books.readings]
  const heads = dropped.received > 0 ? ['ledger', 'dropped', 'readings'] : ['ledger', 'readings']
  const rows = names.map((name) =>
    line(
      name,
      columns.map((counts) => counts[name]),
    ),
  )
  const verdict = books.imbalance === 0 ? 'balanced' : `NOT balanced: they differ by ${books.imbalance} readings`
  return [line('', heads), ...rows, verdict].join('\n')
}

function line(name: string, cells: readonly (number | string)[]): string {
  return `${name.padEnd(14)} ${cells.map((cell) => String(cell).padStart(12)).join(' ')}`
}
