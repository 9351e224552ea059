/** A city's log of one day, across a midnight, before and after the day before it was dropped. It is not in this repository. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dropOldReadings } from '../../src/jobs/retention.ts'
import { createLog } from '../../src/log.ts'
import { dryRun } from '../../src/replay/dry-run.ts'
import { verify } from '../../src/replay/verify.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

const path = fileURLToPath(new URL('../../../shared/data/occupancy/ladot-events-2026-05-12.csv', import.meta.url))
const here = existsSync(path)
const dayMs = 86_400_000
const keptDays = 90

let baywire: TestIngest
beforeAll(async () => {
  baywire = await startTestIngest()
})
afterAll(() => baywire.close())

interface Heard {
  device: string
  at: number
  occupied: boolean
}

function readings(): Heard[] {
  const rows = readFileSync(path, 'utf8').trim().split('\n').slice(1)
  const heard = rows.map((row) => {
    const [device = '', , time = '', state = ''] = row.split(',').map((cell) => cell.trim().replaceAll('"', ''))
    return { device, at: Date.parse(`${time} UTC`), occupied: state === 'OCCUPIED' }
  })
  return heard.toSorted((a, b) => a.at - b.at)
}

test.skipIf(!here)(
  'the log of a city is equal before and after a day of it was dropped',
  { timeout: 120_000 },
  async () => {
    const heard = readings()
    const tenantId = await baywire.tenant('ladot', [...new Set(heard.map(({ device }) => device))])
    // Half of it on the last day that is dropped, half on the first that is kept.
    const midnight = Math.floor(Date.now() / dayMs) * dayMs - keptDays * dayMs
    const moved = midnight - (heard[heard.length / 2]?.at ?? 0)
    for (const { device, at, occupied } of heard) {
      baywire.clock.set(at + moved)
      const reading = { occupied, at: new Date(at + moved).toISOString() }
      // oxlint-disable-next-line no-await-in-loop -- in order
      await baywire.deliver(`parking/v1/ladot/devices/${device}/reading`, reading)
    }
    const run = () => baywire.system.withSnapshot((tx) => dryRun(tx, { selection: { tenantId } }))
    const same = { changed_outcomes: 0, missing_inputs: 0, not_folded: 0, transitions: { removed: 0, added: 0 } }
    expect(await verify(baywire.system)).toEqual({ spaces: 119, inputs: 490, first_difference: null })
    expect(await run()).toMatchObject({ ...same, readings: 490, transitions: { recorded: 482, remaining: 482 } })

    const log = createLog({ level: 'silent' })
    await dropOldReadings({ database: baywire.system, log, signal: new AbortController().signal }, { days: keptDays })
    const rest = await verify(baywire.system)
    expect(rest).toMatchObject({ spaces: 119, first_difference: null })
    expect(rest.inputs).toBeGreaterThan(0)
    expect(rest.inputs).toBeLessThan(490)
    expect(await run()).toMatchObject({ ...same, readings: rest.inputs })
  },
)
