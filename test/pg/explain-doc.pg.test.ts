/** docs/explain.md shows what the command prints: the story in it happens here, and both are the same but for ids. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instantOf, parseMoment } from '../../src/cli/moment.ts'
import { explain } from '../../src/explain/explain.ts'
import { explanationScreen } from '../../src/explain/screen.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

let baywire: TestIngest
let tenants: TenantDatabase
beforeAll(async () => {
  baywire = await startTestIngest()
  tenants = tenantDatabase({ url: baywire.ownerUrl, max: 2, statementTimeoutMs: 20_000, name: 'test api' })
})
afterAll(async () => {
  await tenants.close()
  await baywire.close()
})

const page = readFileSync(new URL('../../docs/explain.md', import.meta.url), 'utf8')
const uuid = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g
const at = (time: string) => Date.parse(`2026-11-20T${time}Z`)

async function hear(arrival: string, reading: { occupied: boolean; at: string; seq: number }): Promise<void> {
  baywire.clock.set(at(arrival))
  const payload = { occupied: reading.occupied, at: `2026-11-20T${reading.at}Z`, seq: reading.seq, boot: 3 }
  await baywire.deliver('parking/v1/city/devices/A-17/reading', payload)
}

/** What `npx baywire explain` prints, with all ids alike. */
async function printed(tenantId: string, options: { at: string; asKnownNow: boolean }): Promise<string> {
  const clock = { now: () => at('18:00:00') }
  const question = { space: { site: 'main', space: 'A-17' }, at: at(options.at), asKnownNow: options.asKnownNow, clock }
  const explanation = await tenants.withTenant(tenantId, (tx) => explain(tx, question))
  if (explanation === undefined) throw new Error('no space')
  return explanationScreen(explanation).replaceAll(uuid, 'ID')
}

test('space A-17 looked wrong at 14:05', async () => {
  const tenantId = await baywire.tenant('city', ['A-17'])
  await baywire.system.withSystem((tx) => ensurePartitions(tx, at('13:00:00')))
  await hear('13:12:40.310', { occupied: true, at: '13:12:40.120', seq: 80 })
  await hear('13:40:02.480', { occupied: false, at: '13:40:02.300', seq: 81 })
  await hear('13:40:04.900', { occupied: false, at: '13:40:02.300', seq: 81 })
  // What it said at 14:01 lay in a gateway that was cut off.
  await hear('14:22:41.060', { occupied: true, at: '14:01:09.800', seq: 82 })

  const blocks = Array.from(
    page.matchAll(/```\n\$ (baywire explain [^\n]+)\n([\s\S]*?)\n```/g),
    ([, command, text]) => ({
      command,
      text: text?.replaceAll(uuid, 'ID'),
    }),
  )
  expect(blocks.map(({ command }) => command)).toEqual([
    'baywire explain A-17 --at "yesterday 14:05"',
    'baywire explain city/main/A-17 --at 2026-11-20T14:05:00Z --as-known-now',
  ])
  const moment = parseMoment('yesterday 14:05')
  const { meaning } = instantOf(moment, { timezone: 'Europe/Lisbon', now: at('14:05:00') + 20 * 3_600_000 })
  expect(blocks[0]?.text).toBe(`${meaning}\n\n${await printed(tenantId, { at: '14:05:00', asKnownNow: false })}`)
  expect(blocks[1]?.text).toBe(await printed(tenantId, { at: '14:05:00', asKnownNow: true }))
})
