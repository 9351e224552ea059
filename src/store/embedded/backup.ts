import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { BaywireError } from '../../errors.ts'
import { connect, type Sql } from '../client.ts'
import { syncDirectory } from './cluster.ts'
import { errorCode, exists, fileError } from './files.ts'
import { copyFile, manifestName, writeThrough, type CopiedFile, type Manifest } from './manifest.ts'

/**
 * A base backup of the embedded server while it runs and takes readings, in the way of PostgreSQL's low-level API:
 * pg_backup_start, a copy of the files as they are, pg_backup_stop, and the log of what changed meanwhile. Started
 * from the copy, the server replays that log and has every commit of before the end.
 *
 * Guarantees: the directory appears complete, on disk and with its manifest, or not at all; readings are not held up.
 * Whatever ends this early ends the backup on the server too, as both belong to one session.
 */
export interface BackupOptions {
  /** As superuser. */
  url: string
  /** A directory that does not exist yet. */
  to: string
  onProgress: (done: { bytes: number; ofBytes: number }) => void
}

export async function backUp({ url, to, onProgress }: BackupOptions): Promise<Manifest> {
  const target = resolve(to)
  if (await exists(target)) {
    throw new BaywireError(`--to: ${target} exists already`, { advice: 'name a directory that is not there yet' })
  }
  const sql = connect({ url, max: 1, statementTimeoutMs: 0, name: 'baywire backup', lasting: true })
  const draft = `${target}.partial-${randomBytes(6).toString('hex')}`
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 })
    // One connection, one session: were it lost, the next one would be told that there is no backup to end.
    const manifest = await copyCluster(sql, { draft, onProgress })
    await writeThrough(join(draft, manifestName), `${JSON.stringify(manifest)}\n`)
    await syncAll(draft, manifest.directories)
    await rename(draft, target)
    await syncDirectory(dirname(target))
    return manifest
  } catch (error) {
    throw fileError(error, target, '--to')
  } finally {
    await sql.end({ timeout: 5 })
    await rm(draft, { recursive: true, force: true })
  }
}

async function copyCluster(
  session: Sql,
  { draft, onProgress }: { draft: string; onProgress: BackupOptions['onProgress'] },
): Promise<Manifest> {
  const server = await describeServer(session)
  await checkSpace(draft, server.bytes)
  const copy = new Copy(server.directory, draft, { onProgress, ofBytes: server.bytes })
  const begun = await begin(session)
  await copy.tree('')
  await copy.control()
  const received = await countReceived(session)
  const ended = await end(session)
  await copy.text('backup_label', ended.label)
  await copy.log({ first: begun.segment, last: ended.segment, segmentBytes: server.segmentBytes })
  await copy.password()
  return {
    format: 1,
    postgres: server.major,
    started_at: begun.at.toISOString(),
    ended_at: ended.at.toISOString(),
    start_lsn: begun.lsn,
    stop_lsn: ended.lsn,
    received,
    directories: copy.directories,
    files: copy.files,
  }
}

async function describeServer(session: Sql) {
  const [server] = await session<
    { directory: string; major: number; bytes: number; segmentBytes: number; tablespaces: number }[]
  >`
    select current_setting('data_directory') as directory,
      current_setting('server_version_num')::integer / 10000 as major,
      (select sum(pg_database_size(oid)) from pg_database)::bigint as bytes,
      (select setting::bigint from pg_settings where name = 'wal_segment_size') as "segmentBytes",
      (select count(*) from pg_tablespace where oid >= 16384) as tablespaces`
  if (server === undefined) throw new Error('the server does not describe itself')
  if (server.tablespaces > 0) {
    throw new BaywireError('the database has tablespaces of its own, which this backup would miss', {
      advice: 'move their tables into pg_default, or use pg_basebackup',
    })
  }
  return server
}

async function checkSpace(draft: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(draft)
  if (bavail * bsize > bytes + spareBytes) return
  throw new BaywireError(
    `--to: ${toMegabytes(bytes + spareBytes)} MB are needed, ${toMegabytes(bavail * bsize)} free`,
    {
      advice: 'free some space, or name a directory on another disk',
    },
  )
}

/** For the log of what changes during the backup. */
const spareBytes = 256 * 1_048_576

function toMegabytes(bytes: number): number {
  return Math.ceil(bytes / 1_048_576)
}

interface Moment {
  lsn: string
  /** The file of the log that has it. */
  segment: string
  at: Date
}

async function begin(session: Sql): Promise<Moment> {
  // The log of the backup's time would be recycled at a checkpoint. A temporary slot keeps it, and ends with the session.
  const slot = `baywire_backup_${randomBytes(6).toString('hex')}`
  await session`select pg_create_physical_replication_slot(${slot}, true, true)`
  const [begun] = await session<Moment[]>`
    select lsn::text, pg_walfile_name(lsn) as segment, clock_timestamp() as at
    from pg_backup_start('baywire backup', fast => true) as lsn`
  if (begun === undefined) throw new Error('the server did not begin the backup')
  return begun
}

