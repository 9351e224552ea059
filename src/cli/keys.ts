import type { Command } from 'commander'
import { accessSettings } from '../auth/settings.ts'
import { SigningKeys, type KeyState } from '../auth/signing-keys.ts'
import { systemClock } from '../clock.ts'
import { readConfig } from '../config.ts'
import { openDatabase } from './open.ts'
import { installationSecret } from './secret.ts'
import { processTerminal } from './terminal.ts'

interface Options {
  json?: boolean
}

/** The keys that access tokens are signed with. */
export function addKeys(program: Command): void {
  const keys = program
    .command('keys')
    .description('the keys that access tokens are signed with')
    .addHelpText('after', '\nExample:\n  baywire keys list\n  baywire keys rotate')
  keys
    .command('list')
    .description('which key signs, which comes next, and which are still taken')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  baywire keys list --json')
    .action(async (options: Options) => {
      show(await withKeys((signingKeys) => signingKeys.list()), options)
    })
  keys
    .command('rotate')
    .description('let the next key sign, once it has been published for 10 minutes')
    .option('--now', 'at once, and end all others: for a key that leaked; clients refresh their access tokens')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  baywire keys rotate')
    .action(async ({ now = false, ...options }: Options & { now?: boolean }) => {
      const states = await withKeys(async (signingKeys) => {
        await signingKeys.rotate({ atOnce: now })
        return await signingKeys.list()
      })
      show(states, options)
    })
}

async function withKeys<T>(work: (signingKeys: SigningKeys) => Promise<T>): Promise<T> {
  const config = readConfig(process.env)
  const database = await openDatabase(config)
  try {
    const secret = await installationSecret(config)
    const { signingKeyDays: keyDays, onOtherSecret } = accessSettings(config)
    const tenants = database.tenants('baywire keys')
    return await work(new SigningKeys({ tenants, secret, keyDays, onOtherSecret, clock: systemClock }))
  } finally {
    await database.close()
  }
}

function show(states: readonly KeyState[], { json }: Options): void {
  const items = states.map(({ kid, state, createdAt, signsFrom, retiredAt }) => ({
    kid,
    state,
    created_at: createdAt.toISOString(),
    signs_from: signsFrom.toISOString(),
    retired_at: retiredAt?.toISOString() ?? null,
  }))
  const terminal = processTerminal()
  if (json === true) return terminal.print(JSON.stringify({ items }))
  if (items.length === 0) return terminal.note('There are none yet: the first start of the API makes them.')
  for (const item of items) terminal.print(`${item.kid}  ${item.state.padEnd(8)}  signs from ${item.signs_from}`)
}
