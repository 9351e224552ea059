import { InvalidArgumentError, type Command } from 'commander'
import { readConfig } from '../../config.ts'
import { readDeadLetters, type DeadLetter, type DeadLetterKey } from '../../store/dead-letters.ts'
import { openDatabase } from '../open.ts'
import { wholeNumber } from '../options.ts'
import { processTerminal } from '../terminal.ts'
import { addFilter, filterOf, type FilterOptions } from './options.ts'
import { printable } from './printable.ts'

interface ListOptions extends FilterOptions {
  oldestFirst?: boolean
  limit: number
  cursor?: DeadLetterKey
  json?: boolean
}

export function addList(dlq: Command): void {
  addFilter(dlq.command('list').description('what had no effect, newest first'))
    .option('--oldest-first', 'in the order of arrival')
    .option('--limit <number>', 'at most so many', wholeNumber(1, 1000), 100)
    .option('--cursor <cursor>', 'what comes behind: the next of the page before, with the same options', parseCursor)
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  baywire dlq list --tenant demo --outcome unknown_device,unassigned')
    .action(list)
}

async function list(options: ListOptions): Promise<void> {
  const { limit, oldestFirst, cursor: after, json } = options
  const database = await openDatabase(readConfig(process.env))
  const terminal = processTerminal()
  try {
    const filter = await filterOf(database, options)
    const order = oldestFirst === true ? 'oldest first' : 'newest first'
    const letters = await database
      .system('baywire dlq list', { statementTimeoutMs: 0 })
      .withSnapshot((tx) => readDeadLetters(tx, { filter, order, after, limit: limit + 1 }))
    const shown = letters.slice(0, limit)
    const last = shown.at(-1)
    const next = letters.length > limit && last !== undefined ? cursorOf(last) : null
    if (json === true) {
      terminal.print(JSON.stringify({ items: shown.map(item), next }))
      return
    }
    for (const letter of shown) terminal.print(line(letter))
    if (shown.length === 0) terminal.note('no dead letters')
    if (next !== null) terminal.note(`there are more: add --cursor ${next}`)
  } finally {
    await database.close()
  }
}

function line(letter: DeadLetter): string {
  const { receivedAt, tenant, device, outcome, reason, id, part, attempts, lastOutcome, lastReason } = letter
  const columns = [
    new Date(receivedAt).toISOString(),
    outcome.padEnd(14),
    `${tenant}/${device ?? '?'}`.padEnd(28),
    `${id}/${part}`.padEnd(40),
    printable(reason ?? ''),
  ]
  const tried =
    attempts === 0 ? '' : `(attempts: ${attempts}; last: ${lastOutcome ?? 'cut off'} ${printable(lastReason ?? '')})`
  return [...columns, tried].join('  ').trimEnd()
}

function item({
  tenantId: _tenantId,
  delivery: _delivery,
  receivedAt,
  observedAt,
  lastOutcome,
  ...letter
}: DeadLetter) {
  const { lastReason, ...same } = letter
  return {
    ...same,
    received_at: new Date(receivedAt).toISOString(),
    observed_at: observedAt === null ? null : new Date(observedAt).toISOString(),
    last_outcome: lastOutcome,
    last_reason: lastReason,
  }
}

function cursorOf({ receivedAt, id, part }: DeadLetterKey): string {
  return Buffer.from(`${receivedAt}/${id}/${part}`).toString('base64url')
}

const cursorPattern = /^(\d{1,15})\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/(\d{1,9})$/

function parseCursor(text: string): DeadLetterKey {
  const [, receivedAt, id, part] = cursorPattern.exec(Buffer.from(text, 'base64url').toString()) ?? []
  if (id === undefined) throw new InvalidArgumentError('must be the next of the page before, unchanged')
  return { receivedAt: Number(receivedAt), id, part: Number(part) }
}
