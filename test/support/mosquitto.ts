import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Debian keeps it in a directory that is not in everybody's PATH. */
const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']

/** Where the program is, or undefined: the tests that need it are skipped by name then. */
export const mosquittoProgram: string | undefined = findProgram('mosquitto')

export interface Mosquitto {
  readonly port: number
  url(user?: { username: string; secret: string }): string
  /** Of the process that runs now. */
  readonly pid: number
  /** Stops it, or kills it, and starts it again, with what it has saved unless it is `forgetful`. */
  restart(options?: { forgetful?: boolean; signal?: 'SIGTERM' | 'SIGKILL' }): Promise<void>
  stop(): Promise<void>
}

/** The user that Baywire consumes as. */
export const consumerUser = { username: 'baywire', secret: 'consumer-secret' }

/**
 * Mosquitto with the shipped mosquitto.conf, moved to a free port and a directory of its own. The access list is
 * the one in its comments. `users` are added to the consumer's.
 */
export async function startMosquitto(users: { username: string; secret: string }[]): Promise<Mosquitto> {
  if (mosquittoProgram === undefined) throw new Error('mosquitto is not installed')
  const directory = await mkdtemp(join(tmpdir(), 'baywire-mosquitto-'))
  const port = await freePort()
  await writeConfiguration({ directory, port })
  for (const { username, secret } of [consumerUser, ...users]) {
    await run('mosquitto_passwd', ['-b', join(directory, 'baywire.passwd'), username, secret])
  }
  const begin = () => begun(mosquittoProgram ?? '', { directory, port })
  let server = await begin()
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill(signal)
    await exited
  }
  return {
    port,
    url: ({ username, secret } = consumerUser) =>
      `mqtt://${encodeURIComponent(username)}:${encodeURIComponent(secret)}@127.0.0.1:${port}`,
    get pid() {
      return server.pid ?? 0
    },
    restart: async ({ forgetful = false, signal } = {}) => {
      await end(signal)
      if (forgetful) await rm(join(directory, 'mosquitto.db'))
      server = await begin()
    },
    stop: async () => {
      await end()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function writeConfiguration({ directory, port }: { directory: string; port: number }): Promise<void> {
  const shipped = await readFile(new URL('../../mosquitto.conf', import.meta.url), 'utf8')
  const accessList = shipped.split('\n').flatMap((line) => /^# acl> (.*)$/.exec(line)?.[1] ?? [])
  const settings = shipped
    .replace(/^listener 1883$/m, `listener ${port} 127.0.0.1`)
    .replaceAll('/etc/mosquitto/', `${directory}/`)
    .replace(/^persistence_location .*$/m, `persistence_location ${directory}/`)
  // Otherwise root becomes `mosquitto`, to whom the directory does not belong.
  await writeFile(join(directory, 'mosquitto.conf'), `${settings}\nuser ${userInfo().username}\n`)
  await writeFile(join(directory, 'baywire.acl'), `${accessList.join('\n')}\n`)
  await writeFile(join(directory, 'baywire.passwd'), '')
}

async function begun(program: string, { directory, port }: { directory: string; port: number }): Promise<ChildProcess> {
  const server = spawn(program, ['-c', join(directory, 'mosquitto.conf')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  server.stderr.on('data', (chunk) => (output += String(chunk)))
  while (!(await listens(port))) {
    if (server.exitCode !== null) throw new Error(`mosquitto did not start:\n${output}`)
    await setTimeout(20)
  }
  return server
}

async function listens(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

function findProgram(name: string): string | undefined {
  return directories
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
