import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { readConfig, type Config } from '../config.ts'
import { BaywireError, UsageError } from '../errors.ts'
import { resolveDatabase } from '../store/client.ts'
import { backUp } from '../store/embedded/backup.ts'
import { restore } from '../store/embedded/restore.ts'
import { announce, processTerminal } from './terminal.ts'

export function addBackup(program: Command): void {
  program
    .command('backup')
    .description('copy the embedded database, also while it runs')
    .requiredOption('--to <directory>', 'where to: a directory that is not there yet')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  baywire backup --to /backups/2026-11-21\n\nIt holds secrets: keep it private.')
    .action(runBackup)
}

export function addRestore(program: Command): void {
  program
    .command('restore')
    .description('put a backup into a BAYWIRE_DATA_DIR without a database')
    .requiredOption('--from <directory>', 'what `baywire backup` has made')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  BAYWIRE_DATA_DIR=/srv/baywire baywire restore --from /backups/2026-11-21')
    .action(runRestore)
}

/** An external server has tools of its own, which know its tablespaces, its other databases and its standbys. */
function embeddedOnly(config: Config): void {
  const external = config.DATABASE_URL ?? config.DATABASE_URL_API ?? config.DATABASE_URL_INGEST
  if (external === undefined) return
  throw new UsageError(
    'this is for the embedded database, and a DATABASE_URL is set',
    'use pg_basebackup or pg_dump for that one: docs/backup.md shows how',
  )
}

async function runBackup({ to, json }: { to: string; json?: boolean }): Promise<void> {
  const config = readConfig(process.env)
  embeddedOnly(config)
  requireDatabase(config.BAYWIRE_DATA_DIR)
  const terminal = processTerminal()
  const database = await resolveDatabase(config, { onProgress: announce })
  try {
    const made = await backUp({
      url: database.ownerUrl,
      to,
      onProgress: ({ bytes, ofBytes }) => terminal.progress(`${megabytes(bytes)} of about ${megabytes(ofBytes)} MB`),
    })
    const bytes = made.files.reduce((sum, { size }) => sum + size, 0)
    const { received, started_at, ended_at, start_lsn, stop_lsn } = made
    const machine = { to, bytes, files: made.files.length, received, started_at, ended_at, start_lsn, stop_lsn }
    const text = `${to} has all that was committed until ${ended_at}: ${received} readings, ${megabytes(bytes)} MB`
    terminal.print(json === true ? JSON.stringify(machine) : text)
  } finally {
    await database.stop()
  }
}

/** A start would make one; a backup of nothing would look like one of something. */
function requireDatabase(dataDir: string): void {
  if (['postgres', 'postgres.location'].some((name) => existsSync(join(dataDir, name)))) return
  throw new BaywireError(`BAYWIRE_DATA_DIR: there is no database in ${dataDir}`, {
    advice: 'set BAYWIRE_DATA_DIR to the directory of the Baywire that is to be backed up',
  })
}

async function runRestore({ from, json }: { from: string; json?: boolean }): Promise<void> {
  const config = readConfig(process.env)
  embeddedOnly(config)
  const { manifest, directory } = await restore({ from, dataDir: config.BAYWIRE_DATA_DIR, onProgress: announce })
  const { received, ended_at } = manifest
  const text = `${directory} has all that was committed until ${ended_at}: ${received} readings\ncheck it: baywire replay --verify`
  processTerminal().print(json === true ? JSON.stringify({ directory, received, ended_at }) : text)
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1_048_576)
}
