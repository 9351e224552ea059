/** Clocks that are wrong: ours, stepped while it runs, and those of devices, by up to thirty days either way. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { connect } from '../../src/store/client.ts'
import type { AcknowledgedReading } from '../e2e/support/acknowledged.ts'
import { expectSound } from '../e2e/support/books.ts'
import type { Home } from '../e2e/support/home.ts'
import { compareWithLog } from '../e2e/support/log.ts'
import { Sender } from '../e2e/support/sender.ts'
import { makeTenant } from '../e2e/support/tenant.ts'
import { eventually } from '../support/program.ts'
import { check, wrongSpaces } from './support/checker.ts'
import { fault } from './support/fault.ts'
import { inHome } from './support/in-home.ts'
import { fakeTimeLibrary } from './support/means.ts'
import { moments, wholeBetween, type Random } from './support/random.ts'
import { Traffic } from './support/traffic.ts'

const tenant = 'acme'
const hourS = 3600
const dayMs = 86_400_000
/** Nearer than this the clock has followed. */
const toleranceMs = 60_000

fault(
  {
    id: 'F20',
    title: 'the clock of the program is stepped by hours, while it runs',
    needs: ['libfaketime'],
    times: { perHundred: 20, short: 4 },
    messages: { part: 0.1, short: 5000 },
  },
  async ({ random, times, messages, say }) =>
    await inHome({}, async (home) => {
      const offsetFile = join(home.directory, 'clock')
      writeFileSync(offsetFile, '+0')
      const program = await home.start(['start'], {
        LD_PRELOAD: fakeTimeLibrary ?? '',
        FAKETIME_TIMESTAMP_FILE: offsetFile,
        FAKETIME_CACHE_DURATION: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      })
      const traffic = new Traffic(home, { messages, tenants: [tenant], rate: messages / Math.max(8, times) })
      for (const [step, moment] of moments(random, { times, of: traffic.messages }).entries()) {
        // oxlint-disable no-await-in-loop -- one step after the other
        await traffic.reach(moment)
        const offsetS = [2 * hourS, 0, -2 * hourS, -hourS][step % 4] ?? 0
        writeFileSync(offsetFile, `${offsetS < 0 ? '' : '+'}${offsetS}`)
        await eventually('the clock steps', async () => Math.abs((await clockOf(home)) - offsetS * 1000) < toleranceMs)
        say(`${step + 1} of ${times} steps, now by ${offsetS} s, ${traffic.acknowledged()} acknowledged`)
        // oxlint-enable no-await-in-loop
      }
      const findings = await check(home, traffic)
      expect(await notTheLast(await home.databaseUrl()), 'the state is what was said last').toEqual([])
      expect(program.running).toBe(true)
      return findings
    }),
)

/** How far the clock of the program is ahead of ours, in milliseconds. */
async function clockOf(home: Home): Promise<number> {
  const { headers } = await fetch(home.url('/health'))
  return Date.parse(headers.get('date') ?? '') - Date.now()
}

fault(
  {
    id: 'F21',
    title: 'the clocks of devices are wrong by up to 30 days, another error in each reading',
    times: { perHundred: 1, short: 1 },
    messages: { part: 0.1, short: 2000 },
  },
  async ({ random, messages }) =>
    await inHome({}, async (home) => {
      await home.start()
      const databaseUrl = await home.databaseUrl()
      const devices = Array.from({ length: 20 }, (_, number) => `D${number}`)
      const { devices: identities } = await makeTenant(databaseUrl, { tenant, devices, gateway: 'gw' })
      const each = Math.ceil(messages / devices.length)
      const acknowledged = await Promise.all(
        identities.map((identity, number) => speak(home, { identity, device: devices[number] ?? '', each, random })),
      )
      const log = await compareWithLog(databaseUrl, { tenant, acknowledged: acknowledged.flat() })
      const sent = each * devices.length
      expect(log).toMatchObject({ identities: sent, missing: [], appliedTwice: [], neverApplied: [] })
      expect((await expectSound(home, tenant)).ledger).toMatchObject({ received: log.deliveries, malformed: 0 })
      expect(await wrongSpaces(databaseUrl, tenant), 'newest readings and states').toEqual([])
      expect(await notTheLast(databaseUrl), 'the state is what was said last').toEqual([])
      const duplicates = log.deliveries - log.identities
      return { sent, acknowledged: acknowledged.flat().length, stored: sent, missing: 0, appliedTwice: 0, duplicates }
    }),
)

/** A device says whatever its clock says, in order, some of it twice. */
async function speak(
  home: Home,
  {
    identity,
    device,
    each,
    random,
  }: { identity: Parameters<typeof Sender.connect>[0]['identity']; device: string; each: number; random: Random },
): Promise<AcknowledgedReading[]> {
  const sender = await Sender.connect({ port: home.mqttPort, identity })
  const payloads = Array.from({ length: each }, (_, index) => {
    const at = new Date(Date.now() + wholeBetween(random, -30 * dayMs, 30 * dayMs)).toISOString()
    return JSON.stringify({ occupied: random() < 0.5, at, seq: index + 1, boot: 1 })
  })
  const twice = payloads.flatMap((payload) => (random() < 0.1 ? [payload, payload] : [payload]))
  await sender.publish(`parking/v1/${tenant}/devices/${device}/reading`, twice)
  await sender.close()
  return payloads.map((_, index) => ({ device, boot: 1, seq: index + 1 }))
}

/** Spaces whose device said something else in the reading with its highest number. */
async function notTheLast(databaseUrl: string): Promise<string[]> {
  const sql = connect({ url: databaseUrl, max: 1, statementTimeoutMs: 60_000, name: 'chaos' })
  try {
    const rows = await sql<{ device: string }[]>`
      WITH last AS (
        SELECT DISTINCT ON (device) device, space_id, occupied FROM readings WHERE input_seq IS NOT NULL
        ORDER BY device, counter DESC
      )
      SELECT last.device FROM last JOIN space_states s ON s.space_id = last.space_id
      WHERE s.occupancy <> CASE WHEN last.occupied THEN 'occupied' ELSE 'vacant' END`
    return rows.map(({ device }) => device)
  } finally {
    await sql.end()
  }
}
