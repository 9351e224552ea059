import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'

export interface AcknowledgedReading {
  device: string
  boot: number
  seq: number
}

/** The file that `--ack-log` writes, read while it grows. */
export class AckLog {
  readonly path: string
  readonly #chunk = Buffer.alloc(65_536)
  #read = 0
  #lines = 0

  constructor(path: string) {
    this.path = path
  }

  /** How many readings are acknowledged by now. Reads only what is new. */
  count(): number {
    if (!existsSync(this.path)) return 0
    const file = openSync(this.path, 'r')
    try {
      for (let bytes = -1; bytes !== 0; this.#read += bytes) {
        bytes = readSync(file, this.#chunk, 0, this.#chunk.length, this.#read)
        for (let at = 0; at < bytes; at++) if (this.#chunk[at] === newline) this.#lines++
      }
    } finally {
      closeSync(file)
    }
    return this.#lines
  }

  /** Those of whole lines: the last one may still be written. */
  readings(): AcknowledgedReading[] {
    const lines = readFileSync(this.path, 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as AcknowledgedReading)
  }
}

const newline = 0x0a
