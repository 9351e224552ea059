// Loaded into `baywire start` before the program: answers each message of the benchmark with what is in memory after a
// full collection, so that growth is told from garbage. It keeps nothing alive and changes nothing else.
process.on('message', () => {
  globalThis.gc?.()
  process.send?.(process.memoryUsage())
})
process.channel?.unref()
