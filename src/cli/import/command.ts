import type { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { readCsv } from '../csv.ts'
import { openDatabase } from '../open.ts'
import { parseCode } from '../options.ts'
import { processTerminal } from '../terminal.ts'
import { importPlaces, type ImportSummary } from './import-places.ts'
import { readPlaces } from './place-file.ts'

interface Options {
  tenant: string
  create?: boolean
  public?: boolean
  dryRun?: boolean
  json?: boolean
}

const help = `
Columns: site and space (codes, required); name, level, lat, lon, plan_x, plan_y (metres), zone, and features with ; between;
of the site: site_name, site_lat, site_lon, site_timezone. One row a space. Places that exist are changed to what the file says;
columns that it does not have, and places that it does not name, stay as they are. Either all of it is done, or nothing.

Example:
  $ baywire import --tenant city --create spaces.csv`

export function addImport(program: Command): void {
  program
    .command('import')
    .description('make or change sites and spaces from a CSV file')
    .argument('<file>', 'CSV file with a header')
    .requiredOption('--tenant <code>', 'whose they are', parseCode)
    .option('--create', 'make the tenant where it is missing')
    .option('--public', 'with --create: everybody may read it')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(async (path: string, options: Options) => {
      const places = readPlaces(await readCsv(path))
      const { tenant, dryRun = false } = options
      const create = options.create === true ? { name: tenant, public: options.public === true } : undefined
      const database = await openDatabase(readConfig(process.env))
      try {
        const summary = await importPlaces(database.tenants('baywire import'), places, { tenant, create, dryRun })
        processTerminal().print(options.json === true ? JSON.stringify(summary) : describe(summary))
      } finally {
        await database.close()
      }
    })
}

function describe(summary: ImportSummary): string {
  const lines = (['sites', 'zones', 'spaces'] as const).map((kind) => {
    const { created, updated, unchanged } = summary[kind]
    return `${kind}: ${created} created, ${updated} changed, ${unchanged} unchanged`
  })
  if (summary.ignored_columns.length > 0) lines.push(`ignored columns: ${summary.ignored_columns.join(', ')}`)
  if (summary.dry_run) lines.push('dry run: nothing was done')
  return lines.join('\n')
}
