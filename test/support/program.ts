import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** What a process said, and how it ended. `code` is null where a signal ended it. */
export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/**
 * A process of `node dist/main.js …`, with no environment but what it is given. It is ended by its pid alone, so what
 * `prefix` names must become it (exec).
 */
export class Program {
  readonly pid: number
  /** Resolves when it has ended and everything that it said has arrived. Never rejects. */
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  readonly #command: string
  #stdout = ''
  #stderr = ''

  constructor(args: readonly string[], env: Record<string, string>, prefix: readonly string[] = []) {
    const { PATH = '', HOME = '' } = process.env
    this.#command = `baywire ${args.join(' ')}`
    const [command = '', ...parameters] = [...prefix, process.execPath, main, ...args]
    const child = spawn(command, parameters, {
      env: { PATH, HOME, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.pid = child.pid ?? 0
    killAtExit(child)
    child.stdout.on('data', (chunk) => (this.#stdout += String(chunk)))
    child.stderr.on('data', (chunk) => (this.#stderr += String(chunk)))
    this.ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout: this.#stdout, stderr: this.#stderr }))
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** It ended otherwise than with exit code 0. */
  get failed(): boolean {
    return !this.running && this.#child.exitCode !== 0
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** What it has said, for the message of a failure. */
  describe(): string {
    const how = this.running ? 'runs' : `ended (${this.#child.exitCode ?? this.#child.signalCode})`
    return `${this.#command}: ${how}\n${this.#stderr.slice(-4000)}${this.#stdout.slice(-1000)}`
  }

  /** Waits for the end; fails, and kills it, when that takes longer than `withinMs`. */
  async end(withinMs: number): Promise<Ended> {
    const giveUp = new AbortController()
    const late = pause(withinMs, undefined, { signal: giveUp.signal }).catch(() => {})
    const ended = await Promise.race([this.ended, late])
    giveUp.abort()
    if (ended !== undefined) return ended
    const said = this.describe()
    await this.kill()
    throw new Error(`did not end within ${withinMs} ms: ${said}`)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  /** As ctrl-C or a service manager does. */
  async stop(withinMs = 20_000): Promise<Ended> {
    this.#child.kill('SIGTERM')
    return await this.end(withinMs)
  }
}

const living = new Set<ChildProcess>()

/** However this process ends (but for kill -9), what it has started ends with it. */
function killAtExit(child: ChildProcess): void {
  if (living.size === 0) process.on('exit', killAll)
  living.add(child)
  child.once('exit', () => {
    living.delete(child)
    if (living.size === 0) process.off('exit', killAll)
  })
}

function killAll(): void {
  for (const child of living) child.kill('SIGKILL')
}

const pollMs = 20

/** The first answer of `check` that is not undefined or false. Fails, with what was last seen, when there is none in time. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  { withinMs = 30_000 }: { withinMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs
  let last: unknown
  while (performance.now() < deadline) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const answer = await check()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      last = error
    }
    // oxlint-disable-next-line no-await-in-loop
    await pause(pollMs)
  }
  throw new Error(`${what}: not within ${withinMs} ms`, { cause: last })
}

/** Below those that the system gives to outgoing connections, so that a port stays free while its program is restarted. */
const [firstPort, ports] = [12_000, 20_000]

export async function freePort(): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * ports)
    // oxlint-disable-next-line no-await-in-loop
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen({ port, host: '127.0.0.1' })
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
