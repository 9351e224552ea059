import { Option, type Command } from 'commander'
import { readConfig } from '../../config.ts'
import { UsageError } from '../../errors.ts'
import { openDatabase, type OpenDatabase } from '../open.ts'
import { parseDuration, positiveOrMax, wholeNumber } from '../options.ts'
import { processTerminal } from '../terminal.ts'
import { runDryRun } from './dry-run.ts'
import { addFilter, filterOf, readPolicy, type FilterOptions } from './options.ts'
import { targetOf } from './target.ts'
import { runToFile } from './to-file.ts'
import { runToMqtt } from './to-mqtt.ts'
import { runVerify } from './verify.ts'

interface Options extends FilterOptions {
  dryRun?: boolean
  verify?: boolean
  toFile?: string
  toMqtt?: string
  prefix?: string
  live?: boolean
  confirm?: number
  speed?: number | 'max'
  resume?: string
  giveUp?: number
  fromFile?: string
  policy?: string
  json?: boolean
}

const examples = `
Examples:
  $ baywire replay --tenant demo --since 2026-11-20T22:00:00Z --until 2026-11-21T06:00:00Z
  $ baywire replay --tenant demo --policy debounced.json
  $ baywire replay --tenant demo --space harbour/A-17 --to-file night.ndjson
  $ baywire replay --from-file night.ndjson --to-mqtt mqtt://test.example:1883 --prefix replay/ --speed 10
  $ baywire replay --verify --tenant demo

Exit code 0 when all is done, and equal where it is compared with what was recorded; 1 when it differs.`

const mostSpeed = 1_000_000

export function addReplay(program: Command): void {
  const command = program
    .command('replay')
    .description('logged readings once more: compare, try another policy, keep in a file, publish')
  addFilter(command.optionsGroup('Which readings:')).option(
    '--from-file <file>',
    'those of a file that --to-file wrote, here or elsewhere',
  )
  command
    .optionsGroup('What to do with them:')
    .option('--dry-run', 'through decoder and state machine into memory, and compare (the default)')
    .option('--policy <file>', 'with these fields of a policy in JSON, instead of what was in force: a backtest')
    .option('--verify', 'fold all that is kept and compare it with what was recorded live, to the last detail')
    .option('--to-file <file>', 'write them into a new file, as NDJSON')
    .option('--to-mqtt <url>', 'publish their messages again, at QoS 1')
    .optionsGroup('With --to-mqtt:')
    .option('--prefix <text>', 'in front of each topic (default: replay/)')
    .option('--live', 'onto the topics themselves, without a prefix')
    .option('--confirm <messages>', 'with --live: how many messages you mean', wholeNumber(1, 1_000_000_000))
    .option('--speed <pace>', 'original, times faster than they arrived, or max (default: max)', parseSpeed)
    .option('--resume <file>', 'keep in a file how far it came, and go on from there')
    .addOption(
      new Option('--give-up <duration>', 'end when nothing is acknowledged for so long (default: 30s)').argParser(
        parseDuration,
      ),
    )
    .optionsGroup('Output:')
    .option('--json', 'as JSON')
    .addHelpText('after', examples)
    .action(replay)
}

function parseSpeed(text: string): number | 'max' {
  return text === 'original' ? 1 : positiveOrMax(mostSpeed)(text)
}

async function replay(options: Options): Promise<void> {
  refuseMixtures(options)
  const { fromFile, tenant, policy, toFile, toMqtt, json = false } = options
  const terminal = processTerminal()
  const filter = filterOf(options)
  const fields = policy === undefined ? undefined : await readPolicy(policy)
  const target = toMqtt === undefined ? undefined : targetOf(toMqtt, options)
  const source = async (work: (source: OpenDatabase | string) => Promise<void>) =>
    fromFile === undefined ? await withDatabase(work) : await work(fromFile)
  if (options.verify === true) {
    await withDatabase((database) => runVerify(database, { tenant, json, terminal }))
  } else if (toFile !== undefined) {
    await withDatabase((database) => runToFile(database, { path: toFile, filter, json, terminal }))
  } else if (target !== undefined) {
    const { speed = 'max', confirm, resume, giveUp: giveUpMs = 30_000 } = options
    await source((from) => runToMqtt(from, { target, filter, speed, confirm, resume, giveUpMs, json, terminal }))
  } else {
    await source((from) => runDryRun(from, { filter, policy: fields, json, terminal }))
  }
}

async function withDatabase(work: (database: OpenDatabase) => Promise<void>): Promise<void> {
  const database = await openDatabase(readConfig(process.env))
  try {
    await work(database)
  } finally {
    await database.close()
  }
}

const modes = ['dryRun', 'verify', 'toFile', 'toMqtt'] as const
const onlyToMqtt = ['prefix', 'live', 'confirm', 'speed', 'resume', 'giveUp'] as const
const notVerified = ['topic', 'site', 'space', 'device', 'outcome', 'since', 'until', 'fromFile', 'policy'] as const

/** Options that mean nothing together would otherwise be passed over in silence. */
function refuseMixtures(options: Options): void {
  const [mode, second] = modes.filter((name) => options[name] !== undefined)
  if (mode !== undefined && second !== undefined) throw new UsageError(`${flag(mode)} and ${flag(second)}: only one`)
  const refuse = (names: readonly (keyof Options)[], reason: string) => {
    const given = names.find((name) => options[name] !== undefined)
    if (given !== undefined) throw new UsageError(`${flag(given)}: ${reason}`)
  }
  if (mode !== 'toMqtt') refuse(onlyToMqtt, 'goes with --to-mqtt')
  if (mode === 'verify') refuse(notVerified, 'does not go with --verify, which needs all inputs of a space')
  if (mode === 'toFile' || mode === 'toMqtt') refuse(['policy'], 'goes with --dry-run')
  if (mode === 'toFile') refuse(['fromFile'], 'does not go with --to-file: it is in a file already')
  if (options.live === true) refuse(['prefix'], 'does not go with --live')
  if (options.live !== true) refuse(['confirm'], 'goes with --live')
}

function flag(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
