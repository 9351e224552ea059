/**
 * Disks of their own for a data directory: a small one to be filled, and an ext4 image that loses its power. They are
 * mounted below /tmp, under a name that has the pid of who made them, so that a later run finds what a killed one left.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from '../../../src/store/embedded/pid-file.ts'

const prefix = 'baywire-chaos-disk-'

/** What runs killed on the way have left: mounts first. */
export function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const maker = Number(name.slice(prefix.length).split('-')[0])
    if (!isAlive(maker)) removeDisks(join(tmpdir(), name))
  }
}

function removeDisks(directory: string): void {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
  for (const line of mounts) {
    const where = line.split(' ')[1] ?? ''
    if (where.startsWith(`${directory}/`)) execFileSync('umount', ['--lazy', where])
  }
  rmSync(directory, { recursive: true, force: true })
}

function makeDirectory(): { directory: string; mountPoint: string } {
  const directory = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`))
  execFileSync('chmod', ['755', directory])
  const mountPoint = join(directory, 'data')
  mkdirSync(mountPoint)
  return { directory, mountPoint }
}

/** An ext4 file system in a file, which writes to it only what it was asked to make durable (or every five minutes). */
export class ImageDisk {
  readonly mountPoint: string
  readonly #directory: string
  #image: string
  #generation = 0

  constructor(megabytes: number) {
    const { directory, mountPoint } = makeDirectory()
    this.#directory = directory
    this.mountPoint = mountPoint
    this.#image = join(directory, 'image-0')
    execFileSync('truncate', ['--size', `${megabytes}M`, this.#image])
    execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', this.#image])
    this.#mount()
  }

  /** What the disk would have, were its power cut now. Whoever writes to it must stand still. */
  copyAsCut(): void {
    this.#generation++
    execFileSync('cp', ['--sparse=always', this.#image, join(this.#directory, `image-${this.#generation}`)])
  }

  /** The copy takes the place of the disk. Nobody may use it any more. */
  replaceByCopy(): void {
    execFileSync('umount', ['--lazy', this.mountPoint])
    rmSync(this.#image)
    this.#image = join(this.#directory, `image-${this.#generation}`)
    this.#mount()
  }

  remove(): void {
    removeDisks(this.#directory)
  }

  #mount(): void {
    execFileSync('mount', ['-o', 'loop,commit=300', this.#image, this.mountPoint])
  }
}

/** A disk that is soon full, in memory. */
export class SmallDisk {
  readonly mountPoint: string
  readonly #directory: string

  constructor(megabytes: number) {
    const { directory, mountPoint } = makeDirectory()
    this.#directory = directory
    this.mountPoint = mountPoint
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'none', mountPoint])
  }

  /** Somebody else takes the room, all of it. */
  fill(): void {
    try {
      execFileSync('dd', ['if=/dev/zero', `of=${this.#filler}`, 'bs=16k'], { stdio: 'ignore' })
    } catch {
      // It ends by finding no more room.
    }
  }

  free(): void {
    rmSync(this.#filler)
  }

  remove(): void {
    removeDisks(this.#directory)
  }

  get #filler(): string {
    return join(this.mountPoint, 'filler')
  }
}
