import { createInterface } from 'node:readline'
import { StreamClient } from './stream-clients.ts'

/** Clients in a process of their own, so that they can be stopped as a whole: half over SSE, half over WebSocket. */
const [port, key = '', start = '', count] = process.argv.slice(2)
const clients = Array.from(
  { length: Number(count) },
  (_, n) => new StreamClient(n % 2 === 0 ? 'sse' : 'ws', { port: Number(port), key, start }),
)

/** One line for each that is asked for: connections, what all of them have heard, and resets. */
createInterface({ input: process.stdin }).on('line', () => {
  const report = clients.map(({ ids, connections, resets, last }) => ({ ids: ids.length, connections, resets, last }))
  process.stdout.write(`${JSON.stringify(report)}\n`)
})
process.stdin.on('end', () => process.exit(0))
