/** The program itself: killed, stopped in the middle of its work, and frozen for longer than its clients wait. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Home } from '../e2e/support/home.ts'
import { eventually } from '../support/program.ts'
import { Cable, type Tap } from './support/cable.ts'
import { check, checkSoFar } from './support/checker.ts'
import { fault, type Findings, type Round } from './support/fault.ts'
import { inHome, secondsSince } from './support/in-home.ts'
import { moments } from './support/random.ts'
import { Traffic } from './support/traffic.ts'

const tenants = ['acme', 'bravo', 'civic']
const lostAnswers = 20
/** From one kill to the next, in seconds: longer than a start takes. */
const lifeS = 3
const puback = { firstByte: 0x40, bytes: 4 }
/** Every so many kills the log is folded again, while readings arrive. */
const checkedEvery = 20

fault(
  {
    id: 'F1',
    title: 'the program is killed',
    times: { perHundred: 100, short: 5 },
    messages: { part: 1, short: 15_000 },
  },
  async ({ random, times, messages, say }) =>
    await inHome({}, async (home) => {
      let program = await home.start()
      let lostBytes = 0
      const tap: Tap = { onLostAnswer: (_link, bytes) => (lostBytes += bytes.length) }
      const cable = await Cable.to(home.mqttPort, { tap })
      const traffic = new Traffic(home, {
        messages,
        tenants,
        // As fast as they are taken they would all be acknowledged long before the last kill.
        rate: messages / (times * lifeS),
        env: { BAYWIRE_MQTT_PORT: String(cable.port) },
      })
      let slowest = 0
      try {
        for (const [kill, moment] of moments(random, { times, of: traffic.messages }).entries()) {
          // oxlint-disable no-await-in-loop -- one life after the other
          await traffic.reach(moment)
          if (kill % 2 === 1) await loseAcknowledgements(cable, () => lostBytes)
          const server = await home.server()
          await program.kill()
          cable.cut()
          // The first time the database is seen to be gone; otherwise the next start meets it as it is.
          if (kill === 0) await home.serverEnded(server)
          const killedAt = performance.now()
          program = await home.start()
          slowest = Math.max(slowest, secondsSince(killedAt))
          if (kill % checkedEvery === checkedEvery - 1) await checkSoFar(home, traffic)
          say(`${kill + 1} of ${times} kills, ${traffic.acknowledged()} of ${traffic.messages} acknowledged`)
          // oxlint-enable no-await-in-loop
        }
        const findings = await check(home, traffic)
        expect(findings.duplicates, 'some came again').toBeGreaterThan(times > 1 ? lostAnswers : 0)
        await expect(program.stop()).resolves.toMatchObject({ code: 0 })
        return { ...findings, notes: { 'ready again after at most s': slowest } }
      } finally {
        cable.close()
      }
    }),
)

/** Commits go on, and nobody is told: what is sent again must count once. A sender that only connects is let in. */
async function loseAcknowledgements(cable: Cable, lostBytes: () => number): Promise<void> {
  const before = lostBytes()
  cable.loseAnswers((bytes) => bytes[0] === puback.firstByte)
  await eventually('commits that nobody is told of', () => lostBytes() - before >= lostAnswers * puback.bytes)
}

fault(
  {
    id: 'F31',
    title: 'the program is told to stop, under load',
    times: { perHundred: 50, short: 3 },
    messages: { part: 0.25, short: 6000 },
  },
  async (round) => await inHome({}, (home) => stopAgainAndAgain(home, round)),
)

async function stopAgainAndAgain(home: Home, { random, times, messages, say }: Round): Promise<Findings> {
  let program = await home.start()
  const traffic = new Traffic(home, { messages, tenants })
  let slowest = 0
  for (const [stop, moment] of moments(random, { times, of: traffic.messages }).entries()) {
    // oxlint-disable no-await-in-loop -- one life after the other
    await traffic.reach(moment)
    const toldAt = performance.now()
    const { code, stderr } = await program.stop()
    expect(code, stderr).toBe(0)
    slowest = Math.max(slowest, secondsSince(toldAt))
    program = await home.start()
    say(`${stop + 1} of ${times} stops, ${traffic.acknowledged()} of ${traffic.messages} acknowledged`)
    // oxlint-enable no-await-in-loop
  }
  const findings = await check(home, traffic)
  return { ...findings, notes: { 'stopped after at most s': slowest } }
}

/** Longer than any client waits for an answer to its ping, in the long run. */
const freezeMs = { long: 60_000, short: 3000 }

fault(
  {
    id: 'F7',
    title: 'the program stands still',
    times: { perHundred: 2, short: 2 },
    messages: { part: 0.05, short: 6000 },
  },
  async ({ random, times, messages, long, say }) =>
    await inHome({}, async (home) => {
      const program = await home.start()
      const traffic = new Traffic(home, { messages, tenants })
      for (const [freeze, moment] of moments(random, { times, of: traffic.messages }).entries()) {
        // oxlint-disable no-await-in-loop -- one freeze after the other
        await traffic.reach(moment)
        process.kill(program.pid, 'SIGSTOP')
        await pause(long ? freezeMs.long : freezeMs.short)
        process.kill(program.pid, 'SIGCONT')
        await eventually('200', async () => (await home.readiness()).ready)
        say(`${freeze + 1} of ${times} freezes, ${traffic.acknowledged()} of ${traffic.messages} acknowledged`)
        // oxlint-enable no-await-in-loop
      }
      const findings = await check(home, traffic)
      expect(program.running).toBe(true)
      return findings
    }),
)
