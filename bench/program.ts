import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buffer } from 'node:stream/consumers'

/** Baywire itself, as its users run it: a process of its own, with settings and no more. */
const root = fileURLToPath(new URL('..', import.meta.url))
const built = join(root, 'dist', 'main.js')
const startTimeoutMs = 60_000
const stopTimeoutMs = 20_000
const pollMs = 50

/** Builds the program where the build is older than the source: what is measured is what users run, and never an older one. */
export async function build(onProgress: (message: string) => void): Promise<void> {
  const builtAt = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  const newest = Math.max(
    ...sources.filter((entry) => entry.isFile()).map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  )
  if (builtAt >= newest) return
  onProgress('building Baywire')
  const [code] = (await once(spawn('npm', ['run', 'build'], { cwd: root, stdio: 'inherit' }), 'exit')) as [
    number | null,
  ]
  if (code !== 0) throw new Error('npm run build failed: its reason is above')
}

export interface Baywire {
  pid: number
  mqttPort: number
  httpPort: number
  child: ChildProcess
  stop(): Promise<void>
}

/** Which database, and where Baywire keeps its files. */
export interface DatabasePlace {
  url: string
  dataDir: string
}

export interface BaywireOptions {
  database: DatabasePlace
  /** Unlike that of any other on the same database. */
  instance: string
  /** Of an external broker; without it, its own. */
  mqttUrl?: string
  /** Loaded before the program, by its path. */
  preload?: string
  settings?: Record<string, string>
}

/** `baywire start` on a database directory, ready. */
export async function startBaywire({
  database,
  instance,
  mqttUrl,
  preload,
  settings: more = {},
}: BaywireOptions): Promise<Baywire> {
  const [mqttPort, httpPort] = [await freePort(), await freePort()]
  const settings = {
    ...placeSettings(database),
    BAYWIRE_INSTANCE: instance,
    BAYWIRE_MQTT_PORT: String(mqttPort),
    BAYWIRE_HTTP_PORT: String(httpPort),
    ...(mqttUrl === undefined ? {} : { MQTT_URL: mqttUrl }),
    ...more,
  }
  const child = run(['start'], settings, preload === undefined ? [] : ['--expose-gc', '--import', preload])
  child.stdout?.resume()
  child.stderr?.pipe(process.stderr)
  const stop = async () => await stopProcess(child)
  const deadline = performance.now() + startTimeoutMs
  /* oxlint-disable no-await-in-loop -- a poll */
  while (performance.now() < deadline && child.exitCode === null) {
    const ready = await fetch(`http://127.0.0.1:${httpPort}/ready`).catch(() => undefined)
    if (ready?.ok === true) return { pid: child.pid ?? 0, mqttPort, httpPort, child, stop }
    await pause(pollMs)
  }
  /* oxlint-enable no-await-in-loop */
  await stop()
  throw new Error('baywire start did not become ready: its reason is above')
}

/** A command of Baywire that prints JSON, and whether it found what it looks for in order. */
export async function askBaywire(
  database: DatabasePlace,
  command: readonly string[],
): Promise<{ ok: boolean; json: unknown }> {
  const child = run([...command, '--json'], placeSettings(database))
  child.stderr?.pipe(process.stderr)
  if (child.stdout === null) throw new Error('no standard output')
  const [output, [code]] = await Promise.all([buffer(child.stdout), once(child, 'exit') as Promise<[number | null]>])
  const text = output.toString()
  return { ok: code === 0, json: text === '' ? null : (JSON.parse(text) as unknown) }
}

function placeSettings({ url, dataDir }: DatabasePlace): Record<string, string> {
  return { DATABASE_URL: url, BAYWIRE_DATA_DIR: dataDir }
}

function run(command: readonly string[], settings: Record<string, string>, nodeArguments: readonly string[] = []) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(BAYWIRE_|DATABASE_URL|MQTT_URL)/.test(name))
  return spawn(process.execPath, [...nodeArguments, ...extraArguments(), built, ...command], {
    env: { ...Object.fromEntries(inherited), BAYWIRE_LOG_LEVEL: 'warn', ...settings },
    stdio: ['ignore', 'pipe', 'pipe', ...(nodeArguments.length > 0 ? ['ipc' as const] : [])],
  })
}

/** For a look inside: `BENCH_NODE_OPTIONS="--cpu-prof --cpu-prof-dir=…"`, for this program alone. */
function extraArguments(): string[] {
  return (process.env['BENCH_NODE_OPTIONS'] ?? '').split(' ').filter((argument) => argument !== '')
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timeout = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await exited
  clearTimeout(timeout)
}

export async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen({ port: 0, host: '127.0.0.1' })
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}
