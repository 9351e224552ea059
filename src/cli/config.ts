import type { Command } from 'commander'
import { readConfig, settings } from '../config.ts'
import { UsageError } from '../errors.ts'
import { openDatabase } from './open.ts'
import { processTerminal } from './terminal.ts'

export function addConfig(program: Command): void {
  const config = program
    .command('config')
    .description('print all settings with their values; secrets are not shown')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  baywire config\n  psql "$(baywire config get database-url)"')
    .action(({ json }: { json?: boolean }) =>
      processTerminal().print(json === true ? JSON.stringify(shownSettings()) : settingsTable()),
    )
  config
    .command('get')
    .description('print one setting alone; database-url prints the URL of the database in use, the embedded one too')
    .argument('<name>', 'database-url, or the name of a setting')
    .action((name: string) => printSetting(name))
}

interface Shown {
  name: string
  value: string | null
  about: string
}

function shownSettings(): Shown[] {
  const config: Record<string, string | number | undefined> = readConfig(process.env)
  return Object.entries(settings).map(([name, { about, ...setting }]) => {
    const value = config[name]
    const hidden = 'secret' in setting && value !== undefined
    return { name, value: hidden ? '(set)' : value === undefined ? null : String(value), about }
  })
}

function settingsTable(): string {
  const rows = shownSettings().map(({ value, ...row }) => ({ ...row, value: value ?? '(not set)' }))
  const width = (of: (row: (typeof rows)[0]) => string) => Math.max(...rows.map((row) => of(row).length))
  const [names, values] = [width((row) => row.name), width((row) => row.value)]
  return rows.map(({ name, value, about }) => `${name.padEnd(names)}  ${value.padEnd(values)}  ${about}`).join('\n')
}

async function printSetting(name: string): Promise<void> {
  const config = readConfig(process.env)
  if (name === 'database-url') {
    const database = await openDatabase(config)
    processTerminal().print(database.urls.ownerUrl)
    await database.close()
    return
  }
  const key = name.toUpperCase().replaceAll('-', '_')
  const value = Object.entries(config).find(([known]) => known === key || known === `BAYWIRE_${key}`)
  if (value === undefined) throw new UsageError(`there is no setting ${name}`, 'see `baywire config` for all of them')
  processTerminal().print(value[1] === undefined ? '' : String(value[1]))
}
