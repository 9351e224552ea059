import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { codePattern } from '../../src/ids.ts'
import { parseUsername } from '../../src/mqtt/access.ts'
import { accessList, passwordFile } from '../../src/mqtt/mosquitto-rules.ts'
import { makeVerifier } from '../../src/store/credentials.ts'

/** Debian keeps it in a directory that is not in everybody's PATH. */
const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']

/** Where the program is, or undefined: the tests that need it are skipped by name then. */
export const mosquittoProgram: string | undefined = findProgram('mosquitto')

export interface Mosquitto {
  readonly port: number
  /** Holds what `baywire mosquitto sync` writes. */
  readonly directory: string
  readonly pidFile: string
  url(user?: { username: string; secret: string }): string
  /** Of the process that runs now. */
  readonly pid: number
  /** Stops it, or kills it, and starts it again, with what it has saved unless it is `forgetful`. */
  restart(options?: { forgetful?: boolean; signal?: 'SIGTERM' | 'SIGKILL' }): Promise<void>
  /** It answers nothing, and ends no connection, until `thaw`. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

/** The user that Baywire consumes as. */
export const consumerUser = { username: 'baywire', secret: 'consumer-secret' }

export interface MosquittoOptions {
  /** Lines added to the access list. */
  rules?: string[]
  /** With TLS, the certificate and its key lying here. */
  tls?: { certificate: string; key: string }
}

/**
 * Mosquitto with the shipped mosquitto.conf, moved to a free port and a directory of its own, and the files that
 * `baywire mosquitto sync` would write. `users` are added to the consumer's; those without a tenant are Baywire's own.
 */
export async function startMosquitto(
  users: { username: string; secret: string }[],
  { rules = [], tls }: MosquittoOptions = {},
): Promise<Mosquitto> {
  if (mosquittoProgram === undefined) throw new Error('mosquitto is not installed')
  const directory = await mkdtemp(join(tmpdir(), 'baywire-mosquitto-'))
  const port = await freePort()
  await writeConfiguration({ directory, port, tls })
  await writeUsers(directory, { users: [consumerUser, ...users], rules })
  const begin = () => begun(mosquittoProgram ?? '', { directory, port })
  let server = await begin()
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill('SIGCONT')
    server.kill(signal)
    await exited
  }
  return {
    port,
    directory,
    pidFile: join(directory, 'mosquitto.pid'),
    url: ({ username, secret } = consumerUser) =>
      `${tls === undefined ? 'mqtt' : 'mqtts'}://${encodeURIComponent(username)}:${encodeURIComponent(secret)}@127.0.0.1:${port}`,
    get pid() {
      return server.pid ?? 0
    },
    restart: async ({ forgetful = false, signal } = {}) => {
      await end(signal)
      if (forgetful) await rm(join(directory, 'mosquitto.db'))
      server = await begin()
    },
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    stop: async () => {
      await end()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function writeConfiguration({
  directory,
  port,
  tls,
}: {
  directory: string
  port: number
  tls: MosquittoOptions['tls']
}): Promise<void> {
  const shipped = await readFile(new URL('../../mosquitto.conf', import.meta.url), 'utf8')
  const listening =
    tls === undefined
      ? shipped.replace(/^listener 1883$/m, `listener ${port} 127.0.0.1`)
      : shipped
          .replace(/^listener 1883\n(.*\n)*?use_username_as_clientid true\n/m, '')
          .replaceAll(/^# tls> /gm, '')
          .replace(/^listener 8883$/m, `listener ${port} 127.0.0.1`)
          .replace('/etc/mosquitto/certs/server.crt', tls.certificate)
          .replace('/etc/mosquitto/certs/server.key', tls.key)
  const settings = listening
    .replaceAll('/etc/mosquitto/baywire/', `${directory}/`)
    .replaceAll('/var/lib/mosquitto/', `${directory}/`)
  // Otherwise root becomes `mosquitto`, to whom the directory does not belong.
  await writeFile(join(directory, 'mosquitto.conf'), `${settings}\nuser ${userInfo().username}\n`)
}

async function writeUsers(
  directory: string,
  { users, rules }: { users: { username: string; secret: string }[]; rules: string[] },
): Promise<void> {
  const known = await Promise.all(
    users.map(async ({ username, secret }) => ({ username, verifier: await makeVerifier(secret) })),
  )
  const own = users.map(({ username }) => username).filter((username) => codePattern.test(username))
  const apps = users.flatMap(({ username }) => {
    const principal = parseUsername(username)
    return principal?.kind === 'app' ? [principal] : []
  })
  await writeFile(join(directory, 'acl'), `${accessList({ own, apps })}${rules.join('\n')}\n`)
  await writeFile(join(directory, 'passwd'), passwordFile(known))
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
