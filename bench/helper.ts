import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describeError } from '../src/errors.ts'

/**
 * A part of the benchmark in a process of its own, so that it takes no time from another part's event loop. It is
 * told what to do one order at a time, and ends with the process that started it.
 */
export class Helper<Order, Answer> {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** @param script relative to this directory */
  static async start<Order, Answer>(script: string): Promise<Helper<Order, Answer>> {
    const child = fork(fileURLToPath(new URL(script, import.meta.url)), {
      execArgv: ['--import', import.meta.resolve('tsx'), '--import', new URL('built.mjs', import.meta.url).href],
    })
    const helper = new Helper<Order, Answer>(child)
    await helper.#answer()
    return helper
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async ask(order: Order): Promise<Answer> {
    if (!this.#child.connected) throw new Error(`${this.#child.spawnargs.at(-1)} has ended: its reason is above`)
    this.#child.send(order as object)
    return await this.#answer()
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  async #answer(): Promise<Answer> {
    const ended = new AbortController()
    const exit = once(this.#child, 'exit', { signal: ended.signal }).then(() => {
      throw new Error(`${this.#child.spawnargs.at(-1)} ended: its reason is above`)
    })
    const [message] = (await Promise.race([once(this.#child, 'message', { signal: ended.signal }), exit]).finally(
      () => {
        exit.catch(() => {})
        ended.abort()
      },
    )) as [{ answer: Answer } | { error: string }]
    if ('error' in message) throw new Error(message.error)
    return message.answer
  }
}

/** The other side: says that it is there, then answers each order. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what comes from the parent is of its type
export function answerOrders<Order>(obey: (order: Order) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit(1))
  process.on('message', (order: Order) => {
    obey(order).then(
      (answer) => process.send?.({ answer }),
      (error: unknown) => process.send?.({ error: describeError(error) }),
    )
  })
  process.send?.({ answer: null })
}
