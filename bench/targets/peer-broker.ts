import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Helper } from '../helper.ts'
import { freePort, stopProcess } from '../program.ts'

export interface PeerBroker {
  name: string
  pid: number
  port: number
  stop(): Promise<void>
}

const startTimeoutMs = 10_000
const pollMs = 20

/** A broker of its own for a peer: Mosquitto where it is installed, else aedes as it comes, each in its own process. */
export async function startPeerBroker(): Promise<PeerBroker> {
  const port = await freePort()
  return (await startMosquitto(port)) ?? (await startAedes(port))
}

async function startMosquitto(port: number): Promise<PeerBroker | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'baywire-bench-mosquitto-'))
  const configuration = join(directory, 'mosquitto.conf')
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'max_queued_messages 0', 'log_type error']
  await writeFile(configuration, `${lines.join('\n')}\n`)
  // Debian puts it where an ordinary user does not look.
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` }
  const child = spawn('mosquitto', ['-c', configuration], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const stop = async () => {
    if (child.pid !== undefined) await stopProcess(child)
    await rm(directory, { recursive: true, force: true })
  }
  if (!(await started(child)) || !(await listens(port))) {
    await stop()
    return undefined
  }
  return { name: 'Mosquitto', pid: child.pid ?? 0, port, stop }
}

/** False where there is no such program. */
async function started(child: ChildProcess): Promise<boolean> {
  return await once(child, 'spawn').then(
    () => true,
    () => false,
  )
}

async function listens(port: number): Promise<boolean> {
  const deadline = performance.now() + startTimeoutMs
  while (performance.now() < deadline) {
    const socket = createConnection({ host: '127.0.0.1', port })
    /* oxlint-disable no-await-in-loop -- a poll */
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (open) return true
    await pause(pollMs)
    /* oxlint-enable no-await-in-loop */
  }
  return false
}

async function startAedes(port: number): Promise<PeerBroker> {
  const helper = await Helper.start<{ port: number; parse: boolean }, null>('targets/aedes-broker.ts')
  await helper.ask({ port, parse: false })
  return { name: 'aedes', pid: helper.pid, port, stop: () => helper.close() }
}
