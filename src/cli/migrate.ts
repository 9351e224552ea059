import type { Command } from 'commander'
import { readConfig, type Config } from '../config.ts'
import { UsageError } from '../errors.ts'
import { resolveDatabase } from '../store/client.ts'
import { createLogins } from '../store/logins.ts'
import { migrate } from '../store/migrations.ts'
import { openDatabase } from './open.ts'
import { announce } from './terminal.ts'

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database to the schema of this program')
    .option('--create-logins', 'make the logins of DATABASE_URL_API and DATABASE_URL_INGEST, or set their passwords')
    .addHelpText('after', '\nExample:\n  DATABASE_URL=postgres://owner@db/baywire baywire migrate')
    .action(async ({ createLogins: wanted }: { createLogins?: boolean }) => {
      const config = readConfig(process.env)
      requireOwner(config)
      if (wanted === true) await makeLogins(config)
      const database = await openDatabase(config)
      announce('the database has the schema of this program')
      await database.close()
    })
}

function requireOwner({ DATABASE_URL, DATABASE_URL_API, DATABASE_URL_INGEST }: Config): void {
  if (DATABASE_URL !== undefined || (DATABASE_URL_API ?? DATABASE_URL_INGEST) === undefined) return
  throw new UsageError('DATABASE_URL is not set: only the owner of the database can migrate it', 'set it as well')
}

/** Before anybody uses them: opening the database would be refused by logins that are not there yet. */
async function makeLogins(config: Config): Promise<void> {
  const { DATABASE_URL_API, DATABASE_URL_INGEST, ...owner } = config
  const database = await resolveDatabase(
    { ...owner, DATABASE_URL_API: undefined, DATABASE_URL_INGEST: undefined },
    { onProgress: announce },
  )
  try {
    await migrate(database.ownerUrl, { onProgress: announce })
    const names = await createLogins(database.ownerUrl, { DATABASE_URL_API, DATABASE_URL_INGEST })
    announce(`logins that are there now: ${names.join(', ')}`)
  } finally {
    await database.stop()
  }
}
