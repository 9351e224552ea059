/** The database below the program: one of its processes killed, all of it killed, and frozen. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Home } from '../e2e/support/home.ts'
import { isNotReady } from '../e2e/support/stream.ts'
import { eventually } from '../support/program.ts'
import { check, checkSoFar } from './support/checker.ts'
import { fault, type Findings, type Round } from './support/fault.ts'
import { inHome, secondsSince } from './support/in-home.ts'
import { childrenOf, family, signalAll, titleOf } from './support/processes.ts'
import { moments, wholeBetween } from './support/random.ts'
import { Traffic } from './support/traffic.ts'

const tenants = ['acme', 'bravo']
const patience = { BAYWIRE_RETRY_MAX_MS: '500' }
const recoveryMs = 60_000
/** From one kill to the next, in seconds: longer than it takes until all is well again. */
const lifeS = 4

fault(
  {
    id: 'F2',
    title: 'a process of Postgres that works for us is killed',
    times: { perHundred: 200, short: 5 },
    messages: { part: 0.5, short: 8000 },
  },
  async (round) =>
    await inHome(patience, (home) =>
      killAgainAndAgain(home, round, (server) => {
        const clients = childrenOf(server).filter((pid) => titleOf(pid).includes('127.0.0.1('))
        return clients[wholeBetween(round.random, 0, clients.length)] ?? server
      }),
    ),
)

fault(
  {
    id: 'F3',
    title: 'the Postgres server is killed',
    times: { perHundred: 20, short: 2 },
    messages: { part: 0.2, short: 5000 },
  },
  async (round) => await inHome(patience, (home) => killAgainAndAgain(home, round, (server) => server)),
)

/** Acknowledgements go on each time, by the program that runs since the beginning. */
async function killAgainAndAgain(
  home: Home,
  { random, times, messages, say }: Round,
  victimOf: (server: number) => number,
): Promise<Findings> {
  const program = await home.start()
  // As fast as they are taken they would all be acknowledged long before the last kill.
  const traffic = new Traffic(home, { messages, tenants, rate: messages / (times * lifeS) })
  let slowest = 0
  let underTraffic = 0
  for (const [kill, moment] of moments(random, { times, of: traffic.messages }).entries()) {
    // oxlint-disable no-await-in-loop -- one kill after the other
    await traffic.reach(moment)
    const server = await home.server()
    process.kill(victimOf(server), 'SIGKILL')
    const killedAt = performance.now()
    const acknowledged = traffic.acknowledged()
    if (acknowledged < traffic.messages) underTraffic++
    await traffic.reach(Math.min(acknowledged + 1, traffic.messages))
    await eventually('200', async () => (await home.readiness()).ready, { withinMs: recoveryMs })
    slowest = Math.max(slowest, secondsSince(killedAt))
    if (kill % 20 === 19) await checkSoFar(home, traffic)
    say(`${kill + 1} of ${times} kills, ${traffic.acknowledged()} of ${traffic.messages} acknowledged`)
    // oxlint-enable no-await-in-loop
  }
  const findings = await check(home, traffic)
  await expectNothingLeft(home, findings)
  expect(program.running, 'never restarted').toBe(true)
  return { ...findings, notes: { 'ready again after at most s': slowest, 'while readings came': underTraffic } }
}

/** What the program says that it committed is what is in the log: nothing more, where a commit was in doubt. */
async function expectNothingLeft(home: Home, { stored, duplicates }: Findings): Promise<void> {
  expect(await home.metric('baywire_readings_total')).toBe(stored + duplicates)
  expect(await home.metric('baywire_door_given_up_total')).toBe(0)
  expect(await home.metric('baywire_in_flight')).toBe(0)
}

/** In the long run as the criterion says; in the short one, longer than a statement may run. */
const frozenMs = { long: 30_000, short: 2500 }

fault(
  {
    id: 'F6',
    title: 'Postgres stands still',
    times: { perHundred: 5, short: 2 },
    messages: { part: 0.1, short: 6000 },
  },
  async ({ random, times, messages, long, say }) =>
    await inHome(long ? {} : { BAYWIRE_STATEMENT_TIMEOUT_MS: '1000' }, async (home) => {
      const program = await home.start()
      const traffic = new Traffic(home, { messages, tenants, rate: messages / 6 })
      const slowest = { detected: 0, recovered: 0 }
      for (const [freeze, moment] of moments(random, { times, of: traffic.messages }).entries()) {
        // oxlint-disable no-await-in-loop -- one freeze after the other
        await traffic.reach(moment)
        const processes = family(await home.server())
        signalAll(processes, 'SIGSTOP')
        try {
          const frozenAt = performance.now()
          await eventually('503', () => isNotReady(home, 'postgres'))
          slowest.detected = Math.max(slowest.detected, secondsSince(frozenAt))
          const acknowledged = traffic.acknowledged()
          await pause(long ? frozenMs.long : frozenMs.short)
          expect(traffic.acknowledged(), 'acknowledged meanwhile').toBe(acknowledged)
        } finally {
          signalAll(processes, 'SIGCONT')
        }
        const thawedAt = performance.now()
        const acknowledged = traffic.acknowledged()
        await traffic.reach(Math.min(acknowledged + 1, traffic.messages))
        await eventually('200', async () => (await home.readiness()).ready, { withinMs: recoveryMs })
        slowest.recovered = Math.max(slowest.recovered, secondsSince(thawedAt))
        say(`${freeze + 1} of ${times} freezes, ${traffic.acknowledged()} of ${traffic.messages} acknowledged`)
        // oxlint-enable no-await-in-loop
      }
      const findings = await check(home, traffic)
      await expectNothingLeft(home, findings)
      expect(program.running).toBe(true)
      const notes = { 'seen after at most s': slowest.detected, 'over after at most s': slowest.recovered }
      return { ...findings, notes }
    }),
)