async function end(session: Sql): Promise<Moment & { label: string }> {
  const [ended] = await session<(Moment & { label: string })[]>`
    select lsn::text, pg_walfile_name(lsn) as segment, labelfile as label, clock_timestamp() as at
    from pg_backup_stop(wait_for_archive => false)`
  if (ended === undefined) throw new Error('the server did not end the backup')
  return ended
}

/** 0 where nothing was migrated yet. */
async function countReceived(session: Sql): Promise<number> {
  const [table] = await session<{ there: boolean }[]>`select to_regclass('public.ledger_entries') is not null as there`
  if (!table?.there) return 0
  const [sum] = await session<{ received: number }[]>`
    select coalesce(sum(received), 0)::bigint as received from public.ledger_entries`
  return sum?.received ?? 0
}

/** Of these only the directory is kept: their content is of the running server, or made again at a start. */
const emptied = new Set([
  'pg_wal',
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
])
const leftOut =
  /(^|\/)(postmaster\.(pid|opts)|backup_label(\.old)?|tablespace_map(\.old)?|pgsql_tmp[^/]*|pg_internal\.init[^/]*|.*\.tmp)$/
const controlFile = 'global/pg_control'

/** Copies of a data directory that changes meanwhile, and what they are. */
class Copy {
  readonly directories: string[] = ['cluster']
  readonly files: CopiedFile[] = []
  readonly #from: string
  readonly #to: string
  readonly #progress: { onProgress: BackupOptions['onProgress']; ofBytes: number }
  #bytes = 0

  constructor(from: string, to: string, progress: { onProgress: BackupOptions['onProgress']; ofBytes: number }) {
    this.#from = from
    this.#to = to
    this.#progress = progress
  }

  async tree(directory: string): Promise<void> {
    await this.#makeDirectory(directory)
    if (emptied.has(directory)) return
    const entries = await readdir(join(this.#from, directory), { withFileTypes: true })
    for (const entry of entries) {
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`
      if (leftOut.test(path) || path === controlFile) continue
      // oxlint-disable-next-line no-await-in-loop -- one after the other leaves the disk to the server
      if (entry.isDirectory()) await this.tree(path)
      // oxlint-disable-next-line no-await-in-loop
      else if (entry.isFile()) await this.#file(path)
    }
  }

  /** Last of all files, and whole: it is read until two readings are the same. */
  async control(): Promise<void> {
    let content: Buffer | undefined
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop
      const again = await readFile(join(this.#from, controlFile))
      if (content?.equals(again)) break
      content = again
    }
    await this.text(controlFile, content)
  }

  /** Between the two, and no file missing: without one of them the copy would not start. */
  async log({ first, last, segmentBytes }: { first: string; last: string; segmentBytes: number }): Promise<void> {
    const names = (await readdir(join(this.#from, 'pg_wal'))).filter(
      (name) => /^[0-9A-F]{24}$/.test(name) && name >= first && name <= last,
    )
    const wanted = segmentNumber(last, segmentBytes) - segmentNumber(first, segmentBytes) + 1
    if (names.length !== wanted) throw new Error(`${wanted} files of the log are needed, ${names.length} are there`)
    for (const directory of ['pg_wal/archive_status', 'pg_wal/summaries']) {
      // oxlint-disable-next-line no-await-in-loop
      await this.#makeDirectory(directory)
    }
    // oxlint-disable-next-line no-await-in-loop
    for (const name of names.toSorted()) await this.#file(`pg_wal/${name}`)
  }

  /** The cluster knows it, and so must whoever starts the copy. */
  async password(): Promise<void> {
    const copied = await copyFile(join(dirname(this.#from), 'password'), join(this.#to, 'password'))
    this.files.push({ path: 'password', ...copied })
  }

  async text(path: string, content: string | Buffer): Promise<void> {
    this.files.push({ path: `cluster/${path}`, ...(await writeThrough(join(this.#to, 'cluster', path), content)) })
  }

  async #makeDirectory(directory: string): Promise<void> {
    await mkdir(join(this.#to, 'cluster', directory), { mode: 0o700 })
    if (directory !== '') this.directories.push(`cluster/${directory}`)
  }

  async #file(path: string): Promise<void> {
    const target = join(this.#to, 'cluster', path)
    try {
      const copied = await copyFile(join(this.#from, path), target, (bytes) => this.#advance(bytes))
      this.files.push({ path: `cluster/${path}`, ...copied })
    } catch (error) {
      // Dropped meanwhile: the log says so too.
      if (errorCode(error) !== 'ENOENT') throw error
      await rm(target, { force: true })
    }
  }

  #advance(bytes: number): void {
    this.#bytes += bytes
    this.#progress.onProgress({ bytes: this.#bytes, ofBytes: this.#progress.ofBytes })
  }
}

/** A name is timeline, then the number in two parts of 8 hex digits; one timeline per backup. */
function segmentNumber(name: string, segmentBytes: number): number {
  const perPart = 0x1_0000_0000 / segmentBytes
  return Number.parseInt(name.slice(8, 16), 16) * perPart + Number.parseInt(name.slice(16), 16)
}

async function syncAll(draft: string, directories: readonly string[]): Promise<void> {
  for (const directory of [...directories.toReversed(), '']) {
    // oxlint-disable-next-line no-await-in-loop
    await syncDirectory(join(draft, directory))
  }
}
