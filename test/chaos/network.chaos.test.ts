/** The network: between the program and its database (partitions, answers that are lost), and before its door (loss). */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import { connect } from '../../src/store/client.ts'
import type { Home } from '../e2e/support/home.ts'
import { isNotReady } from '../e2e/support/stream.ts'
import { eventually } from '../support/program.ts'
import { Cable, type Tap } from './support/cable.ts'
import { check } from './support/checker.ts'
import { withDatabaseBehindCable } from './support/database-behind-cable.ts'
import { fault } from './support/fault.ts'
import { inHome, secondsSince } from './support/in-home.ts'
import { NetworkNamespace } from './support/network-namespace.ts'
import { moments } from './support/random.ts'
import { Traffic } from './support/traffic.ts'

const recoveryMs = 60_000
/** No request may hang for longer. */
const requestMs = 15_000
/** So that the short run does not wait for the ten seconds that a statement may take. */
const impatience = { BAYWIRE_STATEMENT_TIMEOUT_MS: '1000', BAYWIRE_RETRY_MAX_MS: '500' }
const partitionMs = { long: 60_000, short: 5000 }

fault(
  {
    id: 'F12',
    title: 'nothing passes between the program and Postgres, and nobody is told',
    times: { perHundred: 5, short: 1 },
    messages: { part: 0.1, short: 5000 },
  },
  async (round) =>
    await withDatabaseBehindCable({ env: round.long ? {} : impatience }, async ({ home, cable }) => {
      const program = await home.start()
      const traffic = new Traffic(home, { messages: round.messages, rate: 1000 })
      const slowest = { detected: 0, recovered: 0 }
      for (const [number, moment] of moments(round.random, { times: round.times, of: traffic.messages }).entries()) {
        // oxlint-disable no-await-in-loop -- one after the other
        await traffic.reach(moment)
        cable.hold()
        const heldAt = performance.now()
        await eventually('503', () => isNotReady(home, 'postgres'))
        slowest.detected = Math.max(slowest.detected, secondsSince(heldAt))
        const acknowledged = traffic.acknowledged()
        const url = home.url('/api/v1/public/acme/availability')
        const { status } = await fetch(url, { signal: AbortSignal.timeout(requestMs) })
        // What is in memory is shown; what is not cannot be.
        expect([200, 503]).toContain(status)
        await pause(round.long ? partitionMs.long : partitionMs.short)
        expect(traffic.acknowledged(), 'acknowledged meanwhile').toBe(acknowledged)
        cable.release()
        slowest.recovered = Math.max(slowest.recovered, await recovery(traffic))
        // The same without an end: what was connected never hears again.
        cable.fallSilent()
        slowest.recovered = Math.max(slowest.recovered, await recovery(traffic))
        await eventually('200', async () => (await home.readiness()).ready, { withinMs: recoveryMs })
        round.say(`${number + 1} of ${round.times} partitions, ${traffic.acknowledged()} acknowledged`)
        // oxlint-enable no-await-in-loop
      }
      const findings = await check(home, traffic)
      expect(program.running).toBe(true)
      return {
        ...findings,
        notes: { 'seen after at most s': slowest.detected, 'over after at most s': slowest.recovered },
      }
    }),
)

/** How long it takes, in seconds, until something is acknowledged. */
async function recovery(traffic: Traffic): Promise<number> {
  const startedAt = performance.now()
  await traffic.reach(Math.min(traffic.acknowledged() + 1, traffic.messages))
  return secondsSince(startedAt)
}

fault(
  {
    id: 'F13',
    title: 'the answers of Postgres are lost, those to COMMIT among them',
    times: { perHundred: 20, short: 3 },
    messages: { part: 0.1, short: 5000 },
  },
  async ({ random, times, messages, say }) => {
    let lostCommits = 0
    const tap: Tap = {
      onLostAnswer: (_link, bytes) => {
        if (isCommit(bytes)) lostCommits++
      },
    }
    return await withDatabaseBehindCable({ tap, env: { BAYWIRE_RETRY_MAX_MS: '500' } }, async ({ home, cable }) => {
      const program = await home.start()
      const traffic = new Traffic(home, { messages, rate: 1000 })
      for (const [number, moment] of moments(random, { times, of: traffic.messages }).entries()) {
        // oxlint-disable no-await-in-loop -- one after the other
        await traffic.reach(moment)
        const before = lostCommits
        cable.loseAnswers(isCommit)
        await eventually('a COMMIT that is not heard of', () => lostCommits > before)
        cable.cut()
        await recovery(traffic)
        say(`${number + 1} of ${times}, ${lostCommits} answers to COMMIT lost, ${traffic.acknowledged()} acknowledged`)
        // oxlint-enable no-await-in-loop
      }
      const findings = await check(home, traffic)
      expect(program.running).toBe(true)
      expect(lostCommits).toBeGreaterThan(0)
      expect(await home.metric('baywire_readings_total')).toBe(findings.stored + findings.duplicates)
      return { ...findings, notes: { 'answers to COMMIT lost': lostCommits } }
    })
  },
)

