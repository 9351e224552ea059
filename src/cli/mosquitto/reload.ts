import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { BaywireError, describeError } from '../../errors.ts'

/** Tells Mosquitto to read its files again; answers why it could not be told yet, or undefined when it was. */
export type Reload = () => Promise<string | undefined>

const run = promisify(execFile)
const commandMs = 30_000
/** Bit 0 of the mask of signals that a process has a handler for. */
const hangup = 1n

/**
 * By SIGHUP to the process that a pid file names. Sent to another process, or to Mosquitto before it is ready for it,
 * that signal kills; so both are looked up where the system tells (Linux).
 */
export function reloadByPidFile(path: string): Reload {
  return async () => {
    const text = await readIfThere(path)
    if (text === undefined) return `there is no ${path}: Mosquitto does not run, and reads its files when it starts`
    const pid = Number(text.trim())
    if (!Number.isSafeInteger(pid) || pid < 1) return `${path} holds no process id`
    const status = await readIfThere(`/proc/${pid}/status`)
    if (status === undefined && process.platform === 'linux') return `the process ${pid} of ${path} has ended`
    if (status !== undefined && !isReadyMosquitto(status))
      return `the process ${pid} of ${path} is no Mosquitto that has started`
    process.kill(pid, 'SIGHUP')
    return undefined
  }
}

/** By a command of the operator's, through the shell. */
export function reloadByCommand(command: string): Reload {
  return async () => {
    try {
      await run('/bin/sh', ['-c', command], { timeout: commandMs })
      return undefined
    } catch (error) {
      return `the reload command failed: ${describeError(error)}`
    }
  }
}

function isReadyMosquitto(status: string): boolean {
  const [, name] = /^Name:\t(.*)$/m.exec(status) ?? []
  const [, caught = '0'] = /^SigCgt:\t([0-9a-f]+)$/m.exec(status) ?? []
  return name === 'mosquitto' && (BigInt(`0x${caught}`) & hangup) !== 0n
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined
    throw new BaywireError(`cannot read ${path}: ${describeError(error)}`, { advice: 'check --pid-file', cause: error })
  }
}
