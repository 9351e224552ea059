import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type { Login } from './load/sensors.ts'
import { freePort, stopProcess } from './program.ts'

export interface Mosquitto {
  pid: number
  port: number
  stop(): Promise<void>
}

export interface MosquittoUsers {
  /** Who may read all readings. */
  consumer: Login
  /** Each may publish below its own name. */
  gateways: readonly Login[]
}

const startTimeoutMs = 10_000
const pollMs = 20
/** Debian puts its programs where an ordinary user does not look. */
const env = {
  ...process.env,
  PATH: [process.env['PATH'] ?? '', '/usr/sbin', '/usr/local/sbin'].join(delimiter),
}
/** Where it listens and who may come in is said here; everything else is as the shipped file has it. */
const ownLines =
  /^(listener|protocol|bind_address|port|cafile|capath|certfile|keyfile|tls_|require_certificate|use_identity_as_username|per_listener_settings|include_dir|user|allow_anonymous|password_file|acl_file|plugin|pid_file|auth_|persistence_location|log_)/

/**
 * Mosquitto as Baywire ships its configuration, on a free port and with a directory of its own: the same for Baywire,
 * for the peers and for the ceiling. Names, passwords and rights are checked as they are in earnest.
 * Undefined where it is not installed.
 */
export async function startMosquitto(users: MosquittoUsers): Promise<Mosquitto | undefined> {
  if ((await mosquittoVersion()) === null) return undefined
  const directory = await mkdtemp(join(tmpdir(), 'baywire-bench-mosquitto-'))
  const port = await freePort()
  const configuration = await writeConfiguration(directory, { port, users })
  await promisify(execFile)('mosquitto_passwd', ['-U', join(directory, 'passwords')], { env })
  const child = spawn('mosquitto', ['-c', configuration], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const stop = async () => {
    await stopProcess(child)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await untilListening(port, child)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid ?? 0, port, stop }
}

/** Null where it is not installed. */
export async function mosquittoVersion(): Promise<string | null> {
  // It has no option for its version; with its help it ends with code 3.
  const help = await promisify(execFile)('mosquitto', ['-h'], { env }).catch((error: { stdout?: string }) => error)
  return /version (\S+)/.exec(help.stdout ?? '')?.[1] ?? null
}

async function writeConfiguration(
  directory: string,
  { port, users: { consumer, gateways } }: { port: number; users: MosquittoUsers },
): Promise<string> {
  const shipped = await readFile(new URL('../mosquitto.conf', import.meta.url), 'utf8')
  const settings = [
    `listener ${port} 127.0.0.1`,
    ...shipped.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !ownLines.test(line)),
    'allow_anonymous false',
    `password_file ${join(directory, 'passwords')}`,
    `acl_file ${join(directory, 'rights')}`,
    `persistence_location ${directory}/`,
    // Otherwise root becomes `mosquitto`, to whom the directory does not belong.
    `user ${userInfo().username}`,
    'log_dest stderr',
    'log_type error',
  ]
  const rights = ['pattern write parking/v1/%u/readings', `user ${consumer.username}`, 'topic readwrite parking/v1/#']
  const passwords = [consumer, ...gateways].map(({ username, secret }) => `${username}:${secret}`)
  const configuration = join(directory, 'mosquitto.conf')
  await writeFile(configuration, `${settings.join('\n')}\n`)
  await writeFile(join(directory, 'rights'), `${rights.join('\n')}\n`, { mode: 0o600 })
  await writeFile(join(directory, 'passwords'), `${passwords.join('\n')}\n`, { mode: 0o600 })
  return configuration
}

async function untilListening(port: number, child: ChildProcessByStdio<null, null, Readable>): Promise<void> {
  let said = ''
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const deadline = performance.now() + startTimeoutMs
  while (performance.now() < deadline && child.exitCode === null) {
    const socket = createConnection({ host: '127.0.0.1', port })
    /* oxlint-disable no-await-in-loop -- a poll */
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (open) return
    await pause(pollMs)
    /* oxlint-enable no-await-in-loop */
  }
  throw new Error(`mosquitto does not listen: ${said.trim()}`)
}
