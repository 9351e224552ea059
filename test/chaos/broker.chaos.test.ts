/**
 * A broker of its own before the program. What it acknowledged to senders and lost itself is its affair, and measured;
 * what the program acknowledged to it must be there.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import { expectSound } from '../e2e/support/books.ts'
import type { Home } from '../e2e/support/home.ts'
import { compareWithLog } from '../e2e/support/log.ts'
import { startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { eventually } from '../support/program.ts'
import { AcknowledgementTrace } from './support/acknowledgement-trace.ts'
import { Cable } from './support/cable.ts'
import { wrongSpaces } from './support/checker.ts'
import { fault, type Findings, type Round } from './support/fault.ts'
import { inHome } from './support/in-home.ts'
import { moments } from './support/random.ts'
import { Traffic } from './support/traffic.ts'

const tenant = 'acme'
/** Its messages come last: when they are committed, all that the broker had before them has been delivered. */
const lastTenant = 'last'
const gatewayOf = (slug: string) => ({ username: `${slug}/gateways/simulator-1`, secret: 'simulator-secret' })
const recoveryMs = 60_000
/** Slow enough that the program keeps up: what it acknowledged is at stake, not what waits. */
const messagesPerS = 1500

type BreakBroker = (mosquitto: Mosquitto) => Promise<void>

fault(
  {
    id: 'broker-kill',
    title: 'Mosquitto is killed',
    needs: ['mosquitto'],
    times: { perHundred: 20, short: 2 },
    messages: { part: 0.2, short: 6000 },
  },
  async (round) => {
    const { findings, lost } = await breakAgainAndAgain(round, (mosquitto) => mosquitto.restart({ signal: 'SIGKILL' }))
    return { ...findings, notes: { 'acknowledged by Mosquitto and lost by it': lost } }
  },
)

/** Longer than the program waits for an answer to its ping, in the long run. */
const frozenMs = { long: 100_000, short: 3000 }

fault(
  {
    id: 'broker-freeze',
    title: 'Mosquitto stands still',
    needs: ['mosquitto'],
    times: { perHundred: 3, short: 2 },
    messages: { part: 0.1, short: 6000 },
  },
  async (round) => {
    const { findings, lost } = await breakAgainAndAgain(round, async ({ pid }) => {
      process.kill(pid, 'SIGSTOP')
      await pause(round.long ? frozenMs.long : frozenMs.short)
      process.kill(pid, 'SIGCONT')
    })
    expect(lost, 'acknowledged by Mosquitto and lost').toBe(0)
    return findings
  },
)

async function breakAgainAndAgain(
  { random, times, messages, say }: Round,
  breakBroker: BreakBroker,
): Promise<{ findings: Findings; lost: number }> {
  const mosquitto = await startMosquitto([gatewayOf(tenant), gatewayOf(lastTenant)])
  const trace = new AcknowledgementTrace({ publishes: 'answers', version: 5 })
  const cable = await Cable.to(mosquitto.port, { tap: trace })
  try {
    const own = new URL(mosquitto.url())
    own.port = String(cable.port)
    return await inHome({ MQTT_URL: own.href, BAYWIRE_RETRY_MAX_MS: '500' }, async (home) => {
      const program = await home.start()
      const env = { MQTT_URL: mosquitto.url(gatewayOf(tenant)) }
      const traffic = new Traffic(home, { messages, tenants: [tenant], gateways: 1, rate: messagesPerS, env })
      for (const [round, moment] of moments(random, { times, of: traffic.messages }).entries()) {
        // oxlint-disable no-await-in-loop -- one after the other
        await traffic.reach(moment)
        await breakBroker(mosquitto)
        await eventually('200', async () => (await home.readiness()).ready, { withinMs: recoveryMs })
        say(`${round + 1} of ${times}, ${traffic.acknowledged()} of ${traffic.messages} acknowledged by Mosquitto`)
        // oxlint-enable no-await-in-loop
      }
      const sent = await traffic.end()
      await allDelivered(home, mosquitto)
      expect(program.running).toBe(true)
      return await compare(home, { traffic, sent, trace })
    })
  } finally {
    cable.close()
    await mosquitto.stop()
  }
}

async function allDelivered(home: Home, mosquitto: Mosquitto): Promise<void> {
  const env = { MQTT_URL: mosquitto.url(gatewayOf(lastTenant)) }
  const last = new Traffic(home, { messages: 20, spaces: 20, tenants: [lastTenant], gateways: 1, env })
  const sent = await last.end()
  await eventually('the last messages', async () => {
    const committed = await home.metric('baywire_readings_total', { tenant: lastTenant })
    return committed >= sent && (await home.metric('baywire_in_flight')) === 0
  })
}

async function compare(
  home: Home,
  { traffic, sent, trace }: { traffic: Traffic; sent: number; trace: AcknowledgementTrace },
): Promise<{ findings: Findings; lost: number }> {
  const databaseUrl = await home.databaseUrl()
  const [ours, theirs] = await Promise.all(
    [trace.of(tenant), traffic.streams[0]?.ackLog.readings() ?? []].map((acknowledged) =>
      compareWithLog(databaseUrl, { tenant, acknowledged }),
    ),
  )
  expect(ours, 'what the program acknowledged').toMatchObject({ missing: [], appliedTwice: [], neverApplied: [] })
  const { ledger } = await expectSound(home, tenant)
  expect(ledger).toMatchObject({ received: ours?.deliveries, malformed: 0 })
  expect(await wrongSpaces(databaseUrl, tenant), 'newest readings and states').toEqual([])
  expect(trace.of(tenant).length, 'acknowledged by the program').toBeGreaterThan(0)
  const { identities: stored = 0, deliveries = 0 } = ours ?? {}
  const duplicates = deliveries - stored
  const acknowledged = trace.of(tenant).length
  const findings = { sent, acknowledged, stored, missing: 0, appliedTwice: 0, duplicates }
  return { findings, lost: theirs?.missing.length ?? 0 }
}
