import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort, stopProcess } from '../program.ts'
import type { Peer, PeerConnection, RunningPeer } from './peer.ts'
import { Unavailable } from './target.ts'

/** Where it is installed when asked for by name, and found by later runs; `npm ci` removes it. */
const home = fileURLToPath(new URL('../../node_modules/.cache/baywire-bench/node-red', import.meta.url))
const program = join(home, 'node_modules', 'node-red', 'red.js')
/** The last of Node-RED that runs on Node 20. */
const packages = ['node-red@4.1.15', 'pg@8.23.1']
const installTimeoutMs = 180_000
const startTimeoutMs = 60_000
const name = 'node_red'

export interface NodeRedOptions {
  /** Otherwise it must be there already. */
  install: boolean
  onProgress: (message: string) => void
}

/**
 * The peer that is drawn: `mqtt in` wired to a function node that writes through a pool of `pg`, given to it as its
 * documentation says (functionGlobalContext), as many messages at once as there are. As always with `mqtt in`, they
 * are acknowledged before anything is written.
 */
export async function nodeRed(options: NodeRedOptions): Promise<Peer> {
  if (!existsSync(program)) await install(options)
  return { name, start: startNodeRed }
}

async function install({ install: wanted, onProgress }: NodeRedOptions): Promise<void> {
  if (!wanted) throw new Unavailable('Node-RED is not installed; --only node-red installs it')
  onProgress(`node-red: installing ${packages.join(' and ')} into ${home}`)
  await mkdir(home, { recursive: true })
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error']
  const npm = spawn('npm', ['install', '--prefix', home, ...flags, ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: installTimeoutMs,
  })
  const code = await once(npm, 'exit').then(
    ([status]) => status as number | null,
    () => null,
  )
  if (code !== 0 || !existsSync(program)) throw new Unavailable('Node-RED cannot be installed here')
}

async function startNodeRed(connection: PeerConnection): Promise<RunningPeer> {
  const directory = await mkdtemp(join(tmpdir(), 'baywire-bench-node-red-'))
  await writeFlows(directory, connection)
  const child = spawn(
    process.execPath,
    [program, '--userDir', directory, '--settings', join(directory, 'settings.cjs')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const close = async () => {
    await stopProcess(child)
    await rm(directory, { recursive: true, force: true })
  }
  if (!(await connected(child))) {
    await close()
    throw new Error('Node-RED did not connect to its broker')
  }
  child.stdout.resume()
  return { pid: child.pid ?? 0, close }
}

async function connected(child: ChildProcess & { stdout: NodeJS.ReadableStream }): Promise<boolean> {
  const timeout = setTimeout(() => child.kill(), startTimeoutMs)
  const lines = createInterface({ input: child.stdout })
  try {
    for await (const line of lines) if (line.includes('Connected to broker')) return true
    return false
  } finally {
    clearTimeout(timeout)
    lines.close()
  }
}

async function writeFlows(directory: string, { mqtt, filter, databaseUrl }: PeerConnection): Promise<void> {
  const settings = `const { Pool } = require(${JSON.stringify(join(home, 'node_modules', 'pg'))})
module.exports = {
  uiHost: '127.0.0.1', uiPort: ${await freePort()}, httpAdminRoot: false, httpNodeRoot: false,
  flowFile: 'flows.json', credentialSecret: false, telemetry: { enabled: false, updateNotification: false },
  functionGlobalContext: { pool: new Pool({ connectionString: ${JSON.stringify(databaseUrl)}, max: 10 }) },
}`
  const { host, port, username, secret } = mqtt
  const server = { broker: host, port: String(port), clientid: username, protocolVersion: '4', usetls: false }
  const subscription = { broker: 'broker', topic: filter, qos: '1', datatype: 'json', nl: false, rap: true, rh: 0 }
  const flows = [
    { id: 'flow', type: 'tab', label: 'parking' },
    { id: 'broker', type: 'mqtt-broker', ...server, autoConnect: true, keepalive: '60', cleansession: false },
    { id: 'in', type: 'mqtt in', z: 'flow', ...subscription, inputs: 0, wires: [['store']] },
    { id: 'store', type: 'function', z: 'flow', func: storing, outputs: 0, wires: [] },
  ]
  const credentials = { broker: { user: username, password: secret } }
  await writeFile(join(directory, 'settings.cjs'), settings, { mode: 0o600 })
  await writeFile(join(directory, 'flows.json'), JSON.stringify(flows))
  await writeFile(join(directory, 'flows_cred.json'), JSON.stringify(credentials), { mode: 0o600 })
}

const storing = `
const pool = global.get('pool')
const [reading] = msg.payload.readings
const { device, occupied, at, seq } = reading
await pool.query('INSERT INTO ${name}_readings (device, occupied, at, seq, payload) VALUES ($1, $2, $3, $4, $5)',
  [device, occupied, at, seq, reading])
await pool.query('UPDATE ${name}_spaces SET occupied = $2, at = $3, seq = $4 WHERE device = $1 AND (at IS NULL OR at < $3)',
  [device, occupied, at, seq])`
