/**
 * `npm run bench`: how many readings per second Baywire commits, beside consumers as people write them and beside what
 * the machine allows, all in one run on one fresh database. Exit code 1 where a figure would not count or a bound is
 * missed, 2 for wrong use.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { describeError } from '../src/errors.ts'
import { Lifecycle } from '../src/lifecycle.ts'
import { createLog } from '../src/log.ts'
import { BenchDatabase } from './database.ts'
import { writeTables } from './docs.ts'
import { build } from './program.ts'
import { mosquittoVersion } from './mosquitto.ts'
import { measureRounds } from './rounds.ts'
import { failuresOf, names, summarize, type Name, type Results, type Summary } from './summary.ts'
import { toTable } from './table.ts'
import { measureApi } from './targets/api.ts'
import { measureExplain } from './targets/explain.ts'
import { measureMemory } from './targets/memory.ts'
import { measureStreams } from './targets/streams.ts'
import { measureReplay } from './targets/replay.ts'

const help = `npm run bench -- [--only NAMES] [--json FILE] [--seconds N] [--repeats N] [--warm-up N] [--rate N]
npm run bench -- --docs FILES

  --only NAMES   any of ${names.join(', ')}, api, explain, memory, replay and sse
                 (default: all but explain, memory, replay and sse; node-red only where it is installed, which asking for it does)
  --json FILE    write the figures there too
  --seconds N    length of a window (default 6); of memory, after its first minute (default 600)
  --repeats N    windows of each (default 3)
  --warm-up N    seconds before a window (default 3)
  --rate N       readings per second of memory (default 5000)
  --docs FILES   measure nothing: write the figures of such files (a,b) into docs/performance.md

Example:
  npm run bench -- --only embedded,serial --repeats 1`

interface Options {
  only: readonly (Name | 'api' | 'explain' | 'memory' | 'replay' | 'sse')[]
  installNodeRed: boolean
  json: string | undefined
  docs: string | undefined
  seconds: number | undefined
  repeats: number
  warmUpS: number
  memoryRate: number
}

class WrongUse extends Error {}

const replayedReadings = 1_000_000
const defaultSeconds = { window: 6, memory: 600 }
/** Of the measurement of sse. */
const [streamClients, streamChanges] = [1000, 200]
const onProgress = (message: string) => console.error(message)

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      json: { type: 'string' },
      docs: { type: 'string' },
      seconds: { type: 'string' },
      repeats: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '3' },
      rate: { type: 'string', default: '5000' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    process.exit(0)
  }
  return {
    only: wantedNames(values.only),
    installNodeRed: values.only?.includes('node-red') ?? false,
    json: values.json,
    docs: values.docs,
    seconds: values.seconds === undefined ? undefined : positive('--seconds', values.seconds),
    repeats: positive('--repeats', values.repeats),
    warmUpS: positive('--warm-up', values['warm-up']),
    memoryRate: positive('--rate', values.rate),
  }
}

function wantedNames(text: string | undefined): Options['only'] {
  const wanted: readonly string[] = text?.split(',') ?? [...names, 'api']
  const known = [...names, 'api', 'explain', 'memory', 'replay', 'sse'] as const
  const unknown = wanted.filter((name) => !known.some((each) => each === name))
  if (unknown.length > 0) throw new WrongUse(`--only: there is no ${unknown.join(', ')}`)
  return known.filter((name) => wanted.includes(name))
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new WrongUse(`${name}: must be a whole number above 0, not ${text}`)
}

async function bench(options: Options, lifecycle: Lifecycle): Promise<number> {
  if (options.docs !== undefined) {
    const files = await Promise.all(options.docs.split(',').map((file) => readFile(file, 'utf8')))
    await writeTables(files.map((file) => JSON.parse(file) as Summary))
    return 0
  }
  const summary = await measure(options, lifecycle)
  console.log(toTable(summary))
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(summary, null, 2)}\n`)
  const failures = failuresOf(summary)
  for (const failure of failures) console.error(`bench: ${failure}`)
  return failures.length === 0 ? 0 : 1
}

async function measure(options: Options, lifecycle: Lifecycle): Promise<Summary> {
  const { seconds = defaultSeconds.window, repeats, warmUpS, installNodeRed, memoryRate } = options
  await build(onProgress)
  const database = await lifecycle.start(
    'database',
    () => BenchDatabase.start(onProgress),
    (started) => started.close(),
  )
  const run = { database, lifecycle, seconds, warmUpS, onProgress }
  const only = names.filter((name) => options.only.includes(name))
  const results: Results = await measureRounds(run, { only, repeats, installNodeRed })
  if (options.only.includes('api')) results.api = await measureApi(run, { repeats })
  if (options.only.includes('replay')) {
    results.replay = await measureReplay(run, { readings: replayedReadings, repeats })
  }
  if (options.only.includes('memory')) {
    const memorySeconds = options.seconds ?? defaultSeconds.memory
    results.memory = await measureMemory(run, { seconds: memorySeconds, perSecond: memoryRate })
  }
  if (options.only.includes('sse')) {
    results.streams = await measureStreams(run, { clients: streamClients, changes: streamChanges })
  }
  if (options.only.includes('explain')) results.explained = await measureExplain(run)
  const programs = { postgres: await database.version(), mosquitto: await mosquittoVersion() }
  return summarize(results, { ...programs, seconds, repeats, warmUpS, at: new Date() })
}

const lifecycle = new Lifecycle(createLog({ level: 'warn' }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void lifecycle.stop().finally(() => process.exit(130)))
}
try {
  process.exitCode = await bench(readOptions(), lifecycle)
} catch (error) {
  const wrongUse = error instanceof WrongUse || (error instanceof TypeError && 'code' in error)
  console.error(`bench: ${describeError(error)}${wrongUse ? ' (--help has an example)' : ''}`)
  process.exitCode = wrongUse ? 2 : 1
} finally {
  await lifecycle.stop()
}
