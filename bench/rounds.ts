import { untilQuiet, type Window } from './measure.ts'
import { names, type Name, type Results } from './summary.ts'
import { openCommit } from './targets/commit.ts'
import { openHook } from './targets/hook.ts'
import { nodeRed } from './targets/node-red.ts'
import { handWritten, openPeer } from './targets/peer.ts'
import { openProduct } from './targets/product.ts'
import { openSubscriber } from './targets/subscriber.ts'
import { Unavailable, type Run, type Target } from './targets/target.ts'

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
  const results: Results = { windows: {}, skipped: {}, findings: {} }
  const open: Record<Name, () => Promise<Target>> = {
    embedded: async () => withFindings('embedded'),
    mosquitto: async () => withFindings('mosquitto'),
    serial: () => openPeer(run, handWritten('serial', 1)),
    concurrent: () => openPeer(run, handWritten('concurrent', 50)),
    'node-red': async () => openPeer(run, await nodeRed({ install: installNodeRed, onProgress: run.onProgress })),
    hook: () => openHook(run),
    subscriber: () => openSubscriber(run),
    database: () => openCommit(run),
  }
  const withFindings = async (via: 'embedded' | 'mosquitto'): Promise<Target> => {
    const product = await openProduct(run, via)
    const finish = async (windows: readonly Window[]) => {
      return (results.findings[via] = await product.finish(windows))
    }
    return { measure: () => product.measure(), finish }
  }
  const targets = await openAll(run, { only, open, skipped: results.skipped })
  const windows = await measureInTurn(run, { targets, repeats })
  results.windows = Object.fromEntries(windows)
  for (const [name, target] of targets) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await target.finish?.(windows.get(name) ?? [])
  }
  return results
}

async function openAll(
  run: Run,
  options: { only: readonly Name[]; open: Record<Name, () => Promise<Target>>; skipped: Results['skipped'] },
): Promise<Map<Name, Target>> {
  const targets = new Map<Name, Target>()
  for (const name of names.filter((each) => options.only.includes(each))) {
    run.onProgress(`starting ${name}`)
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other: each has the machine for its start
      targets.set(name, await options.open[name]())
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      run.onProgress(`${name} is skipped: ${error.message}`)
      options.skipped[name] = error.message
    }
  }
  return targets
}

async function measureInTurn(
  run: Run,
  { targets, repeats }: { targets: ReadonlyMap<Name, Target>; repeats: number },
): Promise<Map<Name, Window[]>> {
  const windows = new Map<Name, Window[]>(Array.from(targets.keys(), (name) => [name, []]))
  for (let round = 1; round <= repeats; round++) {
    for (const [name, target] of targets) {
      /* oxlint-disable no-await-in-loop -- one after the other, so that none takes from another */
      await run.database.settle()
      await untilQuiet(run.onProgress)
      run.onProgress(`${name}: ${round} of ${repeats}`)
      windows.get(name)?.push(await target.measure())
      /* oxlint-enable no-await-in-loop */
    }
  }
  return windows
}
