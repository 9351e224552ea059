/** `npm run soak`: the fault tests, as long and as hard as one likes. Exit 0 when nothing was found, 1 on any finding. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const usage = `npm run soak -- [--kills 100] [--messages 200000] [--seed N] [--only f1,f4]

  --kills     how often the program is killed (F1); the other faults are made in proportion
  --messages  readings sent while it is (F1); the other tests send a part of it
  --seed      when faults are made, as printed by an earlier run
  --only      these fault tests alone, by their names in docs/reliability.md
`

const root = fileURLToPath(new URL('../..', import.meta.url))

function main(): number {
  const options = readOptions()
  if (options === undefined) {
    process.stderr.write(usage)
    return 2
  }
  const { kills, messages, seed, only } = options
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'chaos', '--no-file-parallelism'], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      BAYWIRE_CHAOS_KILLS: kills,
      BAYWIRE_CHAOS_MESSAGES: messages,
      ...(seed === undefined ? {} : { BAYWIRE_CHAOS_SEED: seed }),
      ...(only === undefined ? {} : { BAYWIRE_CHAOS_ONLY: only }),
    },
  })
  return status === 0 ? 0 : 1
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        kills: { type: 'string', default: '100' },
        messages: { type: 'string', default: '200000' },
        seed: { type: 'string' },
        only: { type: 'string' },
      },
    })
    const numbers = [values.kills, values.messages, values.seed ?? '0']
    return numbers.every((text) => /^\d{1,10}$/.test(text)) ? values : undefined
  } catch {
    return undefined
  }
}

process.exitCode = main()
