import { hostname, userInfo } from 'node:os'
import type { Command } from 'commander'
import { systemClock } from '../../clock.ts'
import { readConfig, type Config } from '../../config.ts'
import { BaywireError, UsageError } from '../../errors.ts'
import { emptyReport, redriveDeadLetters, type RedriveOptions, type RedriveReport } from '../../ingest/redrive-run.ts'
import { outcomes } from '../../store/books.ts'
import { isTransient } from '../../store/connection-error.ts'
import { countDeadLetters, type TenantDeadLetters } from '../../store/dead-letters.ts'
import { DeviceDirectory } from '../../store/device-directory.ts'
import { PolicyCache } from '../../store/policies.ts'
import { isDead, whileAlone } from '../../store/redrive-attempts.ts'
import { SpaceMemory } from '../../store/space-lock.ts'
import { openDatabase, type OpenDatabase } from '../open.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { addFilter, filterOf, type FilterOptions } from './options.ts'

interface Options extends FilterOptions {
  execute?: boolean
  force?: boolean
  json?: boolean
}

export function addRedrive(dlq: Command): void {
  addFilter(dlq.command('redrive').description('try again what had no effect, as if it arrived when it did'))
    .option('--execute', 'do it; otherwise only count what would become of each')
    .option('--force', 'also attempt what would have no effect')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  baywire dlq redrive --tenant demo --outcome unknown_device --execute\n\n' +
        'Exit code 1 where something was attempted and had no effect.',
    )
    .action(redrive)
}

async function redrive(options: Options): Promise<void> {
  refuseWithoutFault(options)
  const config = readConfig(process.env)
  const database = await openDatabase(config)
  const terminal = processTerminal()
  try {
    const filter = await filterOf(database, options)
    const reader = database.system('baywire dlq redrive', { statementTimeoutMs: 0 })
    const tenants = await reader.withSnapshot((tx) => countDeadLetters(tx, filter))
    if (options.json !== true) terminal.print(announcement(tenants))
    const run = runOf({ config, database, terminal, options, total: lettersOf(tenants) })
    const total = emptyReport()
    for (const tenant of tenants) {
      // oxlint-disable-next-line no-await-in-loop -- one tenant after the other
      add(total, await run(tenant, { ...filter, tenantId: tenant.tenantId }))
    }
    const executed = options.execute === true
    terminal.print(options.json === true ? JSON.stringify(forMachines(total, executed)) : forPeople(total, executed))
    if (total.failed > 0) process.exitCode = 1
  } catch (error) {
    if (!isTransient(error)) throw error
    throw new BaywireError('the redrive was cut off, because the database could not be used', {
      advice: 'run it again: what was redriven stays, and nothing is redriven twice',
      cause: error,
    })
  } finally {
    await database.close()
  }
}

/** Nothing of them is missing: the one had its effect already, the other is in the history of its space. */
function refuseWithoutFault({ outcome = [] }: Options): void {
  const without = outcome.filter((one) => !isDead(one))
  if (without.length === 0) return
  throw new UsageError(
    `--outcome: ${without.join(' and ')} cannot be redriven, because nothing of it is missing`,
    'a duplicate had its effect with its first delivery, and what is late is kept in the history of its space',
  )
}

interface Run {
  config: Config
  database: OpenDatabase
  terminal: Terminal
  options: Options
  total: number
}

/** A redrive of one tenant after the other, with what they share. */
function runOf({ config, database, terminal, options, total }: Run) {
  const context = {
    // A page may need one pass over the log between its first letter and its last.
    database: database.system('baywire dlq redrive', { statementTimeoutMs: 0 }),
    memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
    directory: new DeviceDirectory(),
    clock: systemClock,
    by: `${userName()}@${hostname()}`,
  }
  // Its transaction idles for as long as the redrive of a tenant takes.
  const locks = database.system('baywire dlq lock', { statementTimeoutMs: 0 })
  let before = 0
  return async ({ tenant, count }: TenantDeadLetters, filter: RedriveOptions['filter']): Promise<RedriveReport> => {
    const work = () =>
      redriveDeadLetters(context, {
        filter,
        execute: options.execute === true,
        force: options.force === true,
        mostAttempts: config.BAYWIRE_REDRIVE_ATTEMPTS,
        mostReadingsAtATime: config.BAYWIRE_BATCH_READINGS,
        onProgress: ({ letters }) => terminal.progress(`${before + letters} of ${total}`),
      })
    const alone = options.execute === true ? await whileAlone(locks, filter.tenantId, work) : { result: await work() }
    if (alone === undefined) {
      throw new BaywireError(`somebody else redrives tenant "${tenant}" now`, { advice: 'try again when that is done' })
    }
    before += count
    return alone.result
  }
}

/** A container's user may have no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.() ?? ''}`.trim()
  }
}

function lettersOf(tenants: readonly TenantDeadLetters[]): number {
  return tenants.reduce((sum, { count }) => sum + count, 0)
}

function announcement(tenants: readonly TenantDeadLetters[]): string {
  const of = tenants.map(({ tenant, count }) => `${count} of ${tenant}`).join(', ')
  return `${lettersOf(tenants)} dead letters${of === '' ? '' : `: ${of}`}`
}

function add(total: RedriveReport, { readings, ...counts }: RedriveReport): void {
  for (const name of ['settled', 'failed', 'waiting', 'exhausted', 'taken'] as const) total[name] += counts[name]
  for (const [outcome, count] of readings) total.readings.set(outcome, (total.readings.get(outcome) ?? 0) + count)
}

function forMachines({ readings, ...counts }: RedriveReport, executed: boolean) {
  return { executed, ...counts, readings: Object.fromEntries(readings) }
}

function forPeople({ readings, ...counts }: RedriveReport, executed: boolean): string {
  const rows: [string, number][] = [
    [executed ? 'redriven, and dead no more' : 'would have an effect now', counts.settled],
    ['attempted, and dead still', counts.failed],
    ['not attempted: would have no effect yet', counts.waiting],
    ['not attempted: attempted too often already', counts.exhausted],
    ['taken by somebody else meanwhile', counts.taken],
  ]
  const became = outcomes.toReversed().flatMap((outcome) => {
    const count = readings.get(outcome)
    return count === undefined ? [] : [`${outcome} ${count}`]
  })
  return [
    ...rows
      .filter(([, count], index) => index === 0 || count > 0)
      .map(([what, count]) => `${what.padEnd(44)} ${count}`),
    ...(became.length === 0 ? [] : [`their readings: ${became.join(', ')}`]),
    ...(executed || counts.settled === 0 ? [] : ['nothing was changed: add --execute to redrive them']),
  ].join('\n')
}
