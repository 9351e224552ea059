import { Option, type Command } from 'commander'
import { systemClock } from '../../clock.ts'
import { readConfig, type Config } from '../../config.ts'
import { openDatabase } from '../open.ts'
import { commaList, parseCode, parseDuration, positiveOrMax, wholeNumber } from '../options.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { findBroker, probeBroker } from './broker.ts'
import { connectGateway } from './gateway.ts'
import { mostPerMessage } from './message.ts'
import { simulate, type SimulateOptions, type SimulateOutcome } from './simulate.ts'
import { openSource, type SourceOptions } from './source.ts'

type Options = SourceOptions &
  Pick<SimulateOptions, 'tenant' | 'site' | 'gateways' | 'boot' | 'ackLog'> & {
    provision?: boolean
    giveUp: number
    json?: boolean
  }

const mostSpaces = 1_000_000
const mostGateways = 1000
const mostRate = 1_000_000
const mostMessages = 1_000_000_000

const examples = `
Examples:
  $ baywire simulate --tenant demo --spaces 200 --rate 50 --duration 5m --provision
  $ baywire simulate --tenant ladot --csv events.csv --device SpaceID --at EventTime_UTC --state OccupancyState \\
      --occupied OCCUPIED --vacant VACANT --rebase --provision --speed max
  $ baywire simulate --tenant campus --csv stays.csv --device space --from arrival --to departure --provision`

export function addSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description('publish readings over MQTT: synthetic ones, or a recorded log from a CSV file')
    .requiredOption('--tenant <code>', 'whose devices speak', parseCode)
    .option('--site <code>', 'site of what --provision makes', parseCode, 'main')
    .option('--provision', 'make what is missing: tenant, site, a space and a device for each device value')
    .option('--batch <readings>', 'readings in one message', wholeNumber(1, mostPerMessage), 1)
    .option('--gateways <count>', 'connections, each as a gateway of its own', wholeNumber(1, mostGateways), 1)
    .option(
      '--boot <number>',
      'session of the readings (default: start in epoch seconds)',
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    )
    .option('--ack-log <file>', 'append a line of JSON for each reading that was acknowledged')
    .addOption(
      new Option('--give-up <duration>', 'end when nothing is acknowledged for so long')
        .argParser(parseDuration)
        .default(60_000, '60s'),
    )
    .option('--json', 'print the result as JSON')
  addSynthetic(command)
  addRecorded(command)
  command.addHelpText('after', examples).action(async (options: Options) => {
    const config = readConfig(process.env)
    const terminal = processTerminal()
    const outcome = await runCommand(options, { config, terminal })
    terminal.print(options.json === true ? JSON.stringify(outcome.summary) : describe(outcome))
    if (outcome.failure !== undefined) throw outcome.failure
  })
}

function addSynthetic(command: Command): void {
  command
    .optionsGroup('Synthetic readings:')
    .option('--spaces <count>', 'devices sim-00001 and on (default: 100)', wholeNumber(1, mostSpaces))
    .option('--rate <readings>', 'per second, or max (default: 100; max with --messages)', positiveOrMax(mostRate))
    .option('--duration <duration>', 'how long (default: 60s, without --messages)', parseDuration)
    .option('--messages <count>', 'how many', wholeNumber(1, mostMessages))
}

function addRecorded(command: Command): void {
  command
    .optionsGroup('Recorded log:')
    .option('--csv <file>', 'file with a header')
    .option('--device <column>', 'column of the device')
    .option('--at <column>', 'column of the time of an event')
    .option('--state <column>', 'column of its state')
    .option('--occupied <values>', 'states that mean occupied, with commas between', commaList)
    .option('--vacant <values>', 'states that mean vacant', commaList)
    .option('--from <column>', 'column of the arrival, in a log of stays')
    .option('--to <column>', 'column of the departure')
    .option('--timezone <name>', 'of times without an offset, such as America/Los_Angeles (default: UTC)')
    .option('--time-format <format>', 'of times, such as "DD.MM.YYYY HH:mm"')
    .option('--rebase', 'move all times so that the log happens now')
    .option('--speed <factor>', 'times faster than recorded, or max (default: max)', positiveOrMax(mostRate))
    .option('--shuffle', 'send in any order')
    .option('--repeat <times>', 'send the whole log so often', wholeNumber(1, 1000))
}

async function runCommand(
  options: Options,
  { config, terminal }: { config: Config; terminal: Terminal },
): Promise<SimulateOutcome> {
  const source = await openSource(options)
  const broker = findBroker(config)
  await probeBroker(broker)
  const interrupted = new AbortController()
  const onInterrupt = () => interrupted.abort()
  process.once('SIGINT', onInterrupt).once('SIGTERM', onInterrupt)
  try {
    return await simulate(
      source,
      { ...options, provision: options.provision === true, giveUpMs: options.giveUp },
      {
        async withDatabase(work) {
          const database = await openDatabase(config)
          try {
            return await work(database.tenants('baywire simulate'))
          } finally {
            await database.close()
          }
        },
        connect: (gateway) => connectGateway(gateway, broker),
        now: () => systemClock.now(),
        terminal,
        signal: interrupted.signal,
      },
    )
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onInterrupt)
  }
}

function describe({ summary, failure }: SimulateOutcome): string {
  const { published, acknowledged, readings, seconds, rate, boot, rebase_offset_ms: offsetMs } = summary
  const counts = failure === undefined ? 'all acknowledged' : `${acknowledged} acknowledged`
  const moved = offsetMs === 0 ? '' : `, times moved by ${offsetMs} ms`
  return `${published} messages published, ${counts}: ${readings} readings in ${seconds} s (${rate}/s), boot ${boot}${moved}`
}
