import { setTimeout as pause } from 'node:timers/promises'
import { styleText } from 'node:util'
import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { describeError } from '../errors.ts'
import type { Outcome } from '../store/books.ts'
import { isCanceled, isTransient } from '../store/connection-error.ts'
import { readArrivals, type Arrival, type TailPosition } from '../store/tail.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { printable } from './dlq/printable.ts'
import { openDatabase } from './open.ts'
import { addArrivalFilter, filterOf, selectionOf, type FilterOptions } from './replay/options.ts'
import { jsonLine, processTerminal, type Terminal } from './terminal.ts'

interface Options extends FilterOptions {
  json?: boolean
}

const pollMs = 500

export function addTail(program: Command): void {
  addArrivalFilter(program.command('tail').description('follow readings as they are committed, with what each one did'))
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      "\nExamples:\n  baywire tail --tenant demo\n  baywire tail --topic 'parking/v1/acme/+/+/reading' --outcome applied,late",
    )
    .action(tail)
}

async function tail(options: Options): Promise<void> {
  const filter = filterOf(options)
  const database = await openDatabase(readConfig(process.env))
  const terminal = processTerminal()
  const stopping = new AbortController()
  const stopped = new Promise<undefined>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(undefined))
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  try {
    const system = database.system('baywire tail')
    const selection = await system.withSystem((tx) => selectionOf(database, tx, filter))
    const inColour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
    const show = (arrival: Arrival) =>
      terminal.print(options.json === true ? jsonLine(arrival) : line(arrival, inColour))
    const read = patient(system, terminal)
    let position: TailPosition | undefined
    while (!stopping.signal.aborted) {
      const answer = await Promise.race([read({ selection, position }), stopped])
      position = answer?.position ?? position
      for (const arrival of answer?.arrivals ?? []) show(arrival)
      if (answer?.state === 'lost') terminal.note('the database was restored: what it took until now is not shown')
      if (answer?.state !== 'more') await pause(pollMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  } finally {
    await database.close()
  }
  // A client that lost its connection waits half a minute for what else it was doing; nobody waits for that here.
  process.exit()
}

/** Undefined while the database is away: what is committed until it is back is shown then. */
function patient(
  system: SystemDatabase,
  terminal: Terminal,
): (wanted: Parameters<typeof readArrivals>[1]) => Promise<Awaited<ReturnType<typeof readArrivals>> | undefined> {
  let isAway = false
  return async (wanted) => {
    try {
      const answer = await system.withSystem((tx) => readArrivals(tx, wanted))
      if (isAway) terminal.note('the database is back')
      isAway = false
      return answer
    } catch (error) {
      // Canceled: it took longer than a statement may, beside much other work.
      if (!isTransient(error) && !isCanceled(error)) throw error
      if (!isAway) terminal.note(`waiting for the database (${describeError(error)})`)
      isAway = true
      return undefined
    }
  }
}

const colours: Record<Outcome, 'green' | 'gray' | 'yellow' | 'red'> = {
  applied: 'green',
  unchanged: 'gray',
  debouncing: 'gray',
  late: 'yellow',
  duplicate: 'yellow',
  retained: 'yellow',
  unassigned: 'red',
  unknown_device: 'red',
  malformed: 'red',
}

function line(arrival: Arrival, inColour: boolean): string {
  const { received_at: at, tenant, device, space, outcome, occupied, reason } = arrival
  const said = occupied === null ? '?' : occupied ? 'occupied' : 'vacant'
  const word = outcome.padEnd(14)
  const columns = [
    at,
    `${tenant}/${device ?? '?'}`.padEnd(28),
    said.padEnd(8),
    inColour ? styleText(colours[outcome], word) : word,
    space ?? '',
  ]
  return [...columns, reason === null ? '' : `(${printable(reason)})`].join('  ').trimEnd()
}
