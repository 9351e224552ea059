// Compiles src/ to dist/ so that a process already running from dist/ is never left with half a file:
// tsc writes to a directory of its own, then each file is renamed into place (atomic), and files that no
// longer have a source are removed last.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const staging = join(root, `.dist-${process.pid}`)
const dist = join(root, 'dist')
const filesBelow = (directory) =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    : []

try {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', staging], {
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('the compiler refused the sources')
  const built = new Set(filesBelow(staging))
  for (const file of built) {
    mkdirSync(dirname(join(dist, file)), { recursive: true })
    renameSync(join(staging, file), join(dist, file))
  }
  for (const file of filesBelow(dist)) if (!built.has(file)) rmSync(join(dist, file))
  chmodSync(join(dist, 'main.js'), 0o755)
} catch (error) {
  process.exitCode = 1
  console.error(`build: ${error.message}`)
} finally {
  rmSync(staging, { recursive: true, force: true })
}
