#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addAudit } from './cli/audit/command.ts'
import { addBackup, addRestore } from './cli/backup.ts'
import { addConfig } from './cli/config.ts'
import { addDemo } from './cli/demo/command.ts'
import { addDevice } from './cli/device/command.ts'
import { addDlq } from './cli/dlq/command.ts'
import { addDoctor } from './cli/doctor/command.ts'
import { addExplain } from './cli/explain.ts'
import { addImport } from './cli/import/command.ts'
import { addJobs } from './cli/jobs.ts'
import { addKeys } from './cli/keys.ts'
import { addLedger } from './cli/ledger.ts'
import { addMigrate } from './cli/migrate.ts'
import { addMosquitto } from './cli/mosquitto/command.ts'
import { addReplay } from './cli/replay/command.ts'
import { addSimulate } from './cli/simulate/command.ts'
import { addStart } from './cli/start/command.ts'
import { addTail } from './cli/tail.ts'
import { addTenant } from './cli/tenant/command.ts'
import { addUser } from './cli/user/command.ts'
import { BaywireError, describeError } from './errors.ts'

const manifest = new URL('../package.json', import.meta.url)

function commandLine(): Command {
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const program = new Command('baywire')
    .description('readings of parking sensors become the state of each space')
    .version(version)
    .showHelpAfterError('(add --help for an example)')
    .exitOverride()
  for (const add of [
    addStart,
    addDemo,
    addSimulate,
    addImport,
    addTail,
    addLedger,
    addAudit,
    addDlq,
    addReplay,
    addExplain,
    addDevice,
    addJobs,
    addKeys,
    addTenant,
    addUser,
    addMigrate,
    addMosquitto,
    addDoctor,
    addBackup,
    addRestore,
    addConfig,
  ]) {
    add(program)
  }
  return program
}

/** Exit codes: 0 done, 1 a finding or refusal, 2 wrong use. */
function report(error: unknown): number {
  // Commander has said what is wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (!(error instanceof BaywireError)) {
    console.error(`baywire: ${error instanceof Error ? (error.stack ?? error.message) : describeError(error)}`)
    return 1
  }
  console.error(`baywire: ${error.message}${error.advice === undefined ? '' : `: ${error.advice}`}`)
  return error.exitCode
}

try {
  await commandLine().parseAsync()
} catch (error) {
  process.exitCode = report(error)
}
