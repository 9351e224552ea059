// Compiles src/ to dist/ and bundles console/ to dist/console/ so that a process already running from dist/ is never
// left with half a file: both write to a directory of their own, then each file is renamed into place (atomic; the page
// of the console behind what it loads), and files that no longer have a source are removed last.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
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

const isPage = (file) => (file.endsWith('.html') ? 1 : 0)

/** Rejects unless it ends with exit code 0. */
async function run(what, script, args) {
  const path = join(root, 'node_modules', ...script.split('/'))
  const child = spawn(process.execPath, [path, ...args], { stdio: 'inherit' })
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new Error(`${what} refused the sources`)
}

try {
  const vite = ['build', join(root, 'console'), '--outDir', join(staging, 'console'), '--logLevel', 'warn']
  const results = await Promise.allSettled([
    run('the compiler', 'typescript/bin/tsc', ['-p', join(root, 'tsconfig.build.json'), '--outDir', staging]),
    run('the bundler', 'vite/bin/vite.js', vite),
  ])
  for (const { reason } of results) if (reason !== undefined) throw reason
  const built = new Set(filesBelow(staging))
  for (const file of [...built].toSorted((one, other) => isPage(one) - isPage(other))) {
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
