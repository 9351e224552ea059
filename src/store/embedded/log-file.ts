import type { FileHandle } from 'node:fs/promises'
import type { Account } from './account.ts'
import { openPrivate } from './files.ts'

const MAX_LOG_BYTES = 8 * 1024 * 1024
const KEPT_BYTES = 1024 * 1024
const CHECK_INTERVAL_MS = 60_000

/**
 * The server's own log. The server appends to it directly, so that it is complete whatever happens to us;
 * while we run it is kept below a bound, by dropping all but the newest part.
 */
export class LogFile {
  readonly #path: string
  readonly #account: Account | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(path: string, account: Account | undefined) {
    this.#path = path
    this.#account = account
  }

  /** For the server's output; `position` is where that begins. */
  async open(): Promise<{ file: FileHandle; position: number }> {
    const file = await openPrivate(this.#path, this.#account)
    await bound(file)
    return { file, position: (await file.stat()).size }
  }

  /** What was logged from `position` on. */
  async since(position: number): Promise<string> {
    return await this.#use((file) => readFrom(file, position))
  }

  watch(): void {
    this.#timer ??= setInterval(() => {
      this.#use(bound).catch(() => {})
    }, CHECK_INTERVAL_MS)
    this.#timer.unref()
  }

  unwatch(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #use<T>(work: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = await openPrivate(this.#path, this.#account)
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }
}

/** Whoever else appends does so at the new end. */
async function bound(file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  if (size <= MAX_LOG_BYTES) return
  const newest = await readFrom(file, size - KEPT_BYTES)
  await file.truncate(0)
  await file.appendFile(newest)
}

async function readFrom(file: FileHandle, position: number): Promise<string> {
  const { size } = await file.stat()
  const length = Math.min(Math.max(size - position, 0), MAX_LOG_BYTES)
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(length), position })
  return buffer.toString('utf8', 0, bytesRead)
}
