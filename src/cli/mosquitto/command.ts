import { setTimeout as pause } from 'node:timers/promises'
import { InvalidArgumentError, type Command } from 'commander'
import { readConfig } from '../../config.ts'
import { BaywireError, describeError, UsageError } from '../../errors.ts'
import { codePattern } from '../../ids.ts'
import { createLog, type Log } from '../../log.ts'
import { openDatabase } from '../open.ts'
import { processTerminal } from '../terminal.ts'
import { addDrain } from './drain.ts'
import { reloadByCommand, reloadByPidFile, type Reload } from './reload.ts'
import { MosquittoSync } from './sync.ts'

interface Options {
  directory: string
  user: string[]
  pidFile?: string
  reloadCommand?: string
  once?: boolean
  json?: boolean
}

/** Half of what a revoked device may go on for, and less: it is found, written and told within 5 seconds. */
const pollMs = 2000

export function addMosquitto(program: Command): void {
  const mosquitto = program
    .command('mosquitto')
    .description('keep a Mosquitto in step with the database')
    .addHelpText(
      'after',
      '\nExample:\n  baywire mosquitto sync --directory /etc/mosquitto/baywire --user baywire-1 --pid-file /run/mosquitto/mosquitto.pid\n  baywire mosquitto drain',
    )
  mosquitto
    .command('sync')
    .description('write its password file and access list, and tell it, whenever credentials change')
    .requiredOption(
      '--directory <path>',
      "where the files are written: `passwd` and `acl`; its owner is Mosquitto's user",
    )
    .option(
      '--user <name>',
      "a process of Baywire's own, with its secret in NAME.secret; may be repeated",
      ownNames,
      [],
    )
    .option('--pid-file <path>', 'of Mosquitto, which is told by SIGHUP')
    .option('--reload-command <command>', 'what tells Mosquitto, through the shell')
    .option('--once', 'write, tell, and exit')
    .option('--json', 'with --once: what was done as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  baywire mosquitto sync --directory /etc/mosquitto/baywire --user baywire-1 --pid-file /run/mosquitto/mosquitto.pid',
    )
    .action(sync)
  addDrain(mosquitto)
}

function ownNames(name: string, names: string[]): string[] {
  if (!codePattern.test(name)) throw new InvalidArgumentError('must be 1 to 64 of A-Z a-z 0-9 . _ ~ -')
  return [...new Set([...names, name])]
}

async function sync(options: Options): Promise<void> {
  const reload = reloadOf(options)
  const config = readConfig(process.env)
  const log = createLog({ level: config.BAYWIRE_LOG_LEVEL, role: 'mosquitto' })
  const database = await openDatabase(config)
  try {
    const mosquitto = new MosquittoSync({
      database: database.system('baywire mosquitto'),
      directory: options.directory,
      own: options.user,
      reload,
    })
    await mosquitto.prepare()
    if (options.once === true) await lookOnce(mosquitto, options)
    else await keepInStep(mosquitto, log)
  } finally {
    await database.close()
  }
}

function reloadOf({ pidFile, reloadCommand }: Options): Reload {
  if (pidFile !== undefined && reloadCommand !== undefined) {
    throw new UsageError('--pid-file and --reload-command are both given', 'give one of them')
  }
  if (pidFile !== undefined) return reloadByPidFile(pidFile)
  if (reloadCommand !== undefined) return reloadByCommand(reloadCommand)
  throw new UsageError('nothing says how Mosquitto is told', 'give --pid-file or --reload-command')
}

async function lookOnce(mosquitto: MosquittoSync, { json }: Options): Promise<void> {
  const { users, changed, untold } = await mosquitto.look()
  const terminal = processTerminal()
  if (json === true) terminal.print(JSON.stringify({ users, changed, told: untold === undefined }))
  else terminal.print(`${users} users, files ${changed ? 'written' : 'as they were'}`)
  if (untold !== undefined) terminal.note(`not told: ${untold}`)
}

/** Until a signal. A database or broker that is away is looked for again; it is said when it goes and when it is back. */
async function keepInStep(mosquitto: MosquittoSync, log: Log): Promise<void> {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  let trouble: string | undefined
  while (!stopping.signal.aborted) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const now = await lookAgain(mosquitto, log)
    if (now !== trouble && now !== undefined) log.warn({ reason: now }, 'Mosquitto is not in step; trying again')
    if (trouble !== undefined && now === undefined) log.info('Mosquitto is in step again')
    trouble = now
    // oxlint-disable-next-line no-await-in-loop
    await pause(pollMs, undefined, { signal: stopping.signal }).catch(() => {})
  }
}

/** Why it is not in step; undefined when it is. */
async function lookAgain(mosquitto: MosquittoSync, log: Log): Promise<string | undefined> {
  try {
    const { users, changed, untold } = await mosquitto.look()
    if (changed) log.info({ users }, 'files written')
    return untold
  } catch (error) {
    return error instanceof BaywireError ? error.message : describeError(error)
  }
}
