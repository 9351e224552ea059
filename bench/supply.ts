import { setTimeout as pause } from 'node:timers/promises'
import type { Helper } from './helper.ts'
import type { Order, Tally } from './load/generator.ts'

export type Load = Helper<Order, Tally>

export interface Supply {
  /** How many readings the consumer has taken in all. */
  taken: () => Promise<number>
  /** How many more than that are published. */
  ahead: number
}

const everyMs = 40
const mostDrainMs = 60_000
/** Of the times it was asked. */
const mostWaits = 0.05

/**
 * Keeps a broker supplied while `work` goes on: always `ahead` of what its consumer has taken, so that the consumer
 * never waits, and never much more, because a broker that is given all it can take takes the processor from the one
 * that is measured. When this returns, all that was published has been taken.
 */
export async function supplied<T>(load: Load, { taken, ahead }: Supply, work: () => Promise<T>): Promise<T> {
  const ended = new AbortController()
  const times = { asked: 0, waiting: 0 }
  let offered = Number.POSITIVE_INFINITY
  const supplying = (async () => {
    while (!ended.signal.aborted) {
      /* oxlint-disable no-await-in-loop -- a poll */
      const soFar = await taken()
      times.asked++
      if (soFar >= offered) times.waiting++
      offered = soFar + ahead
      await load.ask({ order: 'offer', upTo: offered })
      await pause(everyMs)
      /* oxlint-enable no-await-in-loop */
    }
  })()
  // Awaited below; until then a failure would be nobody's.
  supplying.catch(() => {})
  const result = await work().finally(() => ended.abort())
  await supplying
  await drain(load, taken)
  if (times.waiting > mostWaits * times.asked) {
    throw new Error(`the consumer waited for readings ${times.waiting} of ${times.asked} times`)
  }
  return result
}

/** Publishes nothing more, and waits until all that was published has been taken. */
export async function drain(load: Load, taken: Supply['taken']): Promise<void> {
  const { published } = await load.ask({ order: 'stop' })
  const deadline = performance.now() + mostDrainMs
  /* oxlint-disable no-await-in-loop -- a poll */
  for (let soFar = await taken(); soFar < published; soFar = await taken()) {
    if (performance.now() > deadline) throw new Error(`of ${published} readings published, ${soFar} were taken`)
    await pause(everyMs)
  }
  /* oxlint-enable no-await-in-loop */
}
