import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { isAlive } from '../../../src/store/embedded/pid-file.ts'

const prefix = 'baywire-chaos-'
const directory = '/run/netns'

/**
 * A network of its own for senders, joined to this machine by a pair of virtual interfaces, so that packets can be lost
 * there and nowhere else. Its name has the pid of who made it: a later run removes what a killed one left.
 */
export class NetworkNamespace {
  /** How programs are run in it. */
  readonly prefix: readonly string[]
  /** What this machine is called from there. */
  readonly hostAddress: string
  readonly #name = `${prefix}${process.pid}`

  constructor() {
    this.prefix = ['ip', 'netns', 'exec', this.#name]
    // Of 198.18.0.0/15, which is for tests and routed nowhere, four addresses for each pid.
    const network = `198.18.${(process.pid >> 6) & 255}`
    const first = (process.pid & 63) * 4
    this.hostAddress = `${network}.${first + 1}`
    const link = `bwc${process.pid}`
    run('ip', 'netns', 'add', this.#name)
    run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#name)
    run('ip', 'address', 'add', `${this.hostAddress}/30`, 'dev', link)
    run('ip', 'link', 'set', link, 'up')
    this.#inside('ip', 'address', 'add', `${network}.${first + 2}/30`, 'dev', 'eth0')
    this.#inside('ip', 'link', 'set', 'eth0', 'up')
    this.#inside('ip', 'link', 'set', 'lo', 'up')
  }

  /** Drops so many of a hundred packets to and from a port of this machine, at random. */
  lose(percent: number, port: number): void {
    const atRandom = ['-m', 'statistic', '--mode', 'random', '--probability', String(percent / 100), '-j', 'DROP']
    this.#inside('iptables', '-A', 'INPUT', '-p', 'tcp', '--sport', String(port), ...atRandom)
    this.#inside('iptables', '-A', 'OUTPUT', '-p', 'tcp', '--dport', String(port), ...atRandom)
  }

  /** The pair of interfaces goes with it. */
  remove(): void {
    run('ip', 'netns', 'delete', this.#name)
  }

  #inside(...command: string[]): void {
    run(...this.prefix, ...command)
  }
}

export function removeNamespacesOfTheDead(): void {
  for (const name of namespaces()) {
    if (name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length)))) run('ip', 'netns', 'delete', name)
  }
}

function namespaces(): string[] {
  try {
    return readdirSync(directory)
  } catch {
    // There never was one.
    return []
  }
}

function run(...[program = '', ...parameters]: string[]): void {
  execFileSync(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'] })
}
