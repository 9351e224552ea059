import type { Log } from './log.ts'

interface Part {
  name: string
  stop: () => Promise<void> | void
}

/**
 * Parts are started in order and stopped in reverse; when one fails to start, those before it are stopped
 * again before the error is thrown on.
 */
export class Lifecycle {
  readonly #parts: Part[] = []
  readonly #log: Log
  #stopping: Promise<void> | undefined

  constructor(log: Log) {
    this.#log = log
  }

  async start<T>(name: string, start: () => Promise<T> | T, stop: (part: T) => Promise<void> | void): Promise<T> {
    try {
      const part = await start()
      this.#parts.push({ name, stop: () => stop(part) })
      return part
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll()
    return this.#stopping
  }

  async #stopAll(): Promise<void> {
    for (const part of this.#parts.toReversed()) {
      try {
        await part.stop()
      } catch (error) {
        this.#log.error({ err: error, part: part.name }, 'part did not stop cleanly')
      }
    }
  }
}
