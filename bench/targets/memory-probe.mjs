// Loaded into `baywire start` before the program: answers the benchmark with what is in memory, after full collections where it
// is asked to collect, so that growth is told from garbage. It keeps nothing alive.
//
// V8 keeps pages that are half empty after a collection, tens of megabytes of them in one minute and not in the next. So
// objects are moved together here, twice, because what that empties is given back with the next collection.
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'

/** In which V8 gives pages back, on a thread of its own. */
const unmappedMs = 100

process.on('message', (order) => void (order === 'look' ? look() : collect()))
process.channel?.unref()

function look() {
  process.send?.(process.memoryUsage())
}

async function collect() {
  setFlagsFromString('--compact-on-every-full-gc')
  globalThis.gc?.()
  globalThis.gc?.()
  setFlagsFromString('--no-compact-on-every-full-gc')
  const usage = process.memoryUsage()
  await pause(unmappedMs)
  process.send?.({ ...usage, rss: process.memoryUsage.rss() })
}
