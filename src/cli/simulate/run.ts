import { setTimeout as pause } from 'node:timers/promises'
import { LaneRun } from './lane-run.ts'
import type { Lane, Message } from './message.ts'

/**
 * Sends what the lanes hold, each through a connection of its own, with a bounded number in flight, and ends when
 * everything is acknowledged. A connection that is lost is the sender's affair: it resends, and the run waits for
 * it, but no longer than `giveUpMs` without any acknowledgement.
 */
export interface Sender {
  /** Resolves when PUBACK arrived. Rejects only where no waiting will help. */
  publish(payload: string): Promise<void>
}

export interface RunOptions {
  lanes: readonly { lane: Lane; sender: Sender }[]
  /** Unacknowledged messages per connection at most. */
  window: number
  /** No message is begun after it. */
  durationMs: number
  giveUpMs: number
  onAcknowledged: (message: Message) => void
  onProgress: (counts: RunCounts) => void
  /** Begins no more messages, and ends when those in flight are acknowledged. */
  signal?: AbortSignal | undefined
}

export interface RunCounts {
  /** Messages handed to a connection. */
  published: number
  acknowledged: number
  /** Readings in the acknowledged messages. */
  readings: number
}

export interface RunResult extends RunCounts {
  seconds: number
  /** Nothing was acknowledged for too long. */
  gaveUp: boolean
  /** In flight when the run gave up. */
  missing: readonly Message[]
}

const progressMs = 250

export async function run(options: RunOptions): Promise<RunResult> {
  const startedAt = performance.now()
  const counts: RunCounts = { published: 0, acknowledged: 0, readings: 0 }
  let progressAt = startedAt
  const lanes = options.lanes.map(
    (each) =>
      new LaneRun({
        ...each,
        window: options.window,
        durationMs: options.durationMs,
        elapsedMs: () => performance.now() - startedAt,
        onPublished() {
          if (counts.published === counts.acknowledged) progressAt = performance.now()
          counts.published++
        },
        onAcknowledged(message) {
          progressAt = performance.now()
          counts.acknowledged++
          counts.readings += message.readings.length
          options.onAcknowledged(message)
        },
      }),
  )
  const stop = () => lanes.forEach((lane) => lane.stop())
  options.signal?.addEventListener('abort', stop)
  const watch = new AbortController()
  try {
    const ended = Promise.all(lanes.map((lane) => lane.start())).then(() => 'ended' as const)
    const stuck = watchProgress(options, { counts, progressAt: () => progressAt, signal: watch.signal })
    const outcome = await Promise.race([ended, stuck])
    return {
      ...counts,
      seconds: (performance.now() - startedAt) / 1000,
      missing: lanes.flatMap((lane) => lane.inFlight()),
      gaveUp: outcome === 'stuck',
    }
  } finally {
    watch.abort()
    stop()
    options.signal?.removeEventListener('abort', stop)
  }
}

/** Resolves when something has been in flight for too long without any acknowledgement. */
async function watchProgress(
  { giveUpMs, onProgress }: RunOptions,
  { counts, progressAt, signal }: { counts: RunCounts; progressAt: () => number; signal: AbortSignal },
): Promise<'stuck'> {
  while (!signal.aborted) {
    // oxlint-disable-next-line no-await-in-loop -- it looks at regular times
    await pause(Math.min(progressMs, giveUpMs), undefined, { signal }).catch(() => {})
    onProgress(counts)
    const waiting = counts.published > counts.acknowledged
    if (waiting && performance.now() - progressAt() >= giveUpMs) return 'stuck'
  }
  return await new Promise(() => {})
}
