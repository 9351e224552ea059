/** What the database is kept on: the power is cut, the disk is full, the disk fails. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'vitest'
import type { Home } from '../e2e/support/home.ts'
import { isNotReady } from '../e2e/support/stream.ts'
import { eventually } from '../support/program.ts'
import { check, checkSoFar } from './support/checker.ts'
import { ImageDisk, SmallDisk } from './support/disk.ts'
import { fault } from './support/fault.ts'
import { inHome, secondsSince } from './support/in-home.ts'
import { family, signalAll } from './support/processes.ts'
import { moments } from './support/random.ts'
import { Traffic } from './support/traffic.ts'

const recoveryMs = 60_000
const diskMegabytes = { image: 6000, small: 400 }

/** From one power cut to the next, in seconds: longer than copying and a start take. */
const lifeS = 15

fault(
  {
    id: 'F4',
    title: 'the power is cut: what was not written to the disk is gone',
    needs: ['root, for mounts', 'loop devices and mkfs.ext4'],
    times: { perHundred: 20, short: 2 },
    messages: { part: 0.2, short: 6000 },
  },
  async ({ random, times, messages, say }) => {
    const disk = new ImageDisk(diskMegabytes.image)
    try {
      return await inHome({ BAYWIRE_DATA_DIR: disk.mountPoint }, async (home) => {
        let program = await home.start()
        // As fast as they are taken they would all be acknowledged long before the last cut.
        const traffic = new Traffic(home, { messages, tenants: ['acme', 'bravo'], rate: messages / (times * lifeS) })
        let slowest = 0
        let underTraffic = 0
        for (const [cut, moment] of moments(random, { times, of: traffic.messages }).entries()) {
          // oxlint-disable no-await-in-loop -- one cut after the other
          await traffic.reach(moment)
          const server = await home.server()
          if (traffic.acknowledged() < traffic.messages) underTraffic++
          const writers = [program.pid, ...family(server)]
          signalAll(writers, 'SIGSTOP')
          disk.copyAsCut()
          signalAll(writers, 'SIGKILL')
          await program.ended
          await home.serverEnded(server)
          disk.replaceByCopy()
          const startedAt = performance.now()
          program = await home.start()
          slowest = Math.max(slowest, secondsSince(startedAt))
          await checkSoFar(home, traffic)
          say(`${cut + 1} of ${times} cuts, ${traffic.acknowledged()} of ${traffic.messages} acknowledged`)
          // oxlint-enable no-await-in-loop
        }
        const findings = await check(home, traffic)
        return { ...findings, notes: { 'ready again after at most s': slowest, 'while readings came': underTraffic } }
      })
    } finally {
      disk.remove()
    }
  },
)

fault(
  {
    id: 'F10',
    title: 'the disk is full',
    needs: ['root, for mounts'],
    times: { perHundred: 3, short: 1 },
    messages: { part: 0.03, short: 6000 },
  },
  async ({ random, times, messages, say }) => {
    const disk = new SmallDisk(diskMegabytes.small)
    try {
      return await inHome({ BAYWIRE_DATA_DIR: disk.mountPoint, BAYWIRE_RETRY_MAX_MS: '1000' }, async (home) => {
        const program = await home.start()
        const traffic = new Traffic(home, { messages, tenants: ['acme'], rate: 1000 })
        const availability = home.url('/api/v1/public/acme/availability')
        // What was asked for before goes on being answered; for the rest the database is needed.
        await eventually('the counts', async () => (await fetch(availability)).ok)
        const seen = { readsAnswered: 0, reads: 0, slowest: 0 }
        for (const [time, moment] of moments(random, { times, of: traffic.messages }).entries()) {
          // oxlint-disable no-await-in-loop -- one after the other
          await traffic.reach(moment)
          disk.fill()
          await eventually('ingest says so', () => isNotReady(home, 'ingest'), { withinMs: recoveryMs })
          await eventually('further attempts', async () => {
            seen.reads++
            const { status } = await fetch(availability)
            if (status === 200) seen.readsAnswered++
            return seen.reads >= (time + 1) * 50
          })
          const acknowledged = traffic.acknowledged()
          expect(await isNotReady(home, 'ingest')).toBe(true)
          expect(traffic.acknowledged(), 'acknowledged while it is full').toBe(acknowledged)
          disk.free()
          const freedAt = performance.now()
          await eventually('200', async () => (await home.readiness()).ready, { withinMs: recoveryMs })
          await traffic.reach(Math.min(acknowledged + 1, traffic.messages))
          seen.slowest = Math.max(seen.slowest, secondsSince(freedAt))
          say(`${time + 1} of ${times}, ${traffic.acknowledged()} of ${traffic.messages} acknowledged`)
          // oxlint-enable no-await-in-loop
        }
        const findings = await check(home, traffic)
        expect(program.running).toBe(true)
        expect(seen.readsAnswered, 'reads go on').toBe(seen.reads)
        return { ...findings, notes: { 'over after at most s': seen.slowest, 'reads answered': seen.readsAnswered } }
      })
    } finally {
      disk.remove()
    }
  },
)

fault(
  {
    id: 'F8',
    title: 'the disk fails to make the log of Postgres durable (EIO)',
    needs: ['strace'],
    times: { perHundred: 10, short: 1 },
    messages: { part: 0.05, short: 5000 },
  },
  async ({ random, times, messages, say }) =>
    await inHome({ BAYWIRE_RETRY_MAX_MS: '500' }, async (home) => {
      const program = await home.start()
      // As fast as they are taken, they would all be acknowledged before the last failure.
      const traffic = new Traffic(home, {
        messages,
        tenants: ['acme'],
        rate: Math.min(1000, messages / (times * lifeS)),
      })
      for (const [time, moment] of moments(random, { times, of: traffic.messages }).entries()) {
        // oxlint-disable no-await-in-loop -- one after the other
        await traffic.reach(moment)
        await failToSync(home)
        const acknowledged = traffic.acknowledged()
        await traffic.reach(Math.min(acknowledged + 1, traffic.messages))
        await eventually('200', async () => (await home.readiness()).ready, { withinMs: recoveryMs })
        await checkSoFar(home, traffic)
        say(`${time + 1} of ${times}, ${traffic.acknowledged()} of ${traffic.messages} acknowledged`)
        // oxlint-enable no-await-in-loop
      }
      const findings = await check(home, traffic)
      expect(program.running).toBe(true)
      return findings
    }),
)

/** Until the server, which must not go on as if nothing had been, has given up. */
async function failToSync(home: Home): Promise<void> {
  const processes = family(await home.server())
  const retries = await home.metric('baywire_commit_retries_total')
  const attached = processes.flatMap((pid) => ['-p', String(pid)])
  const inject = ['-qq', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO']
  const strace = spawn('strace', ['-f', ...inject, ...attached], { stdio: 'ignore' })
  const ended = once(strace, 'exit')
  try {
    await eventually('a commit that fails', async () => (await home.metric('baywire_commit_retries_total')) > retries)
  } finally {
    strace.kill('SIGINT')
    await ended
  }
}
