import { describeError } from '../src/errors.ts'
import { Lifecycle } from '../src/lifecycle.ts'
import { createLog } from '../src/log.ts'
import type { BenchDatabase } from './database.ts'
import { untilQuiet } from './measure.ts'
import { names, type Name, type ProductName, type Results } from './summary.ts'
import { fullBatches, openCommit } from './targets/commit.ts'
import { openHook } from './targets/hook.ts'
import { nodeRed } from './targets/node-red.ts'
import { handWritten, openPeer } from './targets/peer.ts'
import { openProduct, type Product } from './targets/product.ts'
import { openSubscriber } from './targets/subscriber.ts'
import { Unavailable, type CommittedBatch, type Run, type Target } from './targets/target.ts'

export interface RoundsOptions {
  only: readonly Name[]
  /** Windows of each. */
  repeats: number
  /** May be installed when it is not there. */
  installNodeRed: boolean
}

/**
 * Starts everything that is to be measured, then measures one window of each in turn, and all of that again: what the
 * machine does in one minute and not in the next then happens to all of them. Whatever is not measured is idle.
 */
export async function measureRounds(run: Run, { only, repeats, installNodeRed }: RoundsOptions): Promise<Results> {
  const rounds = new Rounds(run)
  const wanted = names.filter((name) => only.includes(name))
  /* oxlint-disable no-await-in-loop -- one after the other, so that none takes from another */
  for (const name of wanted) await rounds.open(name, { installNodeRed })
  for (let round = 1; round <= repeats; round++) {
    for (const name of wanted) await rounds.measure(name, `${round} of ${repeats}`)
  }
  for (const name of wanted) await rounds.finish(name)
  /* oxlint-enable no-await-in-loop */
  return rounds.results
}

interface Opened {
  target: Target
  database: BenchDatabase
  /** Of all that was started for it. */
  lifecycle: Lifecycle
}

/** What cannot be measured, or fails, is left out from then on and spoils nothing of the others. */
class Rounds {
  readonly results: Results = { windows: {}, skipped: {}, failed: {}, findings: {} }
  readonly #run: Run
  readonly #opened = new Map<Name, Opened>()
  readonly #products = new Map<ProductName, Product>()

  constructor(run: Run) {
    this.#run = run
  }

  async open(name: Name, { installNodeRed }: Pick<RoundsOptions, 'installNodeRed'>): Promise<void> {
    const { lifecycle: all, onProgress } = this.#run
    onProgress(`starting ${name}`)
    const lifecycle = await all.start(
      name,
      () => new Lifecycle(createLog({ level: 'warn' })),
      (own) => own.stop(),
    )
    try {
      const database = await lifecycle.start(
        'database',
        () => this.#run.database.beside(name),
        (started) => started.close(),
      )
      const target = await this.#start(name, { ...this.#run, lifecycle, database }, installNodeRed)
      this.#opened.set(name, { lifecycle, database, target })
    } catch (error) {
      await lifecycle.stop()
      const why = error instanceof Unavailable ? 'skipped' : 'failed'
      this.results[why][name] = describeError(error)
      onProgress(`${name} ${why}: ${describeError(error)}`)
    }
  }

  async measure(name: Name, turn: string): Promise<void> {
    const { onProgress } = this.#run
    await this.#attempt(name, async ({ target, database }) => {
      await database.settle()
      await untilQuiet(onProgress)
      onProgress(`${name}: ${turn}`)
      const window = await target.measure()
      this.results.windows[name] = [...(this.results.windows[name] ?? []), window]
    })
  }

  async finish(name: Name): Promise<void> {
    await this.#attempt(name, async ({ target, lifecycle }) => {
      await target.finish?.(this.results.windows[name] ?? [])
      await lifecycle.stop()
    })
  }

  async #start(name: Name, run: Run, installNodeRed: boolean): Promise<Target> {
    switch (name) {
      case 'embedded':
      case 'mosquitto': {
        const product = await openProduct(run, name)
        this.#products.set(name, product)
        return {
          measure: () => product.measure(),
          finish: async (windows) => (this.results.findings[name] = await product.finish(windows)),
        }
      }
      case 'serial':
        return await openPeer(run, handWritten(name, 1))
      case 'concurrent':
        return await openPeer(run, handWritten(name, 50))
      case 'node-red':
        return await openPeer(run, await nodeRed({ install: installNodeRed, onProgress: run.onProgress }))
      case 'hook':
        return await openHook(run)
      case 'subscriber':
        return await openSubscriber(run)
      case 'database':
        return await openCommit(run, fullBatches)
      case 'embedded-database':
        return await openCommit(run, this.#batchesOf('embedded'))
      case 'mosquitto-database':
        return await openCommit(run, this.#batchesOf('mosquitto'))
    }
  }

  #batchesOf(name: ProductName): () => readonly CommittedBatch[] {
    const product = this.#products.get(name)
    if (product === undefined) throw new Unavailable(`it commits the batches of ${name}, which is not measured`)
    return () => {
      if (!this.#opened.has(name)) throw new Error(`${name} failed, whose batches it commits`)
      return product.batches
    }
  }

  async #attempt(name: Name, step: (opened: Opened) => Promise<void>): Promise<void> {
    const opened = this.#opened.get(name)
    if (opened === undefined) return
    try {
      await step(opened)
    } catch (error) {
      this.#run.onProgress(`${name} failed: ${describeError(error)}`)
      this.results.failed[name] = describeError(error)
      delete this.results.windows[name]
      this.#opened.delete(name)
      await opened.lifecycle.stop()
    }
  }
}
