import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { openDatabase } from './open.ts'
import { announce } from './terminal.ts'

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database to the schema of this program')
    .addHelpText('after', '\nExample:\n  DATABASE_URL=postgres://owner@db/baywire baywire migrate')
    .action(async () => {
      const database = await openDatabase(readConfig(process.env))
      announce('the database has the schema of this program')
      await database.close()
    })
}
