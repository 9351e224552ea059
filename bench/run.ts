/**
 * `npm run bench`: how many readings per second Baywire commits, beside a consumer written by hand and beside what the
 * machine allows, all in one run on one fresh database. Exit code 1 where a figure would not count or the goal is
 * not reached, 2 for wrong use.
 */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { createLog } from '../src/log.ts'
import { Lifecycle } from '../src/lifecycle.ts'
import { describeError } from '../src/errors.ts'
import { BenchDatabase } from './database.ts'
import { untilQuiet } from './measure.ts'
import { goalTimes, toJson, toTable, type Results } from './report.ts'
import { measureCommit } from './targets/commit.ts'
import { measureEmbedded } from './targets/embedded.ts'
import { measureHook } from './targets/hook.ts'
import { measureSerial } from './targets/serial.ts'
import type { Run } from './targets/target.ts'

const names = ['embedded', 'serial', 'hook', 'database'] as const
type Name = (typeof names)[number]

const help = `npm run bench -- [--only NAMES] [--json FILE] [--seconds N] [--repeats N] [--warm-up N]

  --only NAMES   any of ${names.join(',')} (default: all)
  --json FILE    write the figures there too
  --seconds N    length of a window (default 10)
  --repeats N    windows of each (default 3)
  --warm-up N    seconds before a window (default 3)

Example:
  npm run bench -- --only embedded,serial --repeats 1`

interface Options {
  only: readonly Name[]
  json: string | undefined
  seconds: number
  repeats: number
  warmUpS: number
}

class WrongUse extends Error {}

const onProgress = (message: string) => console.error(message)

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      json: { type: 'string' },
      seconds: { type: 'string', default: '10' },
      repeats: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    process.exit(0)
  }
  const wanted = values.only?.split(',') ?? names
  const unknown = wanted.filter((name) => !names.some((known) => known === name))
  if (unknown.length > 0) throw new WrongUse(`--only: there is no ${unknown.join(', ')}`)
  return {
    only: names.filter((name) => wanted.includes(name)),
    json: values.json,
    seconds: positive('--seconds', values.seconds),
    repeats: positive('--repeats', values.repeats),
    warmUpS: positive('--warm-up', values['warm-up']),
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new WrongUse(`${name}: must be a whole number above 0, not ${text}`)
}

async function bench({ only, json, ...options }: Options, lifecycle: Lifecycle): Promise<number> {
  const database = await lifecycle.start(
    'database',
    () => BenchDatabase.start(onProgress),
    (started) => started.close(),
  )
  const run: Run = { ...options, database, lifecycle, onProgress }
  const results = await measure(run, only)
  const facts = { postgres: await database.version(), seconds: options.seconds, repeats: options.repeats }
  console.log(toTable(results, facts))
  const summary = toJson(results, facts)
  if (json !== undefined) await writeFile(json, `${JSON.stringify(summary, null, 2)}\n`)
  const missed = summary.times.serial !== null && summary.times.serial < goalTimes
  return missed || summary.embedded?.sound === false ? 1 : 0
}

async function measure(run: Run, only: readonly Name[]): Promise<Results> {
  const results: Results = {}
  const steps: Record<Name, () => Promise<unknown>> = {
    embedded: async () => (results.embedded = await measureEmbedded(run)),
    serial: async () => (results.serial = await measureSerial(run)),
    hook: async () => (results.hook = await measureHook(run)),
    database: async () => (results.database = await measureCommit(run)),
  }
  for (const name of only) {
    /* oxlint-disable no-await-in-loop -- one after the other, so that none takes from another */
    await untilQuiet(run.onProgress)
    await steps[name]()
    /* oxlint-enable no-await-in-loop */
  }
  return results
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
