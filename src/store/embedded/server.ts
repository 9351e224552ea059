import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { BaywireError } from '../../errors.ts'
import { spawnOptions } from './account.ts'
import type { Binaries } from './binaries.ts'
import { clusterOf, lastLines } from './cluster.ts'
import type { LogFile } from './log-file.ts'
import { readPidFile } from './pid-file.ts'
import type { Place } from './place.ts'
import { greet } from './session.ts'

/**
 * Runs the server below a guard: a shell that holds the reading end of a pipe whose writing end only we
 * hold. When we end, in whatever way, the pipe closes and the guard asks the server for a fast shutdown. Guard and server are a session of their own, so that
 * ctrl-C, which goes to our whole process group, reaches us alone.
 *
 * The request is repeated because a server that has only just been started may still ignore it.
 */
const guard = `
  exec 3<&0
  "$@" 3<&- </dev/null &
  server=$!
  ( read -r _ <&3; while kill -INT $server; do sleep 1; done ) >/dev/null 2>&1 &
  watch=$!
  exec 3<&-
  wait $server
  status=$?
  kill $watch 2>/dev/null
  exit $status`

const settings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %a ',
  log_checkpoints: 'off',
  logging_collector: 'off',
}

export interface ServerOptions {
  place: Place
  binaries: Binaries
  log: LogFile
  password: string
  port: number
  /** Tells this start from any other: see `greet`. */
  token: string
}

export interface Server {
  port: number
  /** Settles when the server has ended, for whatever reason. */
  ended: Promise<void>
  /** Fast shutdown; returns when the server has ended. */
  stop(): Promise<void>
}

/** `busy`: another server has or is just leaving the cluster; `port taken`: try another one. */
export type Launch = Server | 'busy' | 'port taken'

const POLL_MS = 10
const STOP_TIMEOUT_MS = 60_000

export async function launchServer(options: ServerOptions): Promise<Launch> {
  const { place, log, port } = options
  const { child, ended, position } = await spawnGuard(options)
  const server: Server = { port, ended, stop: () => stopGuard(child, ended) }
  try {
    while (child.exitCode === null && child.signalCode === null) {
      const pidFile = await readPidFile(clusterOf(place))
      if (pidFile?.port === port && pidFile.status === 'ready' && (await greet(options)) === options.token) {
        release(child)
        return server
      }
      await Promise.race([ended, pause(POLL_MS)])
    }
  } catch (error) {
    await server.stop()
    throw error
  }
  return explainExit(await log.since(position))
}

interface Guard {
  child: ChildProcess
  ended: Promise<void>
  /** Where its output begins in the log. */
  position: number
}

async function spawnGuard({ place, binaries, log, port, token }: ServerOptions): Promise<Guard> {
  const parameters = Object.entries({ ...settings, port: String(port), 'baywire.token': token })
  const command = [
    join(binaries.directory, 'bin', 'postgres'),
    '-D',
    clusterOf(place),
    ...parameters.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  const { file, position } = await log.open()
  try {
    const child = spawn('/bin/sh', ['-c', guard, 'baywire-guard', ...command], {
      ...spawnOptions(place.account),
      stdio: ['pipe', file.fd, file.fd],
      detached: true,
    })
    child.stdin?.on('error', () => {})
    const ended = watchEnd(child)
    await Promise.race([once(child, 'spawn'), ended])
    return { child, ended, position }
  } finally {
    await file.close()
  }
}

async function watchEnd(child: ChildProcess): Promise<void> {
  await once(child, 'exit')
  child.stdin?.destroy()
}

/** A running server does not keep us from ending; our end stops it. */
function release(child: ChildProcess): void {
  child.unref()
  if (child.stdin instanceof Socket) child.stdin.unref()
}

async function stopGuard(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.ref()
  child.stdin?.destroy()
  const timeout = new AbortController()
  await Promise.race([ended, pause(STOP_TIMEOUT_MS, undefined, { signal: timeout.signal }).catch(() => {})])
  timeout.abort()
}

function explainExit(output: string): 'busy' | 'port taken' {
  if (/Address already in use|could not create any TCP\/IP sockets/i.test(output)) return 'port taken'
  if (/lock file "postmaster.pid" (already exists|is empty)|pre-existing shared memory block/.test(output))
    return 'busy'
  throw new BaywireError(`the embedded database did not start: ${lastLines(output)}`, {
    advice: 'see the reason above; `server.log` in the database directory has more',
  })
}

/** The preferred port where it is free, else any free one. */
export async function freePort(preferred: number): Promise<number> {
  return (await tryPort(preferred)) ?? (await tryPort(0)) ?? 0
}

async function tryPort(port: number): Promise<number | undefined> {
  const probe = createServer()
  try {
    probe.listen({ port, host: '127.0.0.1', exclusive: true })
    await once(probe, 'listening')
    const address = probe.address()
    return typeof address === 'object' && address !== null ? address.port : undefined
  } catch {
    return undefined
  } finally {
    probe.close()
  }
}
