import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { BaywireError, UsageError } from '../errors.ts'
import { verify } from '../replay/verify.ts'
import { openDatabase } from './open.ts'
import { processTerminal } from './terminal.ts'

interface Options {
  tenant?: string
  verify?: boolean
  json?: boolean
}

export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('fold the logged inputs again')
    .option('--verify', 'compare with what was recorded live')
    .option('--tenant <slug>', 'of this tenant alone')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  baywire replay --verify --tenant demo\n\nExit code 0 when equal, 1 when different.',
    )
    .action(replay)
}

async function replay({ tenant, verify: verifying, json }: Options): Promise<void> {
  if (verifying !== true) throw new UsageError('say what to do with the logged inputs', 'add --verify')
  const database = await openDatabase(readConfig(process.env))
  const terminal = processTerminal()
  try {
    const known = tenant === undefined ? undefined : await database.tenants('baywire replay').tenantBySlug(tenant)
    if (tenant !== undefined && known === undefined) {
      throw new BaywireError(`there is no tenant "${tenant}"`, { advice: 'check --tenant' })
    }
    const verification = await verify(database.system('baywire replay', { statementTimeoutMs: 0 }), {
      tenantId: known?.id,
      onProgress: (done, of) => terminal.progress(`${done} of ${of} spaces`),
    })
    const { spaces, inputs, first_difference: difference } = verification
    if (json === true) terminal.print(JSON.stringify(verification))
    else if (difference === null) terminal.print(`equal: ${inputs} inputs of ${spaces} spaces`)
    else terminal.print(`DIFFERENT: ${JSON.stringify(difference, null, 2)}`)
    if (difference !== null) process.exitCode = 1
  } finally {
    await database.close()
  }
}
