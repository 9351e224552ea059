import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'

/** The user that the database server runs as. */
export interface Account {
  uid: number
  gid: number
}

/** PostgreSQL refuses to run as root. */
const nobody: Account = { uid: 65_534, gid: 65_534 }

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/**
 * Which account the server of `directory` runs as: undefined for ourselves, unless we are root. An existing
 * directory keeps its owner, so that root may use the database of an ordinary user.
 */
export async function serverAccount(directory: string): Promise<Account | undefined> {
  if (!isRoot()) return undefined
  const owner = await stat(directory).catch(() => undefined)
  return owner === undefined || owner.uid === 0 ? nobody : { uid: owner.uid, gid: owner.gid }
}

/** Programs of the server start in `/`, which any account can enter, with none of our environment. */
export function spawnOptions(account: Account | undefined) {
  return { ...account, cwd: '/', env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' } }
}

const RUN_TIMEOUT_MS = 120_000

/** Runs a program to its end as `account`. Never rejects: `ok` says whether it exited with 0. */
export async function runAs(
  account: Account | undefined,
  program: string,
  parameters: string[],
): Promise<{ ok: boolean; output: string }> {
  return await new Promise((resolve) => {
    const options = { ...spawnOptions(account), timeout: RUN_TIMEOUT_MS }
    execFile(program, parameters, options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trim()
      resolve({ ok: error === null, output: output || (error?.message ?? '') })
    })
  })
}

/** Whether `account` can enter the directory, asked of the system itself: modes alone do not tell. */
export async function canEnter(account: Account | undefined, directory: string): Promise<boolean> {
  return (await runAs(account, '/bin/sh', ['-c', 'cd "$0"', directory])).ok
}
