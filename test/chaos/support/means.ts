/**
 * What a fault needs of the machine. Each need is tried, not guessed: a container may have the program and not the right.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mosquittoProgram } from '../../support/mosquitto.ts'

export const fakeTimeLibrary: string | undefined = ['x86_64', 'aarch64', 'arm']
  .map((machine) => `/usr/lib/${machine}-linux-gnu${machine === 'arm' ? 'eabihf' : ''}/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path))

const tests = {
  Linux: () => process.platform === 'linux',
  mosquitto: () => mosquittoProgram !== undefined,
  libfaketime: () => fakeTimeLibrary !== undefined,
  strace: () => works('strace', '-qq', '-o', '/dev/null', 'true'),
  'root, for mounts': () => works('unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'),
  'loop devices and mkfs.ext4': () => works('losetup', '--find') && works('mkfs.ext4', '-V'),
  'root and iptables, for network namespaces': () => works('unshare', '--net', 'iptables', '--list'),
} satisfies Record<string, () => boolean>

export type Need = keyof typeof tests

const known = new Map<Need, boolean>()

/** Those of the needs that this machine does not meet. */
export function unmet(needs: readonly Need[]): Need[] {
  return needs.filter((need) => {
    const met = known.get(need) ?? tests[need]()
    known.set(need, met)
    return !met
  })
}

function works(program: string, ...parameters: string[]): boolean {
  return spawnSync(program, parameters, { stdio: 'ignore', timeout: 10_000 }).status === 0
}
