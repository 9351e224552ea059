import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isServerOf, readPidFile } from '../../../src/store/embedded/pid-file.ts'
import { eventually, freePort, Program, type Ended } from '../../support/program.ts'

export interface Readiness {
  ready: boolean
  parts: Record<string, { ok: boolean; detail: string }>
}

interface RunOptions {
  env?: Record<string, string>
  withinMs?: number
}

const startMs = 60_000
const runMs = 60_000
const serverStartMs = 60_000
const serverEndMs = 15_000

/**
 * A data directory and two ports, and the programs that run on them. `remove` leaves nothing behind, whatever
 * happened before: it kills what still runs, and fails where a database server outlives the program that started it.
 */
export class Home {
  readonly directory: string
  readonly httpPort: number
  readonly mqttPort: number
  /** What its programs run with. */
  readonly env: Record<string, string>
  readonly #programs = new Set<Program>()

  private constructor(directory: string, ports: { http: number; mqtt: number }, env: Record<string, string>) {
    this.directory = directory
    this.httpPort = ports.http
    this.mqttPort = ports.mqtt
    this.env = {
      BAYWIRE_DATA_DIR: join(directory, 'data'),
      BAYWIRE_HTTP_PORT: String(ports.http),
      BAYWIRE_MQTT_PORT: String(ports.mqtt),
      BAYWIRE_INSTANCE: 'e2e',
      ...env,
    }
  }

  static async create(env: Record<string, string> = {}): Promise<Home> {
    const directory = await mkdtemp(join(tmpdir(), 'baywire-e2e-'))
    // The database of root runs as somebody else, who must be able to enter.
    await chmod(directory, 0o755)
    return new Home(directory, { http: await freePort(), mqtt: await freePort() }, env)
  }

  /** A command in the background; `prefix` runs it, such as `ip netns exec`. */
  spawn(args: readonly string[], env: Record<string, string> = {}, prefix: readonly string[] = []): Program {
    const program = new Program(args, { ...this.env, ...env }, prefix)
    this.#programs.add(program)
    void program.ended.then(() => this.#programs.delete(program))
    return program
  }

  /** A command to its end. */
  async run(args: readonly string[], { env, withinMs = runMs }: RunOptions = {}): Promise<Ended> {
    return await this.spawn(args, env).end(withinMs)
  }

  /** What a command prints with `--json`, whose exit code must be 0. */
  async json<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options)
    if (code !== 0) throw new Error(`baywire ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`)
    return JSON.parse(stdout) as T
  }

  /** A command that serves, once /ready says 200. */
  async start(args: readonly string[] = ['start'], env: Record<string, string> = {}): Promise<Program> {
    const program = this.spawn(args, env)
    await eventually(
      '/ready',
      async () => {
        if (!program.running) return true
        return (await this.readiness()).ready
      },
      { withinMs: startMs },
    ).catch((error: unknown) => {
      throw new Error(`not ready: ${program.describe()}`, { cause: error })
    })
    if (!program.running) throw new Error(`not started: ${program.describe()}`)
    return program
  }

  async readiness(): Promise<Readiness> {
    const response = await fetch(this.url('/ready'))
    const readiness = (await response.json()) as Readiness
    if (response.status !== (readiness.ready ? 200 : 503)) throw new Error(`/ready answers ${response.status}`)
    return readiness
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.httpPort}${path}`
  }

  /** A JSON body of the API. */
  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.url(path))
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  /** Of all series of a figure, or of the one that has these labels, the sum. */
  async metric(name: string, labels: Record<string, string> = {}): Promise<number> {
    const text = await (await fetch(this.url('/metrics'))).text()
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .filter((line) => wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }

  async databaseUrl(): Promise<string> {
    const { code, stdout, stderr } = await this.run(['config', 'get', 'database-url'])
    if (code !== 0) throw new Error(`config get database-url: ${stderr}`)
    return stdout.trim()
  }

  /** The embedded server, by its pid, once it runs. */
  async server(): Promise<number> {
    return await eventually('the database server', () => this.serverNow(), { withinMs: serverStartMs })
  }

  /** The same if it runs now. */
  async serverNow(): Promise<number | undefined> {
    const cluster = this.#cluster()
    const pidFile = await readPidFile(cluster)
    return pidFile !== undefined && (await isServerOf(cluster, pidFile.pid)) ? pidFile.pid : undefined
  }

  /** Resolves when that server has ended. */
  async serverEnded(pid: number): Promise<void> {
    await eventually(`end of the database server ${pid}`, async () => !(await isServerOf(this.#cluster(), pid)), {
      withinMs: serverEndMs,
    })
  }

  async remove(): Promise<void> {
    const server = await this.serverNow()
    await Promise.all(Array.from(this.#programs, (program) => program.kill()))
    try {
      if (server !== undefined) await this.serverEnded(server)
    } catch (error) {
      if (server !== undefined) process.kill(server, 'SIGKILL')
      throw error
    } finally {
      await rm(this.directory, { recursive: true, force: true, maxRetries: 10 })
    }
  }

  #cluster(): string {
    return join(this.env['BAYWIRE_DATA_DIR'] ?? '', 'postgres', 'cluster')
  }
}
