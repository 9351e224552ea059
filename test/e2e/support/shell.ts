import { execFile } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from './documents.ts'
import type { Home } from './home.ts'

const execute = promisify(execFile)
const scriptMs = 60_000

/**
 * Runs what a reader would type, beside the programs of a home: `baywire` and `npx baywire` are the program as it was
 * built, and the usual ports are those of the home. Answers what it printed; rejects unless it exits with 0.
 */
export async function runInShell(home: Home, script: string, { directory = root } = {}): Promise<string> {
  await writeShims(home.directory)
  const here = script
    .replaceAll(/\$ (?=npx |baywire )/g, '')
    .replaceAll(/(localhost|127\.0\.0\.1):8080/g, `127.0.0.1:${home.httpPort}`)
    .replaceAll('-p 1883', `-p ${home.mqttPort}`)
  const { stdout } = await execute('/bin/sh', ['-e', '-c', here], {
    cwd: directory,
    timeout: scriptMs,
    env: { ...process.env, ...home.env, PATH: `${home.directory}:${process.env['PATH']}` },
  })
  return stdout
}

async function writeShims(directory: string): Promise<void> {
  const program = `exec '${process.execPath}' '${join(root, 'dist', 'main.js')}' "$@"`
  const shims = { baywire: program, npx: `[ "$1" = baywire ] || exit 64\nshift\n${program}` }
  for (const [name, lines] of Object.entries(shims)) {
    const path = join(directory, name)
    // oxlint-disable-next-line no-await-in-loop -- two of them
    await writeFile(path, `#!/bin/sh\n${lines}\n`)
    // oxlint-disable-next-line no-await-in-loop
    await chmod(path, 0o755)
  }
}
