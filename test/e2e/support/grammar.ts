import { Command, CommanderError } from 'commander'
import { addAudit } from '../../../src/cli/audit/command.ts'
import { addBackup, addRestore } from '../../../src/cli/backup.ts'
import { addConfig } from '../../../src/cli/config.ts'
import { addDemo } from '../../../src/cli/demo/command.ts'
import { addDevice } from '../../../src/cli/device/command.ts'
import { addDlq } from '../../../src/cli/dlq/command.ts'
import { addDoctor } from '../../../src/cli/doctor/command.ts'
import { addExplain } from '../../../src/cli/explain.ts'
import { addImport } from '../../../src/cli/import/command.ts'
import { addJobs } from '../../../src/cli/jobs.ts'
import { addKeys } from '../../../src/cli/keys.ts'
import { addLedger } from '../../../src/cli/ledger.ts'
import { addMigrate } from '../../../src/cli/migrate.ts'
import { addMosquitto } from '../../../src/cli/mosquitto/command.ts'
import { addReplay } from '../../../src/cli/replay/command.ts'
import { addSimulate } from '../../../src/cli/simulate/command.ts'
import { addStart, roles } from '../../../src/cli/start/command.ts'
import { addTail } from '../../../src/cli/tail.ts'
import { addTenant } from '../../../src/cli/tenant/command.ts'
import { addUser } from '../../../src/cli/user/command.ts'

const adders = [
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
]

/** The commands as they are, that do nothing but judge how they are called, and print their help into `out`. */
function grammar(out: string[]): Command {
  const program = new Command('baywire').exitOverride().configureOutput({
    writeOut: (text) => out.push(text),
    writeErr: (text) => out.push(text),
  })
  for (const add of adders) add(program)
  for (const command of program.commands) {
    for (const each of [command, ...command.commands]) each.action(() => {})
  }
  return program
}

export function commandNames(): string[] {
  return grammar([]).commands.map((command) => command.name())
}

export function helpOf(name: string): string {
  const out: string[] = []
  grammar(out)
    .commands.find((command) => command.name() === name)
    ?.outputHelp()
  return out.join('')
}

/** What is wrong with a call; undefined where it is understood. */
export async function misuse(words: readonly string[]): Promise<CommanderError | Error | undefined> {
  const wrongRole = words[0] === 'start' && words.slice(1).find((word) => !roles.some((role) => role === word))
  if (wrongRole) return new Error(`there is no role ${wrongRole}`)
  try {
    await grammar([]).parseAsync(words, { from: 'user' })
    return undefined
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : error
    throw error
  }
}
