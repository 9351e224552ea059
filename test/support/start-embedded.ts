import { BaywireError } from '../../src/errors.ts'
import { startEmbeddedPostgres } from '../../src/store/embedded/embedded.ts'

/**
 * A process that uses the embedded database of the data directory it is given, until its standard input ends.
 * It says what happens as JSON lines: {"progress"} and {"url", "adopted"}, or {"error", "advice"}.
 * SIGINT is noted and otherwise ignored.
 */
function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

process.on('SIGINT', () => say({ interrupted: true }))
const [dataDir = '', stateDir = ''] = process.argv.slice(2)
try {
  const server = await startEmbeddedPostgres({ dataDir, stateDir, onProgress: (progress) => say({ progress }) })
  say({ url: server.url, adopted: server.adopted })
  process.stdin.resume()
  process.stdin.on('end', () => {
    void server.stop().then(() => say({ stopped: true }))
  })
} catch (error) {
  say({ error: String(error), advice: error instanceof BaywireError ? error.advice : '' })
  process.exitCode = 1
}
