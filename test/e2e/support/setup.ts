import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const buildMs = 120_000

/** What these tests run is dist/, so it is built from the sources as they are, once for all of them. */
export function setup(): void {
  const { status, error } = spawnSync(process.execPath, ['scripts/build.mjs'], {
    cwd: root,
    stdio: 'inherit',
    timeout: buildMs,
  })
  if (status !== 0) throw new Error('dist/ could not be built', { cause: error })
}