function isCommit(answer: Buffer): boolean {
  return answer.includes('COMMIT\0')
}

for (const percent of [5, 20]) {
  fault(
    {
      id: 'F14',
      title: `of the packets between senders and the broker ${percent} % are lost`,
      needs: ['root and iptables, for network namespaces'],
      times: { perHundred: 1, short: 1 },
      messages: { part: 0.03, short: 2000 },
    },
    async ({ messages, say }) =>
      await inHome({}, async (home) => {
        await home.start()
        const namespace = new NetworkNamespace()
        const host = namespace.hostAddress
        const [broker, database] = [await Cable.to(home.mqttPort, { host }), await toDatabase(home, host)]
        try {
          namespace.lose(percent, broker.port)
          const env = { BAYWIRE_HOST: host, BAYWIRE_MQTT_PORT: String(broker.port), DATABASE_URL: database.url }
          const traffic = new Traffic(home, { messages, rate: 200, env, prefix: namespace.prefix })
          const arrivals = await watchArrivals(traffic, say)
          const findings = await check(home, traffic)
          const p99 = await slowestOf(home, { traffic, arrivals })
          return { ...findings, notes: { 'acknowledged, p99 s': p99 } }
        } finally {
          broker.close()
          database.cable.close()
          namespace.remove()
        }
      }),
  )
}

/** The senders make what is missing in the database, which is not what is lossy here. */
async function toDatabase(home: Home, host: string): Promise<{ cable: Cable; url: string }> {
  const url = new URL(await home.databaseUrl())
  const cable = await Cable.to(Number(url.port), { host })
  url.hostname = host
  url.port = String(cable.port)
  return { cable, url: url.href }
}

/** When how many were acknowledged, as seen from outside, until all are. */
async function watchArrivals(traffic: Traffic, say: (line: string) => void): Promise<{ count: number; at: number }[]> {
  const arrivals: { count: number; at: number }[] = []
  let count = 0
  while (count < traffic.messages) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await traffic.reach(count + 1)
    count = traffic.acknowledged()
    if (count % 1000 < (arrivals.at(-1)?.count ?? 0) % 1000) say(`${count} of ${traffic.messages} acknowledged`)
    arrivals.push({ count, at: Date.now() })
  }
  return arrivals
}

/** The time from sending to acknowledgement that 99 of 100 readings keep to, in seconds. */
async function slowestOf(
  home: Home,
  { traffic, arrivals }: { traffic: Traffic; arrivals: readonly { count: number; at: number }[] },
): Promise<number> {
  const sql = connect({ url: await home.databaseUrl(), max: 1, statementTimeoutMs: 60_000, name: 'chaos' })
  try {
    const rows = await sql<{ device: string; counter: number; observed_at: Date }[]>`
      SELECT device, counter, observed_at FROM readings WHERE outcome <> 'duplicate'`
    const sentAt = new Map(rows.map((row) => [`${row.device} ${row.counter}`, row.observed_at.getTime()]))
    let arrival = 0
    const waits = (traffic.streams[0]?.ackLog.readings() ?? []).map(({ device, seq }, index) => {
      while ((arrivals[arrival]?.count ?? Infinity) <= index) arrival++
      return (arrivals[arrival]?.at ?? 0) - (sentAt.get(`${device} ${seq}`) ?? 0)
    })
    waits.sort((a, b) => a - b)
    return Math.round((waits[Math.floor(waits.length * 0.99)] ?? 0) / 100) / 10
  } finally {
    await sql.end()
  }
}
